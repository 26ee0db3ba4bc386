"""The benchmark guard notices what would make the server slow, without measuring time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "scripts/bench"

# What coverage does in a process would be counted.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE") and k != "CI"}

JOINS_NOTHING = """
from trio_chat.server.delivery import broadcast

def one_by_one(group, data, refused, send=broadcast.send_to_all):
    for line in data.splitlines(keepends=True):
        send(group, line, refused)

broadcast.send_to_all = one_by_one
"""
ONE_MORE_CALL_PER_DELIVERY = """
from trio_chat.server.delivery import broadcast

def look_at_each(group, data, refused, send=broadcast.send_to_all):
    for outbox in group:
        look(outbox)
    send(group, data, refused)

def look(outbox):
    pass

broadcast.send_to_all = look_at_each
"""
ONE_MORE_CALL_PER_ENCRYPTED_SEND = """
from trio_chat.server.net.tls_links import TlsLink

def look(self, data, encrypt=TlsLink._encrypt):
    return encrypt(self, data)

TlsLink._encrypt = look
"""
WAKES_A_TASK_PER_MEMBER = """
from trio_chat.server.delivery import broadcast
import trio

def wake(group, data, refused, send=broadcast.send_to_all):
    send(group, data, refused)
    for session in group.values():
        session._carrier._shared.start_soon(trio.lowlevel.checkpoint)

broadcast.send_to_all = wake
"""


def guard(
    *arguments: str, before: str = "", folder: Path = BENCH, **environment: str
) -> tuple[int, str]:
    """Exit code and stdout of the guard, after *before* has changed the server."""
    script = f"{before}\nimport sys, guard\nsys.exit(guard.main())"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def exceeded(output: str) -> set[str]:
    return {line.split("|")[1].strip() for line in output.splitlines() if "EXCEEDED" in line}


def test_what_stands_here_keeps_its_budgets() -> None:
    code, output = guard("--only", "calls")
    assert (code, exceeded(output)) == (0, set())


@pytest.mark.parametrize(
    ("change", "figure"),
    [
        (JOINS_NOTHING, "busy: sends/delivery"),
        (ONE_MORE_CALL_PER_DELIVERY, "quiet: calls/message"),
        (ONE_MORE_CALL_PER_ENCRYPTED_SEND, "quiet-tls: calls/message"),
        (WAKES_A_TASK_PER_MEMBER, "quiet: tasks woken/message"),
    ],
)
def test_guard_notices(change: str, figure: str) -> None:
    code, output = guard("--only", "calls", before=change)
    assert code == 1
    assert figure in exceeded(output)


@pytest.mark.parametrize(("environment", "code"), [({}, 0), ({"CI": "true"}, 1)])
def test_without_compiler_the_load_is_left_out_but_not_in_ci(
    tmp_path: Path, environment: dict[str, str], code: int
) -> None:
    copy = tmp_path / "bench"
    shutil.copytree(BENCH, copy, ignore=shutil.ignore_patterns("build", "__pycache__"))
    result, output = guard("--only", "load", folder=copy, PATH=str(tmp_path), **environment)
    assert result == code
    assert "NOT measured under load" in output
    assert "install gcc" in output
