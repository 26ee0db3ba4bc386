"""Make `.venv` beside pyproject.toml when it is missing or stale, then become its Python.

Knows nothing of the program it starts. Stands on the standard library alone, in syntax that
Python 3.6 still parses, so that an old Python gets a sentence instead of a SyntaxError. The way
where nothing is to do imports nothing that the interpreter has not already imported.
"""

import os
import sys

NEEDS = (3, 11)


def too_old(version: "tuple[int, int]") -> str:
    """The sentence for a Python that is too old to run trio-chat, or an empty string."""
    if version >= NEEDS:
        return ""
    return "trio-chat: Python {}.{} or newer is needed, this is {}.{}: try python3.11 {}".format(
        *NEEDS, *version, sys.argv[0]
    )


if too_old(sys.version_info[:2]):
    sys.exit(too_old(sys.version_info[:2]))

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(SCRIPTS)
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "trio-chat-stamp")
FOLDERS = os.path.join(VENV, "trio-chat-folders")
LOCK = os.path.join(ROOT, ".venv.lock")
LOG = os.path.join(ROOT, ".venv.log")
# A stamp that names a package which is never there: what a power cut leaves is made anew.
UNFINISHED = "\n(unfinished)\n"
WINDOWS = os.name == "nt"
PYTHON = os.path.join(VENV, *(("Scripts", "python.exe") if WINDOWS else ("bin", "python")))
VERSION = "{}.{}".format(*sys.version_info)

NO_VENV = "this Python cannot make a venv: apt install python3-venv, then start again"
NO_INDEX = "the package index cannot be reached: check the network and `pip config list`"
# What venv or pip printed -> what a person can do about it.
ADVICE = (
    ("No space left on device", "the disk is full: make room, then start again"),
    ("because ensurepip is not", NO_VENV),
    ("No module named venv", NO_VENV),
    ("No module named ensurepip", NO_VENV),
    ("Failed to establish a new connection", NO_INDEX),
    ("(from versions: none)", NO_INDEX),
)


class BootstrapError(Exception):
    """The venv cannot be made; the text says why and what to do, in one line."""


def launch(*command: str, extras: str = "") -> None:
    """Run the venv's Python with *command* and this script's own arguments; does not return.

    Args:
        command: arguments for Python, e.g. `-m trio_chat serve`.
        extras: the optional dependencies needed, as in `test,lint`.
    """
    try:
        if not is_fresh(extras):
            make_fresh(extras)
        run([PYTHON, "-P", *command, *sys.argv[1:]])
    except (BootstrapError, OSError) as exc:
        sys.exit(f"trio-chat: {exc}")
    except KeyboardInterrupt:
        sys.exit(130)


def run(command: list[str]) -> None:
    """Become *command*, so that signals and the exit code are the program's own."""
    if not WINDOWS:
        os.execve(command[0], command, clean_environment())
    import subprocess  # Windows has no exec that a waiting shell would see through

    sys.exit(subprocess.call(command, env=clean_environment()))


def clean_environment() -> dict[str, str]:
    """The environment without what would bring another Python's packages into the venv."""
    outside = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in outside}


def is_fresh(extras: str) -> bool:
    """Whether what is installed is what pyproject.toml asks for, and still there."""
    had, names, wanted = read_stamp()
    if wanted != identity() or not os.path.exists(PYTHON):
        return False
    is_enough = set(extras.split(",")) <= {"", *had.split(",")}
    return is_enough and not missing(names) and is_whole()


def read_stamp() -> "tuple[str, list[str], str]":
    """Of the last finished install: its extras, package names and identity; else empty."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            extras, names, wanted = file.read().split("\n", 2)
    except (OSError, ValueError):
        return "", [], ""
    return extras, names.split("/"), wanted


def write_stamp(extras: str) -> None:
    # Last of all, and in one step: a venv with a stamp was finished.
    with open(STAMP + ".new", "w", encoding="utf-8") as file:
        file.write("\n".join((extras, "/".join(package_names()), identity())))
    os.replace(STAMP + ".new", STAMP)


def identity() -> str:
    """What an install depends on: the Python, the folder (it is editable) and pyproject.toml."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        return "\n".join((VERSION, ROOT, file.read()))


def site_packages() -> str:
    library = ("Lib",) if WINDOWS else ("lib", "python" + VERSION)
    return os.path.join(VENV, *library, "site-packages")


def is_whole() -> bool:
    """Whether no installed package lacks a file. A folder tells by its time that something was put
    into it or taken out of it; only then all files are looked for."""
    try:
        with open(FOLDERS, encoding="utf-8") as file:
            lines = file.read().splitlines()
        if lines and all(line == folder_line(line.partition(" ")[2]) for line in lines):
            return True
    except OSError:
        pass
    if lost_files():
        return False
    write_folders()
    return True


