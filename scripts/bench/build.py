"""Compiles the C programs of the benchmarks when they are older than their sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-march=native", "-Wall", "-Wextra"]


class CannotBuild(Exception):
    """There is no C compiler, or it refused."""


def built(name: str, sources: list[Path]) -> Path:
    """Return the program *name* made of *sources*; headers beside them count for its age.

    Raises:
        CannotBuild: with what the compiler said.
    """
    program = BUILD / name
    newest = max(
        file.stat().st_mtime for source in sources for file in (source, *source.parent.glob("*.h"))
    )
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CannotBuild("a C compiler is needed: install gcc")
    BUILD.mkdir(exist_ok=True)
    command = [compiler, *FLAGS, "-o", str(program), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(done.stderr)
    return program
