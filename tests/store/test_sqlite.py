"""What the store on disk does besides: restarts, one owner, failing disks, older databases."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from support_disk import Fault, FaultyDisk, faulty_disk
from support_store import database, seqs, talk_in, talking, until
from trio_chat.config import Config, StoreSection
from trio_chat.errors import BadRequest, StoreError, Unavailable
from trio_chat.store.api import Put, Record, Write
from trio_chat.store.opening import open_store
from trio_chat.store.sqlite import ownership, upkeep
from trio_chat.store.sqlite.ownership import LOCK_NAME
from trio_chat.store.sqlite.store import DATABASE_NAME, open_sqlite_store

# --- restarts


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        for number in range(1, 11):
            await talk.say(f"word {number}", sender="Älice", scope="s", key=str(number))
        await talk.commit(Write(puts=(Put("topic", "lobby", b"t"),), scope="s", key="put"))
        before = await talk.store.page("lobby", limit=100)
    async with talk_in(tmp_path) as talk:
        assert await talk.store.page("lobby", limit=100) == before
        assert await talk.store.heads() == {"lobby": 10}
        assert await talk.store.get("topic", "lobby") == Record(b"t", 1)
        assert (await talk.say(scope="s", key="7")).seq == 7
        assert (await talk.say("next")).seq == 11
        assert await talk.texts("word", sender="ÄLICE", limit=2) == ["word 10", "word 9"]
        [put] = await talk.commit(Write(scope="s", key="put"))
        assert put.repeated


async def test_what_had_not_settled_is_there_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talk_in(tmp_path / "running") as talk:
        await talk.say("settled", scope="s", key="1")
        await talk.settle()
        await talk.say("fresh", scope="s", key="2")
        await talk.say("elsewhere", room="other", kind="topic")
        await talk.commit(Write(scope="s", key="3", answer=b"no event"))
        # As the next server finds it after a crash.
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in (tmp_path / "running").glob(f"{DATABASE_NAME}*"):
            if not file.name.endswith("-shm"):
                (copy / file.name).write_bytes(file.read_bytes())
    async with talk_in(copy) as talk:
        page = await talk.store.page("lobby", limit=10)
        assert [entry.text for entry in page] == ["settled", "fresh"]
        assert seqs(await talk.store.page("lobby", before=2, limit=10)) == [1]
        assert [entry.kind for entry in await talk.store.page("other", limit=1)] == ["topic"]
        again = await talk.commit(*[Write(room="lobby", scope="s", key=key) for key in "123"])
        assert [(write.repeated, write.seq) for write in again] == [(True, 1), (True, 2), (True, 0)]
        assert again[2].answer == b"no event"
        assert await talk.texts("fresh") == ["fresh"]
        assert (await talk.say()).seq == 3


async def test_time_does_not_decrease_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = time.time_ns()
    async with talk_in(tmp_path) as talk:
        first = await talk.say()
    monkeypatch.setattr(time, "time_ns", lambda: now_ns - 60 * 10**9)
    async with talk_in(tmp_path) as talk:
        assert (await talk.say()).at_ms >= first.at_ms


async def test_a_clock_that_was_set_right_is_right_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S24: rooms in which nobody spoke since do not put the log ahead again."""
    now_ns, day_ns = time.time_ns(), 86_400 * 10**9
    async with talk_in(tmp_path) as talk:
        monkeypatch.setattr(time, "time_ns", lambda: now_ns + day_ns)
        await talk.say("word ahead", room="quiet")
        await talk.say("word ahead")
        monkeypatch.setattr(time, "time_ns", lambda: now_ns)
        await talk.say("word after")
    with capture_logs() as logs:
        async with talk_in(tmp_path) as talk:
            monkeypatch.setattr(time, "time_ns", lambda: now_ns + 10**9)
            assert (await talk.say("word again")).at_ms == now_ns // 10**6 + 1000
            assert await talk.texts("word") == ["word again", "word after", "word ahead"]
            found = await talk.texts("word", rooms=["lobby", "quiet"])
            assert (found[0], len(found)) == ("word again", 4)
    assert logs == []
    with database(tmp_path) as db:
        assert db.execute("SELECT count(*) FROM step").get == 2


