"""The fault scripts, in their short form: they must find nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import trio

from support_processes import QUIET

FAULTS = Path(__file__).parents[2] / "scripts/faults"
FAULT_SECONDS = 120.0
# Without the coverage that a child process would be measured for: tracing takes longer than the
# steps whose processor time is looked at.
UNTRACED = {name: value for name, value in QUIET.items() if not name.startswith("COV")}


async def test_kills_at_random_moments_lose_double_and_reorder_nothing() -> None:
    """Held: after `kill -9` no acknowledged line is missing, doubled or out of order."""
    command = [sys.executable, str(FAULTS / "kill.py")]
    command += ["--kills", "2", "--talkers", "6", "--seconds", "0.5"]
    with trio.fail_after(FAULT_SECONDS):
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, env=QUIET
        )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert done.stdout.decode().splitlines()[-1] == "nothing lost, nothing twice, one order for all"


async def test_no_request_takes_long_or_leaves_memory_behind() -> None:
    """A1, B3-B5: some of every command and field, with arguments of every awkward shape."""
    command = [sys.executable, str(FAULTS / "costs.py"), "--requests", "400", "--memory", "4"]
    with trio.fail_after(FAULT_SECONDS):
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, env=UNTRACED
        )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
