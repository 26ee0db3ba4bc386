"""A database that is damaged: one clear line, whatever is damaged in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from support_store import TEST_SECONDS, database, talk_in
from trio_chat.config import StoreSection
from trio_chat.errors import DatabaseDamaged, StoreError, Unavailable
from trio_chat.store.api import Put, Store, Write
from trio_chat.store.sqlite.store import DATABASE_NAME, open_sqlite_store
from trio_chat.store.sqlite.verifying import verify

PAGE_BYTES = 4096


async def fill(folder: Path) -> None:
    async with talk_in(folder) as talk:
        for number in range(300):
            await talk.say(
                f"word {number} 上海 " + "and more " * 20,
                account="a1",
                scope="s",
                key=str(number),
                puts=(Put("space", f"key {number}", b"value" * 50),),
            )
        await talk.settle()
        await talk.say("edited", kind="edited", target=7)


async def read_everything(store: Store) -> None:
    await store.heads()
    await store.list("space")
    await store.get("space", "key 7")
    await store.page("lobby", after=0, limit=1000)
    await store.search("word", rooms={"lobby": 0}, limit=1000)
    await store.said_by("a1", limit=1000)
    await store.recall("s", "7")


def tear(path: Path, page: int, randomly: random.Random) -> None:
    """Leave half of a page as it was before, or as the disk made it up."""
    content = bytearray(path.read_bytes())
    start = page * PAGE_BYTES + randomly.choice((0, PAGE_BYTES // 2))
    content[start : start + PAGE_BYTES // 2] = randomly.choice(
        (bytes(PAGE_BYTES // 2), randomly.randbytes(PAGE_BYTES // 2), b"\xff" * (PAGE_BYTES // 2))
    )
    path.write_bytes(content)


async def outcome(folder: Path) -> str:
    """What opening and reading it raises, in one line; "" for nothing."""
    line = ""
    try:
        with trio.fail_after(TEST_SECONDS):
            async with open_sqlite_store(folder, StoreSection()) as store:
                await read_everything(store)
    except* (StoreError, Unavailable) as group:
        exc: BaseException = group
        while isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        line = str(exc)
    return line


async def test_a_torn_page_is_told_in_one_line_that_names_the_file(tmp_path: Path) -> None:
    """D1: whichever page it is, no other exception; mostly there is something to tell, and
    `verify` has told it before."""
    await fill(tmp_path / "whole")
    content = (tmp_path / "whole" / DATABASE_NAME).read_bytes()
    randomly = random.Random(7)
    told = 0
    for number in range(60):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / DATABASE_NAME
        path.write_bytes(content)
        tear(path, number % (len(content) // PAGE_BYTES), randomly)
        problems = verify(path)
        line = await outcome(folder)
        if line:
            told += 1
            assert problems != []
            assert "\n" not in line
            assert str(path) in line
            assert "restore" in line or "move it away" in line
    assert told > 20


def test_who_is_there_already_is_told_no_path(tmp_path: Path) -> None:
    """D1: one error is both, the start's refusal and what a peer is told."""
    damaged = DatabaseDamaged(f"{tmp_path}: the database is damaged")
    assert damaged.message == "the server's database is damaged"
    assert damaged.code == "unavailable"
    assert str(tmp_path) in str(damaged)


# --- verify


def sql(text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with database(folder) as db:
            db.execute(text)

    return change


async def test_a_whole_database_has_no_problems(tmp_path: Path) -> None:
    await fill(tmp_path)
    assert verify(tmp_path / DATABASE_NAME) == []


async def test_a_database_can_be_verified_while_a_server_writes(tmp_path: Path) -> None:
    async with talk_in(tmp_path) as talk:
        for number in range(200):
            await talk.say(f"word {number}")
        await talk.settle()
        await talk.commit(*[Write(room="lobby", text=f"fresh {i}") for i in range(20)])
        for target in range(1, 50):
            await talk.say("better", kind="edited", target=target)
            problems = await trio.to_thread.run_sync(verify, tmp_path / DATABASE_NAME)
            assert problems == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (sql("DELETE FROM message WHERE id & 0xffff = 9"), "not 1 to 301"),
        (sql("UPDATE message SET text = 'other' WHERE id & 0xffff = 9"), "message 9 of room 1"),
        (sql("INSERT INTO message_fts(rowid, text) VALUES (5, 'x')"), "message 5 of room 0"),
        (sql("UPDATE room SET last_seq = 400"), "lobby: 301 messages from 1 to 301, not 1 to 400"),
        (sql("DELETE FROM room"), "a room 1 that there is not"),
        (sql("PRAGMA user_version = 99"), "made by a newer trio-chat"),
    ],
)
async def test_verify_tells_what_is_wrong(
    tmp_path: Path, harm: Callable[[Path], None], told: str
) -> None:
    await fill(tmp_path)
    harm(tmp_path)
    problems = verify(tmp_path / DATABASE_NAME)
    assert any(told in problem for problem in problems), problems
    assert all(problem.startswith(f"{tmp_path / DATABASE_NAME}: ") for problem in problems)


def test_verify_tells_of_what_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    path.write_bytes(b"Dear diary" * 500)
    assert len(verify(path)) == 1
    path.unlink()
    assert "cannot be opened" in verify(path)[0]
