"""What was deleted, redacted or dropped is gone from the disk, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from support_disk import FaultyDisk, faulty_disk
from support_store import (
    SECRET,
    TEST_SECONDS,
    Talk,
    check_database,
    database,
    followed,
    lies_in_files,
    lies_in_rows,
    talk_in,
    until,
)
from trio_chat.errors import Unavailable
from trio_chat.store.api import Write
from trio_chat.store.sqlite import amending, upkeep
from trio_chat.store.sqlite.store import DATABASE_NAME


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    with faulty_disk() as disk:
        yield disk


async def swept(talk: Talk, folder: Path) -> None:
    """Wait until nothing is left of what was dropped."""
    with database(folder) as db:
        await until(
            lambda: (
                not db.execute(
                    "SELECT count(*) FROM message WHERE id >> 40 NOT IN (SELECT id FROM room)"
                ).get
            ),
            talk.store,
        )
    await followed(talk.store, folder)


# --- nothing stays


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("how", ["edited", "deleted", "redact", "drop"])
async def test_a_text_that_was_taken_back_is_in_no_file(
    tmp_path: Path, how: str, settled: bool
) -> None:
    async with talk_in(tmp_path) as talk:
        for number in range(200):
            await talk.say(f"word {number}", account="a2")
            await talk.say(f"elsewhere {number}", room="other")
        for text in (f"my {SECRET} is", f"{SECRET}! {SECRET} of 4 KiB " + "and more " * 450):
            write = await talk.say(text, account="a1")
            await talk.say("word and something", account="a2")
            if settled:
                await talk.settle()
                assert "message" in lies_in_rows(tmp_path)
                assert "message_fts_data" in lies_in_rows(tmp_path)
            if how == "redact":
                await talk.store.redact("a1")
            elif how == "drop":
                await talk.store.drop("lobby")
                await swept(talk, tmp_path)
            else:
                await talk.say(how, kind=how, target=write.seq)
                assert await talk.texts(SECRET) == []
                await followed(talk.store, tmp_path)
            assert lies_in_rows(tmp_path) == []
        assert await talk.texts(SECRET, rooms=["lobby", "other"]) == []
    assert not lies_in_files(tmp_path)
    check_database(tmp_path)
    async with talk_in(tmp_path) as talk:
        assert len(await talk.texts("elsewhere", rooms=["other"], limit=1000)) == 200
        assert len(await talk.texts("word", limit=1000)) == (0 if how == "drop" else 202)


async def test_a_backup_holds_nothing_that_was_deleted(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    async with talk_in(tmp_path / "data") as talk:
        await talk.say(f"my {SECRET} is")
        await talk.settle()
        await talk.say("", kind="deleted", target=1)
        await talk.store.backup(copy / DATABASE_NAME)
    assert not lies_in_files(copy)


# --- restarts in between


async def test_what_was_amended_stays_so_over_a_restart(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        for text in ("one", "two", "three"):
            await talk.say(text, account="a1")
        await talk.say("uno", kind="edited", target=1)
        await talk.say("", kind="deleted", target=2)
        before = await talk.store.page("lobby", limit=10)
    async with talk_in(tmp_path) as talk:
        assert await talk.store.page("lobby", limit=10) == before
        assert [entry.text for entry in before] == ["uno", "", "three", "uno", ""]
        assert await talk.store.redact("a1") == 2
    async with talk_in(tmp_path) as talk:
        page = await talk.store.page("lobby", limit=10)
        assert [entry.text for entry in page] == ["", "", "", "", ""]
        refused = await talk.say("x", kind="edited", target=1)
        assert refused.error is not None
    check_database(tmp_path)


async def test_a_drop_that_was_interrupted_is_finished_after_the_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "BITE_CHARACTERS", 0)
    async with talk_in(tmp_path) as talk:
        await talk.commit(*[Write(room="kept", text="word") for _ in range(10)])
        # The newest room: nothing but what is left of it keeps its number from being given again.
        await talk.commit(*[Write(room="lobby", text=f"{SECRET} {i}") for i in range(2000)])
        await talk.store.drop("lobby")
    with database(tmp_path) as db:
        assert db.execute("SELECT count(*) FROM message").get > 1000
    async with talk_in(tmp_path) as talk:
        assert await talk.store.heads() == {"kept": 10}
        assert await talk.texts(SECRET, rooms=["lobby", "kept"]) == []
        for room in ("lobby", "new"):
            assert (await talk.say(f"hello {room}", room=room, scope="s", key=room)).seq == 1
        monkeypatch.setattr(amending, "BITE_CHARACTERS", 1000)
        await swept(talk, tmp_path)
        for room in ("lobby", "new"):
            page = await talk.store.page(room, after=0, limit=10)
            assert [entry.text for entry in page] == [f"hello {room}"]
        assert len(await talk.texts("word", rooms=["kept"])) == 10
    assert not lies_in_files(tmp_path)
    check_database(tmp_path)


async def test_a_redaction_that_was_interrupted_goes_on_when_it_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amending, "BITE_CHARACTERS", 0)
    async with talk_in(tmp_path) as talk:
        await talk.commit(
            *[Write(room="lobby", text=f"{SECRET} {i}", account="a1") for i in range(600)]
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.store.redact, "a1")
            with trio.fail_after(TEST_SECONDS):
                while not (await talk.store.page("lobby", after=10, limit=1))[0].amended:
                    pass
            nursery.cancel_scope.cancel()
        assert await talk.texts(SECRET) != []
    async with talk_in(tmp_path) as talk:
        assert 0 < await talk.store.redact("a1") < 600
        assert await talk.texts(SECRET) == []
        assert len(await talk.store.said_by("a1", limit=1000)) == 600
    assert not lies_in_files(tmp_path)
    check_database(tmp_path)


async def test_a_redaction_that_is_cancelled_again_and_again_harms_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled at any moment: no write of others fails, and nothing is left half done."""
    monkeypatch.setattr(amending, "BITE_CHARACTERS", 200)
    async with talk_in(tmp_path) as talk:
        await talk.commit(
            *[Write(room="lobby", text=f"{SECRET} {i}", account="a1") for i in range(1000)]
        )
        done = trio.Event()

        async def talk_on() -> None:
            while not done.is_set():
                assert (await talk.say("word")).error is None

        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk_on)
            nursery.start_soon(talk_on)
            for number in range(40):
                with trio.move_on_after(0.0007 * (number % 13)):
                    await talk.store.redact("a1")
            half_done = await talk.store.redact("a1")
            done.set()
        assert half_done < 1000
        assert await talk.texts(SECRET) == []
        assert await talk.store.redact("a1") == 0
        page = await talk.store.page("lobby", after=0, limit=1000)
        assert {(entry.text, entry.amended) for entry in page} == {("", "deleted")}
    check_database(tmp_path)


