"""What was acknowledged is there after `kill -9` and after a power cut, exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import support_store_child
from support_store import check_database, talking
from trio_chat.config import StoreSection
from trio_chat.store.api import AUDIT_ROOM
from trio_chat.store.sqlite.store import DATABASE_NAME, open_sqlite_store

CHILD = Path(support_store_child.__file__)


def run_child(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(CHILD), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def acknowledgements(output: bytes) -> dict[str, int]:
    """Seq by key, of whole lines."""
    lines = output[: output.rfind(b"\n") + 1].decode().splitlines()
    return {key: int(seq) for key, seq in (line.split() for line in lines)}


async def stored(folder: Path) -> dict[str, int]:
    """Seq by key as the log tells it; checks that it is dense and whole, and says each thing
    once."""
    async with talking(open_sqlite_store(folder, StoreSection())) as talk:
        entries = await talk.store.page("lobby", after=0, limit=1_000_000)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        assert await talk.store.heads() == ({"lobby": len(entries)} if entries else {})
        found = {entry.text.removeprefix("text "): entry.seq for entry in entries}
        assert len(found) == len(entries)
        for key, seq in [*found.items()][:: max(len(found) // 20, 1)]:
            first = await talk.store.recall("s", key)
            assert first is not None
            assert first.seq == seq
            assert f"text {key}" in await talk.texts(f'"text {key}"')
        return found


async def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: dict[str, int] = {}
    randomly = random.Random(7)
    for _ in range(4):
        child = run_child(str(tmp_path), str(len(acknowledged) * 10), "kill")
        assert child.stdout is not None
        output = b"".join(child.stdout.readline() for _ in range(randomly.randint(1, 1500)))
        child.kill()
        output += child.stdout.read()
        child.stdout.close()
        assert child.wait() == -9
        acknowledged |= acknowledgements(output)
        assert acknowledged
        found = await stored(tmp_path)
        assert acknowledged.items() <= found.items()


async def test_kill_9_leaves_no_amendment_half_done(tmp_path: Path) -> None:
    acknowledged: dict[str, int] = {}
    randomly = random.Random(7)
    for _ in range(4):
        child = run_child(str(tmp_path), str(len(acknowledged) * 12), "kill-amending")
        assert child.stdout is not None
        output = b"".join(child.stdout.readline() for _ in range(randomly.randint(100, 1500)))
        child.kill()
        output += child.stdout.read()
        child.stdout.close()
        assert child.wait() == -9
        acknowledged |= acknowledgements(output)
        await check_amendments(tmp_path, acknowledged)


async def check_amendments(folder: Path, acknowledged: dict[str, int]) -> None:
    """Each edit and deletion is in the log, in its target and in the audit log; or in none."""
    async with talking(open_sqlite_store(folder, StoreSection())) as talk:
        entries = await talk.store.page("lobby", after=0, limit=1_000_000)
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        assert {*acknowledged.values()} <= {entry.seq for entry in entries}
        expected: dict[int, tuple[str, str]] = {}
        for entry in entries:
            if isinstance(entry.target, int):
                expected[entry.target] = (entry.kind, entry.text if entry.kind == "edited" else "")
        assert {kind for kind, _ in expected.values()} == {"edited", "deleted"}
        for entry in entries:
            if entry.kind == "message":
                as_it_is = expected.get(entry.seq, ("", entry.text))
                assert (entry.amended, entry.text) == as_it_is
        audit = await talk.store.page(AUDIT_ROOM, after=0, limit=1_000_000)
        assert [line.text for line in audit] == [
            f"{entry.kind} {entry.target}" for entry in entries if entry.target is not None
        ]
    check_database(folder)


async def cut_power(folder: Path, synchronous: str, rounds: int) -> int:
    """Return how many acknowledged writes were lost in so many power cuts."""
    lost = 0
    randomly = random.Random(7)
    start = 0
    for _ in range(rounds):
        commits = str(randomly.randint(2, 25))
        child = run_child(str(folder), str(start), "power-cut", synchronous, commits)
        output, _ = child.communicate(timeout=30)
        assert child.returncode == 9
        # It lives in memory, and would be gone too.
        (folder / f"{DATABASE_NAME}-shm").unlink()
        acknowledged = acknowledgements(output)
        assert acknowledged
        start += 100_000
        found = await stored(folder)
        lost += len(acknowledged.items() - found.items())
    return lost


async def test_a_power_cut_loses_nothing_with_synchronous_full(tmp_path: Path) -> None:
    assert await cut_power(tmp_path, "FULL", rounds=5) == 0


async def test_a_power_cut_loses_the_last_commits_with_synchronous_normal(tmp_path: Path) -> None:
    """The same harness does find losses where there are some to find."""
    assert await cut_power(tmp_path, "NORMAL", rounds=6) > 0
