"""Runs the load generator against one server and returns its figures; measures nothing itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

from build import HERE, built, has_openssl
from peers import Server

Figures: TypeAlias = dict[str, Any]

# Beyond what the run's own bounds allow: the longest set-up and the longest run.
GIVE_UP_SECONDS = 500.0


class RunFailed(Exception):
    """The generator gave no figures; the text is what it said instead."""


def loadgen() -> Path:
    libraries = ("-lssl", "-lcrypto") if has_openssl() else ()
    return built("loadgen", sorted((HERE / "loadgen").glob("*.c")), libraries)


def run_load(server: Server, *arguments: str | float) -> Figures:
    """Return the generator's JSON line as a dict; its fields are explained in README.md.

    A run that the server did not sustain still has figures: look at `stuck`, `error`, `lost`.

    Raises:
        RunFailed: there are no figures at all.
    """
    command = [str(loadgen()), "--protocol", server.protocol, "--port", str(server.port)]
    command += ["--pid", str(server.pid), "--connecting", str(server.connecting)]
    if server.tls:
        command.append("--tls")
    command += ["--label", server.name, *map(str, arguments)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GIVE_UP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise RunFailed(f"no result after {GIVE_UP_SECONDS:.0f} s") from exc
    try:
        figures: Figures = json.loads(done.stdout)
    except ValueError as exc:
        raise RunFailed(done.stderr.strip() or f"exit code {done.returncode}") from exc
    figures["said"] = done.stderr.strip()
    return figures