async def test_a_dropped_logs_number_is_given_again_when_nothing_remembers_it(
    tmp_path: Path,
) -> None:
    def dropped() -> int:
        with database(tmp_path) as db:
            count: int = db.execute("SELECT count(*) FROM dropped").get
            return count

    async with talk_in(tmp_path) as talk:
        write = await talk.say(scope="s", key="k")
        await talk.store.drop("lobby")
        await swept(talk, tmp_path)
        await talk.store.forget_ids(write.at_ms)
        assert dropped() == 1
    async with talk_in(tmp_path) as talk:
        assert (await talk.say(scope="s", key="k")).repeated
        assert (await talk.say(room="other", text="first")).seq == 1
        first = await talk.store.recall("s", "k")
        assert first is not None
        assert (first.room, first.seq) == ("lobby", 1)
        await talk.store.forget_ids(1 << 50)
        assert dropped() == 0
    async with talk_in(tmp_path) as talk:
        assert (await talk.say(scope="s", key="k")).seq == 1
        assert await talk.store.heads() == {"lobby": 1, "other": 1}


# --- failing disks


async def test_what_a_failing_disk_does_not_take_is_taken_later(
    tmp_path: Path, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "RETRY_SECONDS", 0.001)
    async with talk_in(tmp_path, vfs=disk.name) as talk:
        for number in range(1, 21):
            await talk.say(f"word {number}", account="a1")
            await talk.say(f"word {number}", room="other", account="a2")
        disk.fault = "full"
        edited = await talk.say("better", kind="edited", target=1, scope="s", key="e", audit="x")
        assert isinstance(edited.error, Unavailable)
        for doing in (talk.store.redact("a1"), talk.store.drop("other")):
            with pytest.raises(Unavailable):
                await doing
        assert len(await talk.store.page("lobby", limit=100)) == 20
        assert (await talk.store.page("lobby", limit=1))[0].text == "word 20"
        disk.fault = None
        assert await talk.store.heads() == {"lobby": 20, "other": 20}
        again = await talk.say("better", kind="edited", target=1, scope="s", key="e", audit="x")
        assert (again.error, again.seq, again.repeated) == (None, 21, False)
        assert await talk.store.redact("a1") == 20
        monkeypatch.setattr(amending, "BITE_CHARACTERS", 0)
        with capture_logs() as logs:
            await talk.store.drop("other")
            disk.fault = "broken"
            await until(lambda: bool(logs), talk.store)
            disk.fault = None
        assert logs[0]["event"] == "what was taken back cannot be removed yet"
        await swept(talk, tmp_path)
        assert await talk.texts("word", rooms=["lobby", "other"]) == []
    check_database(tmp_path)