async def test_ids_are_forgotten_after_their_time(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        await talk.say(scope="s", key="k")
    async with talk_in(tmp_path, remember_ids_seconds=1e-3) as talk:
        with database(tmp_path) as db:
            await until(lambda: not db.execute("SELECT count(*) FROM id_seen").get, talk.store)
        assert await talk.store.recall("s", "k") is None


async def test_many_writes_settle_by_themselves(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        await talk.commit(*[Write(room="r") for _ in range(3 * upkeep.SETTLE_WRITES)])
        with database(tmp_path) as db:
            await until(
                lambda: db.execute("SELECT count(*) FROM message").get >= 2 * upkeep.SETTLE_WRITES,
                talk.store,
            )
        assert len(await talk.store.page("r", after=0, limit=10_000)) == 3 * upkeep.SETTLE_WRITES


async def test_what_cannot_settle_stays_and_settles_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(upkeep, "SETTLE_WRITES", 10)
    async with talk_in(tmp_path) as talk:
        await talk.say("before")
        await talk.settle()
        with database(tmp_path) as db:
            db.execute("ALTER TABLE id_seen RENAME TO elsewhere")
            writes = [await talk.say(f"word {number}") for number in range(30)]
            assert [write.seq for write in writes] == list(range(2, 32))
            assert len(await talk.store.page("lobby", after=0, limit=100)) == 31
            db.execute("ALTER TABLE elsewhere RENAME TO id_seen")
        await talk.say("after")
        assert len(await talk.texts("word")) == 30
        assert len(await talk.store.page("lobby", after=0, limit=100)) == 32


# --- one owner, and files that nobody else reads


async def test_a_second_owner_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        with pytest.raises(StoreError) as info:
            async with open_sqlite_store(tmp_path, StoreSection()):
                pass
        assert str(tmp_path) in str(info.value)
        assert f"pid {os.getpid()}" in str(info.value)
        assert (await talk.say()).seq == 1
    async with talk_in(tmp_path) as talk:
        assert (await talk.say()).seq == 2


@pytest.mark.parametrize("way", ["lock deleted", "lock replaced", "symlink", "by /proc"])
async def test_a_second_owner_is_refused_whatever_became_of_the_lock_file(
    tmp_path: Path, way: str
) -> None:
    """D2: the file `lock` deleted while a server runs; the folder by another name."""
    folder = tmp_path / "data"
    async with talk_in(folder) as talk:
        other = folder
        if way.startswith("lock"):
            (folder / LOCK_NAME).unlink()
            if way == "lock replaced":
                (folder / LOCK_NAME).write_text("1\n")
        elif way == "symlink":
            other = tmp_path / "other"
            other.symlink_to(folder)
        else:
            other = Path(f"/proc/self/root{folder}")
        assert "another server" in await refused(other)
        assert (await talk.say()).seq == 1
    async with talk_in(folder) as talk:
        assert (await talk.say()).seq == 2


@pytest.mark.parametrize("name", [LOCK_NAME, DATABASE_NAME])
@pytest.mark.parametrize("replaced", [False, True])
async def test_the_log_tells_when_a_file_of_the_running_server_is_gone(
    tmp_path: Path, name: str, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2: noticed while the server runs, and told once."""
    monkeypatch.setattr(ownership, "WATCH_SECONDS", 0.001)
    with capture_logs() as logs:
        async with talk_in(tmp_path) as talk:
            for _ in range(20):  # meanwhile it looks again and again
                await talk.say()
            assert logs == []
            (tmp_path / name).rename(tmp_path / "elsewhere")
            if replaced:
                (tmp_path / name).write_bytes(b"")
            await until(lambda: bool(logs), talk.store)
    [told] = logs
    assert "deleted or replaced" in told["event"]
    assert told["file"] == str(tmp_path / name)


async def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "data"
    async with talk_in(folder) as talk:
        await talk.say()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        files = list(folder.iterdir())
        assert len(files) == 4
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_open_store_opens_what_the_configuration_says(tmp_path: Path) -> None:
    config = Config(store=StoreSection(data=str(tmp_path / "here")))
    async with talking(open_store(config)) as talk:
        assert talk.store.description == str(tmp_path / "here" / DATABASE_NAME)
    async with talking(open_store(Config(store=StoreSection(memory=True)))) as talk:
        assert talk.store.description == "memory"


async def refused(folder: Path) -> str:
    with pytest.raises(StoreError) as info:
        async with open_sqlite_store(folder, StoreSection()):
            pass
    return str(info.value)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message = await refused(tmp_path / "file" / "data")
    assert "cannot be written" in message
    assert "--data" in message


async def test_a_database_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).mkdir()
    assert "cannot be written" in await refused(tmp_path)


async def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    content = b"Dear diary, today I wrote more than a hundred bytes of text." * 20
    (tmp_path / DATABASE_NAME).write_bytes(content)
    assert "no database" in await refused(tmp_path)
    assert (tmp_path / DATABASE_NAME).read_bytes() == content


async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        await talk.say()
    path = tmp_path / DATABASE_NAME
    content = path.read_bytes()
    path.write_bytes(content[:4096].ljust(len(content), b"\xff"))
    assert "restore" in await refused(tmp_path)


async def test_another_programs_database_is_refused_and_kept(tmp_path: Path) -> None:
    with database(tmp_path) as db:
        db.execute("CREATE TABLE photo(id)")
    assert "none of trio-chat's" in await refused(tmp_path)
    with database(tmp_path) as db:
        assert db.execute("SELECT group_concat(name) FROM sqlite_schema").get == "photo"


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        await talk.say()
    with database(tmp_path) as db:
        db.pragma("user_version", 99)
    message = await refused(tmp_path)
    assert "newer" in message
    assert "version 99" in message


# --- failing disks and writes


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    with faulty_disk() as disk:
        yield disk


@pytest.mark.parametrize("fault", ["full", "read-only", "broken"])
async def test_a_failing_disk_makes_writes_unavailable_and_harms_nothing_else(
    tmp_path: Path, disk: FaultyDisk, fault: Fault
) -> None:
    async with talk_in(tmp_path, vfs=disk.name) as talk:
        for number in range(300):
            await talk.say(f"word {number}", scope="s", key=str(number))
        disk.fault = fault
        failed = await talk.commit(
            *[Write(room="lobby", text="lost", scope="s", key=f"x{i}") for i in range(20)]
        )
        for write in failed:
            assert isinstance(write.error, Unavailable)
            assert write.error.retry_after
            assert write.seq == 0
        assert len(await talk.store.page("lobby", after=0, limit=1000)) == 300
        assert await talk.store.heads() == {"lobby": 300}
        assert await talk.store.recall("s", "x1") is None
        assert await talk.store.recall("s", "1") is not None
        await talk.texts("word")
        disk.fault = None
        again = await talk.say("again", scope="s", key="x1")
        assert (again.seq, again.repeated, again.error) == (301, False, None)
        assert await talk.texts("again") == ["again"]
    async with talk_in(tmp_path) as talk:
        page = await talk.store.page("lobby", after=0, limit=1000)
        texts = [entry.text for entry in page]
        assert texts == [*(f"word {number}" for number in range(300)), "again"]


async def test_a_store_whose_disk_fails_can_be_left(tmp_path: Path, disk: FaultyDisk) -> None:
    async with talk_in(tmp_path, vfs=disk.name) as talk:
        await talk.say("kept")
        disk.fault = "broken"
        await talk.say("lost")
    for thread in [thread for thread in threading.enumerate() if "apsw" in thread.name]:
        # Else the process would not end.
        thread.join(5)
        assert not thread.is_alive()
    disk.fault = None
    async with talk_in(tmp_path) as talk:
        assert await talk.texts("") == ["kept"]


async def test_a_database_that_is_full_says_so(tmp_path: Path, disk: FaultyDisk) -> None:
    async with talk_in(tmp_path, vfs=disk.name) as talk:
        await talk.say(scope="s", key="k")
        disk.fault = "full"
        write = await talk.say()
        assert isinstance(write.error, Unavailable)
        assert "full" in write.error.message
        with pytest.raises(Unavailable):
            await talk.store.forget_ids(1 << 50)
        disk.fault = None


async def test_search_finds_what_it_can_while_the_disk_takes_nothing(
    tmp_path: Path, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ms = 2_000_000_000_000
    async with talk_in(tmp_path, vfs=disk.name) as talk:
        for number in range(20):
            at_ms = start_ms + number
            monkeypatch.setattr(time, "time_ns", lambda at_ms=at_ms: at_ms * 1_000_000)
            await talk.say(f"word {number}")
            if number == 5:
                await talk.settle()
        disk.fault = "full"
        assert await talk.texts("word", before_ms=start_ms + 2) == ["word 1", "word 0"]
        assert await talk.texts("word", after_ms=start_ms + 3) == ["word 5", "word 4"]
        disk.fault = None
        assert len(await talk.texts("word", after_ms=start_ms + 3)) == 16


async def test_a_cancelled_page_is_cancelled_and_nothing_else(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        await talk.commit(*[Write(room="lobby", text="word " * 50) for _ in range(3000)])
        await talk.settle()
        for _ in range(10):
            with trio.move_on_after(0.001):
                await talk.store.page("lobby", limit=3000)
        assert len(await talk.store.page("lobby", limit=3000)) == 3000


@pytest.mark.parametrize(
    "poison",
    [
        {"text": "lone \ud800 surrogate"},
        {"target": 1 << 80},
        {"text": None},
        {"answer": "no bytes"},
    ],
)
async def test_a_write_that_cannot_be_stored_harms_no_other(
    tmp_path: Path, poison: dict[str, Any]
) -> None:
    async with talk_in(tmp_path) as talk:
        writes = [Write(room="lobby", text=str(i), scope="s", key=str(i)) for i in range(5)]
        for field, value in poison.items():
            setattr(writes[2], field, value)
        await talk.commit(*writes)
        assert isinstance(writes[2].error, BadRequest)
        assert [write.error for write in writes if write is not writes[2]] == [None] * 4
        assert [write.seq for write in writes] == [1, 2, 0, 3, 4]
        assert await talk.store.recall("s", "2") is None


async def test_a_cancelled_read_does_not_hold_up_the_next(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        await talk.commit(*[Write(room="lobby", text="word " * 50) for _ in range(3000)])
        for _ in range(20):
            with trio.move_on_after(0.0005):
                await talk.texts("word", limit=3000)
        assert len(await talk.texts("word", limit=3000)) == 3000
        assert (await talk.say()).seq == 3001
