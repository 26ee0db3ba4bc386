"""Compiles the C programs of the benchmarks when they are older than their sources."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O2", "-march=native", "-Wall", "-Wextra"]


class CannotBuild(Exception):
    """There is no C compiler, or it refused."""


def has_openssl() -> bool:
    """Return whether programs that include OpenSSL's headers can be built."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return False
    done = subprocess.run(
        [compiler, "-E", "-x", "c", "-"],
        input=b"#include <openssl/ssl.h>",
        capture_output=True,
        check=False,
    )
    return not done.returncode


def built(name: str, sources: list[Path], libraries: Sequence[str] = ()) -> Path:
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
    command = [compiler, *FLAGS, "-o", str(program), *map(str, sources), *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(done.stderr)
    return program
