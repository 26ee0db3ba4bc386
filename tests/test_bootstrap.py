"""The scripts as somebody with a fresh clone uses them: real venv, real pip, no network.

What they install here is a stand-in without dependencies: its build back end counts the builds,
its program shows what it was given.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"

# A measured interpreter imports what measures it, and is slower to start.
UNMEASURED = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "trio-chat"
version = "1"
optional-dependencies = { test = [], lint = [] }
"""

BACKEND = """
import os, zipfile

INFO = "trio_chat-1.dist-info/"
FILES = {
    "trio_chat.pth": os.getcwd() + "/src",
    "trio_chat_dependency.py": "",
    "trio_chat_package/__init__.py": "",
    "trio_chat_package/inner.py": "",
    INFO + "METADATA": "Metadata-Version: 2.1\\nName: trio-chat\\nVersion: 1\\n"
        "Provides-Extra: test\\nProvides-Extra: lint\\n",
    INFO + "WHEEL": "Wheel-Version: 1.0\\nTag: py3-none-any\\n",
    INFO + "RECORD": "",
}

def build_editable(folder, config_settings=None, metadata_directory=None):
    with open("builds", "a") as builds:
        builds.write("built\\n")
    if os.path.exists("power-cut"):
        os.killpg(0, 9)
    if os.path.exists("fails"):
        raise RuntimeError("it does not build")
    name = "trio_chat-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for file, text in FILES.items():
            wheel.writestr(file, text)
    return name
"""

PROGRAM = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("ran", *sys.argv[1:], flush=True)
if "wait" in sys.argv:
    signal.pause()
