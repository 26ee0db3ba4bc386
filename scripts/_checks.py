"""All checks of the project, one after the other: what they are, and whether they passed.

Runs in the venv that `test.py` has made; knows nothing of how it was made.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.prefix) / ("Scripts" if os.name == "nt" else "bin")
FOLDERS = ("src", "tests", "scripts", "docs/examples")

Command: TypeAlias = tuple[str, ...]

LINT: dict[str, Command] = {
    "format": ("ruff", "format", "--check", *FOLDERS),
    "ruff": ("ruff", "check", *FOLDERS),
    "flake8-async": (
        "flake8-async",
        "--startable-in-context-manager=serve_chat,run,_present",
        *(f"{folder}/**/*.py" for folder in FOLDERS),
    ),
    "mypy": ("mypy",),
    "layers": ("lint-imports",),
}
# Real servers under load too, which needs gcc: without it that part is left out, but not in CI.
GUARD: dict[str, Command] = {"benchmark guard": ("python", "scripts/bench/guard.py")}
# Last, so that pytest's closing line is the last that a test runner prints.
TESTS: dict[str, Command] = {"tests": ("pytest", "--cov", "--cov-report=term")}


def main() -> int:
    checks = chosen_checks()
    passed = {name: run_check(name, command) for name, command in checks.items()}
    print("\nchecks: " + ", ".join(f"{n} {'ok' if ok else 'FAILED'}" for n, ok in passed.items()))
    return 0 if all(passed.values()) else 1


def chosen_checks() -> dict[str, Command]:
    parser = argparse.ArgumentParser(
        prog="scripts/test.py",
        description="Without arguments: every check, the tests with branch coverage.",
    )
    parser.add_argument("only", nargs="?", choices=("lint", "guard", "pytest"), help="only a part")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="given to pytest")
    arguments = parser.parse_args()
    if arguments.only == "pytest":
        return {"tests": ("pytest", *arguments.rest)}
    if arguments.rest:
        parser.error("only `pytest` takes arguments")
    parts = {"lint": LINT, "guard": GUARD}
    return parts.get(arguments.only, LINT | GUARD | TESTS)


def run_check(name: str, command: Command) -> bool:
    print(f"\n$ {shlex.join(command)}", flush=True)
    start = time.perf_counter()
    code = subprocess.call([BIN / command[0], *expanded(command[1:])], cwd=ROOT)
    took = time.perf_counter() - start
    print(f"{name}: {'ok' if code == 0 else 'FAILED'} in {took:.1f} s", flush=True)
    return code == 0


def expanded(arguments: tuple[str, ...]) -> list[str]:
    """The arguments with the files for each pattern, without those of a pattern after `!`."""
    left_out = {name for a in arguments if a.startswith("!") for name in files(a[1:])}
    names = (files(a) if "*" in a else [a] for a in arguments if not a.startswith("!"))
    return [name for some in names for name in some if name not in left_out]


def files(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))


if __name__ == "__main__":
    sys.exit(main())
