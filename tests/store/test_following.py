"""The index follows what was edited and deleted, outside of the commits; the store on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from support_store import (
    SECRET,
    check_database,
    database,
    lies_in_files,
    lies_in_rows,
    talk_in,
    until,
)
from trio_chat.store.api import Write
from trio_chat.store.sqlite.search import index
from trio_chat.store.sqlite.upkeep import Upkeep

LONG = " ".join(f"w{number}" for number in range(600))


async def stand_still(upkeep: Upkeep) -> None:
    """In place of `Upkeep.keep_tidying`: nothing follows."""
    await trio.sleep_forever()


async def no_finish(upkeep: Upkeep) -> None:
    """In place of `Upkeep.finish`: the server is killed."""
    await trio.lowlevel.checkpoint()


def waiting(folder: Path) -> int:
    with database(folder) as db:
        count: int = db.execute("SELECT count(*) FROM reindex").get
        return count


async def test_a_commit_does_not_wait_for_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B2: an edit of 4 KiB is committed with a note that the index is to follow."""
    monkeypatch.setattr(Upkeep, "keep_tidying", stand_still)
    async with talk_in(tmp_path) as talk:
        await talk.say(f"{LONG} {SECRET}")
        await talk.settle()
        for number in range(5):
            await talk.say(f"{LONG} edit{number}", kind="edited", target=1)
        assert waiting(tmp_path) == 1
        assert "message_fts_data" in lies_in_rows(tmp_path)


@pytest.mark.parametrize("how", ["edited", "deleted"])
async def test_no_read_gives_what_the_index_still_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """B2: promise 5 holds from the moment the write came out of `committed`."""
    monkeypatch.setattr(Upkeep, "keep_tidying", stand_still)
    async with talk_in(tmp_path) as talk:
        await talk.say("word before")
        await talk.say(f"word {SECRET} 上海")
        await talk.say("word after")
        await talk.settle()
        await talk.say("word better 北京", kind=how, target=2)
        for query in (SECRET, "上海", f"word {SECRET[:4]}*"):
            assert await talk.texts(query) == []
        better = ["word better 北京"]
        found = await talk.texts("word")
        if how == "edited":
            assert await talk.texts("bett*") == await talk.texts("北京") == better
            assert found == ["word after", *better, "word before"]
            assert await talk.texts("word", limit=2) == ["word after", *better]
            assert await talk.texts("word", sender="nobody") == []
        else:
            # What says why is an entry of its own.
            assert found == [*better, "word after", "word before"]
        assert SECRET not in str(await talk.store.page("lobby", limit=9))


@pytest.mark.parametrize("how", ["edited", "deleted", "redact", "drop"])
async def test_what_a_killed_server_left_is_removed_after_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """B2: the index follows also after a crash."""
    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "keep_tidying", stand_still)
        patch.setattr(Upkeep, "finish", no_finish)
        patch.setattr(Upkeep, "follow_all", no_finish)
        async with talk_in(tmp_path) as talk:
            await talk.say(f"{LONG} {SECRET}", account="a1")
            await talk.say("word")
            await talk.settle()
            if how == "redact":
                await talk.store.redact("a1")
            elif how == "drop":
                await talk.store.drop("lobby")
            else:
                await talk.say("better", kind=how, target=1)
            assert await talk.texts(SECRET) == []
        assert "message_fts_data" in lies_in_rows(tmp_path)
    async with talk_in(tmp_path) as talk:
        assert await talk.texts(SECRET) == []
        await until(lambda: not lies_in_rows(tmp_path), talk.store)
    assert not lies_in_files(tmp_path)
    check_database(tmp_path)


@pytest.mark.parametrize("bite", [1, 7, 32])
async def test_searches_are_right_while_the_index_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bite: int
) -> None:
    """B2: whatever part of a text has been taken out."""
    monkeypatch.setattr(index, "BITE_WORDS", bite)
    async with talk_in(tmp_path) as talk:
        words = LONG[:200]
        for number in range(20):
            await talk.say(f"old {words} {number} 上海")
        await talk.settle()
        for number in range(1, 21, 2):
            await talk.say(f"new {number}", kind="edited", target=number)
        left = 10
        while left:
            left = waiting(tmp_path)
            assert len(await talk.texts("old")) == len(await talk.texts("w7 w8")) == 10
            assert len(await talk.texts("上海")) == len(await talk.texts("new")) == 10
    check_database(tmp_path)


async def test_a_message_is_indexed_once_however_often_it_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B2: many edits of one line cost the index as much as the first and the last of them."""
    with monkeypatch.context() as patch:
        patch.setattr(Upkeep, "keep_tidying", stand_still)
        async with talk_in(tmp_path) as talk:
            await talk.commit(*[Write(room="lobby", text=f"word {i}") for i in range(3)])
            for number in range(50):
                await talk.say(f"edit {number}", kind="edited", target=number % 3 + 1)
            assert waiting(tmp_path) == 3
            assert await talk.texts("edit") == ["edit 47", "edit 49", "edit 48"]
    check_database(tmp_path)


async def test_a_backup_waits_until_the_index_has_followed(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    async with talk_in(tmp_path / "data") as talk:
        await talk.say(f"{LONG} {SECRET}")
        await talk.settle()
        await talk.say("better", kind="edited", target=1)
        await talk.store.backup(copy / "trio-chat.db")
    assert not lies_in_files(copy)
    check_database(copy)