sys.exit(5 if "five" in sys.argv else 0)
"""


class Clone:
    """A folder as `git clone` leaves it, with the stand-in for the project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site_packages = root / ".venv/lib/python{}.{}/site-packages".format(*sys.version_info)
        (root / "src/trio_chat").mkdir(parents=True)
        (root / "src/trio_chat/__main__.py").write_text(PROGRAM)
        shutil.copytree(SCRIPTS, root / "scripts", ignore=shutil.ignore_patterns("bench", "__*"))
        (root / "scripts/_checks.py").write_text(PROGRAM)
        (root / "backend.py").write_text(BACKEND)
        (root / "pyproject.toml").write_text(PYPROJECT)

    def change_pyproject(self) -> None:
        with (self.root / "pyproject.toml").open("a") as file:
            file.write("# changed\n")

    @property
    def builds(self) -> int:
        return len((self.root / "builds").read_text().splitlines())

    def start(
        self, script: str, *arguments: str, folder: Path | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.root / "scripts" / script), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder or self.root.parent,
            env=UNMEASURED | environment,
            start_new_session=True,
        )

    def run(
        self, script: str, *arguments: str, folder: Path | None = None, **environment: str
    ) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of one script, run to its end."""
        with self.start(script, *arguments, folder=folder, **environment) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """One clone for all tests, installed; each leaves it in working order."""
    clone = Clone(tmp_path_factory.mktemp("with a blank") / "clone")
    code, out, _ = clone.run("server.py")
    assert (code, out) == (0, "ran serve\n")
    return clone


@pytest.fixture
def trouble(installed: Clone) -> Iterator[Clone]:
    """The same, for a test that makes installing fail."""
    yield installed
    (installed.root / "pyproject.toml").write_text(PYPROJECT)
    for name in ("power-cut", "fails"):
        (installed.root / name).unlink(missing_ok=True)


def test_two_first_starts_at_once_make_one_install_and_both_run(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    with clone.start("server.py", "--one") as one, clone.start("client.py", "--two") as two:
        outputs = [process.communicate(timeout=60) for process in (one, two)]
    assert (one.returncode, two.returncode) == (0, 0)
    assert [out for out, _ in outputs] == ["ran serve --one\n", "ran connect --two\n"]
    assert sum("waiting for it" in err for _, err in outputs) == 1
    assert clone.builds == 1


def test_later_start_installs_nothing_and_says_nothing(installed: Clone) -> None:
    builds = installed.builds
    assert installed.run("server.py", "--set", "a b") == (0, "ran serve --set a b\n", "")
    assert installed.builds == builds


def test_later_start_imports_nothing_that_takes_time(installed: Clone) -> None:
    script = installed.root / "scripts/server.py"
    shown = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", script],  # -S: what site brings is not ours
        capture_output=True,
        text=True,
        check=True,
    )
    modules = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "_bootstrap" in modules
    assert not modules & {"subprocess", "pathlib", "venv", "json", "hashlib", "re", "fcntl"}


def test_checks_add_their_tools_once_and_the_server_keeps_them(installed: Clone) -> None:
    installed.change_pyproject()
    before = installed.builds
    assert "installing .[test,lint]" in installed.run("test.py")[2]
    assert installed.run("server.py") == (0, "ran serve\n", "")
    assert installed.run("test.py", "lint") == (0, "ran lint\n", "")
    assert installed.builds == before + 1


def test_changed_requirements_are_installed(installed: Clone) -> None:
    installed.change_pyproject()
    before = installed.builds
    code, out, err = installed.run("server.py")
    assert (code, out, installed.builds) == (0, "ran serve\n", before + 1)
    assert "installing" in err


def test_later_install_cut_short_is_finished_by_the_next_start(trouble: Clone) -> None:
    trouble.change_pyproject()
    power_cut = trouble.root / "power-cut"
    power_cut.touch()
    assert trouble.run("server.py")[0] == -signal.SIGKILL
    power_cut.unlink()
    assert trouble.run("server.py")[:2] == (0, "ran serve\n")


def test_first_install_cut_short_is_made_anew(tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone")
    power_cut = clone.root / "power-cut"
    power_cut.touch()
    assert clone.run("server.py")[0] == -signal.SIGKILL
    power_cut.unlink()
    code, out, err = clone.run("server.py")
    assert (code, out) == (0, "ran serve\n")
    assert "making" in err


def test_server_still_starts_after_tools_could_not_be_installed(trouble: Clone) -> None:
    trouble.change_pyproject()
    trouble.run("server.py")
    (trouble.root / "fails").touch()
    assert trouble.run("test.py")[0] == 1
    assert trouble.run("server.py") == (0, "ran serve\n", "")


def remove_dependency(clone: Clone) -> None:
    (clone.site_packages / "trio_chat_dependency.py").unlink()


def remove_base_python(clone: Clone) -> None:
    """What is left when the Python that a venv was made with is gone."""
    python = clone.root / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")


def remove_file_of_a_package(clone: Clone) -> None:
    (clone.site_packages / "trio_chat_package/inner.py").unlink()


@pytest.mark.parametrize(
    "damage", [remove_dependency, remove_base_python, remove_file_of_a_package]
)
def test_broken_venv_is_repaired(installed: Clone, damage: Callable[[Clone], None]) -> None:
    """C18: also where only a file inside a package is missing."""
    damage(installed)
    code, out, err = installed.run("server.py")
    assert (code, out) == (0, "ran serve\n")
    assert "making" in err
    assert installed.run("server.py") == (0, "ran serve\n", "")
    for name in ("trio_chat_dependency.py", "trio_chat_package/inner.py"):
        assert (installed.site_packages / name).exists()


def test_file_more_in_a_package_is_no_damage(installed: Clone) -> None:
    """C18: what changes the time of a folder is looked at, once."""
    builds = installed.builds
    (installed.site_packages / "trio_chat_package/other.py").write_text("")
    for _ in range(2):
        assert installed.run("server.py") == (0, "ran serve\n", "")
    assert installed.builds == builds


def test_moved_clone_runs_its_own_code(installed: Clone, tmp_path: Path) -> None:
    moved = Clone(tmp_path / "moved")
    shutil.copytree(installed.root / ".venv", moved.root / ".venv", symlinks=True)
    (moved.root / "src/trio_chat/__main__.py").write_text("print('moved')")
    assert moved.run("server.py")[:2] == (0, "moved\n")


def test_other_packages_on_the_way_do_not_disturb(installed: Clone, tmp_path: Path) -> None:
    for name in ("trio_chat", "trio"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    result = installed.run(
        "server.py", folder=tmp_path, PYTHONPATH=str(tmp_path), VIRTUAL_ENV=str(tmp_path)
    )
    assert result == (0, "ran serve\n", "")


def test_exit_code_and_signals_are_those_of_the_program(installed: Clone) -> None:
    assert installed.run("server.py", "five")[0] == 5
    with installed.start("server.py", "wait") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(timeout=30) == 7


def one_line(result: tuple[int, str, str]) -> str:
    """The last line of stderr, of a start that failed as it should."""
    code, out, err = result
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    return err.splitlines()[-1]


def test_no_network_is_one_line_with_what_to_do(trouble: Clone) -> None:
    needs_the_index = PYPROJECT.replace("requires = []", 'requires = ["hatchling"]')
    (trouble.root / "pyproject.toml").write_text(needs_the_index)
    line = one_line(
        trouble.run(
            "server.py",
            PIP_CONFIG_FILE=os.devnull,
            PIP_FIND_LINKS="",
            PIP_INDEX_URL="http://127.0.0.1:9/",
            PIP_NO_CACHE_DIR="1",
            PIP_RETRIES="0",
        )
    )
    assert "check the network" in line
    assert line.endswith(str(trouble.root / ".venv.log"))


def test_pip_failing_is_one_line_that_names_its_log(trouble: Clone) -> None:
    trouble.change_pyproject()
    (trouble.root / "fails").touch()
    line = one_line(trouble.run("server.py"))
    assert "RuntimeError: it does not build" in line
    assert "Traceback" in (trouble.root / ".venv.log").read_text()
    assert line.endswith(str(trouble.root / ".venv.log"))


def test_python_without_ensurepip_is_told_the_debian_package(tmp_path: Path) -> None:
    bootstrap = load_bootstrap(Clone(tmp_path / "clone").root)
    Path(bootstrap.LOG).write_text(
        "The virtual environment was not created successfully because ensurepip is not\n"
        "available.  On Debian/Ubuntu systems, you need to install the python3-venv\n"
    )
    assert "apt install python3-venv" in bootstrap.advice()


def test_old_python_is_told_which_one_is_needed() -> None:
    bootstrap = load_bootstrap(SCRIPTS.parent)
    assert "3.11 or newer is needed, this is 3.9" in bootstrap.too_old((3, 9))
    assert bootstrap.too_old((3, 11)) == bootstrap.too_old((3, 14)) == ""


@pytest.mark.parametrize("script", ["_bootstrap", "server", "client", "test"])
def test_old_python_gets_as_far_as_the_sentence(script: str) -> None:
    ast.parse((SCRIPTS / f"{script}.py").read_text(), feature_version=(3, 6))


def load_bootstrap(root: Path) -> ModuleType:
    path = root / "scripts/_bootstrap.py"
    spec = importlib.util.spec_from_file_location("_bootstrap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
