"""For the tests of the stores: every back end by name, and a reader that waits for the commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import apsw
import trio

from trio_chat.config import StoreSection
from trio_chat.store.api import Entry, Store, Write
from trio_chat.store.memory import open_memory_store
from trio_chat.store.sqlite.store import DATABASE_NAME, open_sqlite_store
from trio_chat.store.sqlite.verifying import verify

Opener: TypeAlias = Callable[[Path, StoreSection], AbstractAsyncContextManager[Store]]
Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Store]]
"""The fixture `open_store`: a new store, with the section's keys as arguments."""

# A third back end is one line more.
BACK_ENDS: dict[str, Opener] = {
    "sqlite": lambda folder, section: open_sqlite_store(folder, section),
    "memory": lambda folder, section: open_memory_store(section),
}
TEST_SECONDS = 30

# Unlike all other words, so that the index cannot shorten it either.
SECRET = "xyzzyplugh"


class Talk:
    """A store with somebody who reads what it commits, as the server's broadcast does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.batches: list[Sequence[Write]] = []

    @property
    def writes(self) -> list[Write]:
        return [write for batch in self.batches for write in batch]

    async def read(self) -> None:
        async for batch in self.store.committed:
            self.batches.append(batch)
            for write in batch:
                if isinstance(write.origin, trio.Event):
                    write.origin.set()

    async def commit(self, *writes: Write) -> list[Write]:
        """Submit *writes* in one go, and wait until all came out of `committed`."""
        for write in writes:
            write.origin = trio.Event()
            try:
                self.store.submit_nowait(write)
            except trio.WouldBlock:
                await self.store.submit(write)
        for write in writes:
            await write.origin.wait()
        return list(writes)

    async def say(self, text: str = "hello", room: str = "lobby", **fields: Any) -> Write:
        [write] = await self.commit(Write(room=room, text=text, **fields))
        return write

    async def texts(
        self, query: str, *, rooms: Mapping[str, int] | Sequence[str] = ("lobby",), **how: Any
    ) -> list[str]:
        above = rooms if isinstance(rooms, Mapping) else dict.fromkeys(rooms, 0)
        found = await self.store.search(query, rooms=above, **{"limit": 50, **how})
        return [entry.text for entry in found]

    async def settle(self) -> None:
        """What a store keeps for later, it does before it searches."""
        await self.store.search("", rooms={}, limit=1)


@contextmanager
def database(folder: Path) -> Iterator[apsw.Connection]:
    """The file of the store on disk, opened beside the store's own connections."""
    db = apsw.Connection(str(folder / DATABASE_NAME))
    try:
        yield db
    finally:
        db.close()


def lies_in_files(folder: Path, word: str = SECRET) -> bool:
    files = [file.read_bytes() for file in folder.glob(f"{DATABASE_NAME}*")]
    assert files
    return any(word.encode() in content for content in files)


def lies_in_rows(folder: Path) -> list[str]:
    """The tables that hold the word in a row, those of the index among them."""
    with database(folder) as db:
        tables = [
            name
            for (name,) in db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage"
            )
        ]
        return [
            table
            for table in tables
            if any(
                SECRET.encode() in (value if isinstance(value, bytes) else str(value).encode())
                for row in db.execute(f"SELECT * FROM '{table}'")
                for value in row
            )
        ]


def check_database(folder: Path) -> None:
    """That the database is whole, and the index holds exactly the words of the messages."""
    assert verify(folder / DATABASE_NAME) == []


async def until(condition: Callable[[], bool], store: Store) -> None:
    """Wait for what the store does by itself; the test's deadline ends the wait."""
    with trio.fail_after(TEST_SECONDS):
        while not condition():
            # A turn of its reader's thread, so that its other threads have theirs.
            await store.get("any", "thing")


async def followed(store: Store, folder: Path) -> None:
    """Wait until the index holds every message as it is."""
    with database(folder) as db:
        await until(
            lambda: (
                not db.execute("SELECT count(*) FROM reindex").get
                and not db.execute("SELECT count(*) FROM uncut").get
            ),
            store,
        )


@asynccontextmanager
async def talking(store: AbstractAsyncContextManager[Store]) -> AsyncIterator[Talk]:
    with trio.fail_after(TEST_SECONDS):
        async with trio.open_nursery() as nursery, store as opened:
            talk = Talk(opened)
            nursery.start_soon(talk.read)
            yield talk


@asynccontextmanager
async def talk_in(folder: Path, *, vfs: str | None = None, **section: Any) -> AsyncIterator[Talk]:
    """A talk in the store on disk."""
    async with talking(open_sqlite_store(folder, StoreSection(**section), vfs=vfs)) as talk:
        yield talk


def seqs(entries: Sequence[Entry]) -> list[int]:
    return [entry.seq for entry in entries]