def folder_line(folder: str) -> str:
    return "{} {}".format(os.stat(folder).st_mtime_ns, folder)


def write_folders() -> None:
    """Note the times of the folders of all packages."""
    lines = []
    for folder, names, _ in os.walk(site_packages()):
        names[:] = [name for name in names if name != "__pycache__"]
        lines.append(folder_line(folder))
    try:
        with open(FOLDERS + ".new", "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        os.replace(FOLDERS + ".new", FOLDERS)
    except OSError:
        pass  # somebody else's venv: it is looked through at every start


def lost_files() -> bool:
    """Whether a file is gone that pip has put into a package."""
    folder = site_packages()
    for name in os.listdir(folder):
        if not name.endswith(".dist-info"):
            continue
        try:
            with open(os.path.join(folder, name, "RECORD"), encoding="utf-8") as file:
                paths = [line.rsplit(",", 2)[0].strip('"') for line in file if line.strip()]
        except OSError:
            continue  # nothing says what belongs to it
        for path in paths:
            if not path.endswith(".pyc") and not os.path.exists(os.path.join(folder, path)):
                return True
    return False


def package_names() -> "list[str]":
    """What stands in site-packages, without versions, so that an upgrade by hand is no damage."""
    names = os.listdir(site_packages())
    return sorted(name for name in names if not name.endswith((".dist-info", "__pycache__")))


def missing(names: "list[str]") -> bool:
    try:
        return not set(names) <= set(package_names())
    except OSError:
        return True


def make_fresh(extras: str) -> None:
    """Make or repair the venv, one start at a time; the others wait and find it done."""
    try:
        lock = open(LOCK, "w", encoding="utf-8")  # noqa: SIM115, closed below
    except OSError as exc:
        remedy = "start once as the folder's owner, or in a copy of your own"
        raise BootstrapError(f"{ROOT} cannot be written ({exc.strerror}): {remedy}") from exc
    with lock:
        take(lock.fileno())
        if not is_fresh(extras):
            install(extras, lock.fileno())


def take(lock: int) -> None:
    if WINDOWS:
        return  # no flock there: start one at a time on first use
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another start is installing into .venv; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def install(extras: str, lock: int) -> None:
    import time

    start = time.monotonic()
    # pip believes what its records say is there.
    damaged = missing(read_stamp()[1]) or (os.path.isdir(site_packages()) and lost_files())
    with open(LOG, "wb"):
        pass
    if damaged or not venv_runs():
        say(f"making {VENV} with Python {VERSION}")
        base = getattr(sys, "_base_executable", sys.executable)
        log_run([base, "-m", "venv", "--clear", VENV], lock, f"{VENV} cannot be made")
        with open(STAMP, "w", encoding="utf-8") as file:
            file.write(UNFINISHED)
    what = f".[{extras}]" if extras else "."
    say(f"installing {what} into .venv; this takes a moment on first use")
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    log_run([*pip, "-e", what], lock, "the packages cannot be installed")
    write_stamp(extras)
    write_folders()
    say(f"ready after {time.monotonic() - start:.0f} s")


def venv_runs() -> bool:
    """Whether the venv has a Python like ours that starts, and pip."""
    import subprocess

    question = "import pip, sys; print('{}.{}'.format(*sys.version_info))"
    try:
        answer = subprocess.run(
            [PYTHON, "-I", "-c", question],
            capture_output=True,
            env=clean_environment(),
            text=True,
            check=False,
        )
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == VERSION


def log_run(command: "list[str]", lock: int, problem: str) -> None:
    """Run *command* with its output in the log; raise BootstrapError with advice if it fails."""
    import subprocess

    with open(LOG, "ab") as log:
        log.write((" ".join(command) + "\n").encode())
        log.flush()
        code = subprocess.call(
            command,
            cwd=ROOT,
            # A user's `pip.conf` stays in force, but `user = true` cannot work inside a venv.
            env=dict(clean_environment(), PIP_USER="0"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Killing this process leaves its child: then the child still holds the lock.
            pass_fds=() if WINDOWS else (lock,),
        )
    if code != 0:
        raise BootstrapError(f"{problem}: {advice()}; the whole output is in {LOG}")


def advice() -> str:
    """One sentence from the log: known trouble with its remedy, else pip's own last error."""
    with open(LOG, encoding="utf-8", errors="replace") as log:
        text = log.read()
    for sign, remedy in ADVICE:
        if sign in text:
            return remedy
    # pip's own `error: metadata-generation-failed` names no cause, its neighbours may.
    errors = [line.strip() for line in text.splitlines() if " " in line.partition("rror: ")[2]]
    return errors[-1] if errors else "no reason was given"


def say(text: str) -> None:
    print(f"trio-chat: {text}", file=sys.stderr, flush=True)  # stdout is the program's
