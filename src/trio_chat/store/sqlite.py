"""The store on disk: SQLite, one connection that writes in groups and two that read.

It alone knows of connections, threads and files; what it promises stands in the Protocols.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw
import structlog
import trio
from apsw.aio import deadline

from trio_chat.config import StoreSection
from trio_chat.errors import BadRequest, StoreError, Unavailable
from trio_chat.store import Entry, Record, Write, reading
from trio_chat.store.batches import Batches, dense_page, repeat
from trio_chat.store.migrations import migrate, steps
from trio_chat.store.ownership import create_private, own_folder
from trio_chat.store.query import parse_query
from trio_chat.store.writer import SEQ_MASK, Committer, Head
from trio_chat.text import clean_line, fold

T = TypeVar("T")

DATABASE_NAME = "trio-chat.db"

# Told to those whose write failed: by then a full disk may have been noticed.
RETRY_SECONDS = 2.0
# For the last words to SQLite; each takes milliseconds unless the disk hangs.
CLOSE_SECONDS = 10.0
BUSY_MS = 5000
# Writes that settle at once: enough that those of one room share pages, moved in some 10 ms.
SETTLE_WRITES = 1024
FORGET_SECONDS = 600.0
FORGET_BITE_IDS = 500
CACHE_KIB = 16_384
# 16 MiB: with SQLite's own 4 MiB a busy server writes the same pages four times as often.
CHECKPOINT_PAGES = 4096

# The write was at fault, not the disk: its batch is tried again one by one.
_WRITE_AT_FAULT = (
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.TooBigError,
    OverflowError,
    TypeError,
    ValueError,
)

_log = structlog.get_logger()


class SqliteStore:
    """See the Protocols in `trio_chat.store`. Made by `open_sqlite_store`."""

    def __init__(
        self,
        path: Path,
        section: StoreSection,
        writer: apsw.AsyncConnection,
        reader: apsw.AsyncConnection,
        searcher: apsw.AsyncConnection,
        committer: Committer,
    ) -> None:
        self._path = path
        self._section = section
        self._writer = writer
        self._reader = reader
        self._searcher = searcher
        self._committer = committer
        self._failing = False
        self.batches = Batches(section.queue_writes, section.batch_writes)
        self._settling = trio.Event()
        self.committed = self.batches.committed
        self.submit_nowait = self.batches.submit_nowait
        self.submit = self.batches.submit

    @property
    def description(self) -> str:
        return str(self._path)

    # --- writing

    async def commit(self, batch: list[Write]) -> None:
        """Commit *batch*, or fill in why not. Never raises for the disk or for a write."""
        try:
            await self._writer.async_run(self._committer.commit, batch)
        except _WRITE_AT_FAULT as exc:
            if len(batch) == 1:
                batch[0].error = BadRequest(f"this cannot be stored: {exc}")
                return
            for write in batch:
                await self.commit([write])
        except apsw.Error as exc:
            self._note_failure(exc)
            for write in batch:
                write.error = Unavailable(_reason(exc), retry_after=RETRY_SECONDS)
        else:
            self._note_success()

    def _note_failure(self, exc: apsw.Error) -> None:
        if not self._failing:
            _log.error("the store cannot be written", path=str(self._path), reason=repr(exc))
        self._failing = True

    def _note_success(self) -> None:
        if self._failing:
            _log.info("the store can be written again", path=str(self._path))
        self._failing = False
        if self._committer.unsettled >= SETTLE_WRITES:
            self._settling.set()

    async def keep_settling(self) -> None:
        """Settle whenever there is enough, until cancelled."""
        while True:
            await self._settling.wait()
            self._settling = trio.Event()
            try:
                await self._settle()
            except apsw.Error as exc:
                # What is recent stays so, and is tried again after the next commit.
                _log.warning("the search index cannot be kept up to date", reason=repr(exc))
                await trio.sleep(RETRY_SECONDS)

    async def keep_forgetting(self) -> None:
        """Forget ids that are old enough, again and again, until cancelled."""
        while True:
            before_seconds = time.time() - self._section.remember_ids_seconds
            with suppress(Unavailable):
                await self.forget_ids(int(before_seconds * 1000))
            await trio.sleep(FORGET_SECONDS)

    async def _settle(self) -> None:
        # Shielded, because what is cancelled half-way may or may not have happened.
        with trio.CancelScope(shield=True):
            await self._writer.async_run(self._committer.settle)

    async def forget_ids(self, before_ms: int) -> int:
        forget = self._committer.forget_ids
        forgotten = 0
        gone = FORGET_BITE_IDS
        while gone == FORGET_BITE_IDS:
            await trio.lowlevel.checkpoint()
            with trio.CancelScope(shield=True):
                gone = await self._ask(self._writer, forget, before_ms, FORGET_BITE_IDS)
            forgotten += gone
        return forgotten

    async def finish(self) -> None:
        """Leave a small and settled database: what the next start would have to do else."""
        with trio.move_on_after(CLOSE_SECONDS, shield=True), suppress(Unavailable):
            await self._ask(self._writer, self._committer.settle)
            await self._ask(self._writer, _checkpoint, self._writer)

    # --- reading

    async def page(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int
    ) -> list[Entry]:
        await trio.lowlevel.checkpoint()
        limit = max(limit, 0)
        tail = self._committer.tails.get(room, [])[:]
        near = list(dense_page(tail, before, after, limit))
        first_seq = tail[0].seq if tail else SEQ_MASK + 1
        enough = len(near) >= limit if after is None else after + 1 >= first_seq
        head = self._committer.heads.get(room)
        if enough or head is None:
            return near
        # The tail's start bounds the rest, so that what settles meanwhile is not read twice.
        older_than = first_seq if before is None else min(before, first_seq)
        wanted = limit - len(near) if after is None else limit
        far = await self._read(reading.page, head, older_than, after, wanted)
        return (far + near)[:limit]

    async def heads(self) -> dict[str, int]:
        return {name: head.seq for name, head in self._committer.heads.copy().items()}

    async def recall(self, scope: str, key: str) -> Write | None:
        first = self._committer.firsts.get((scope, key))
        if first is None:
            first = await self._read(reading.recall, scope, key)
        if first is None:
            return None
        write = Write(scope=scope, key=key)
        repeat(write, first)
        return write

    async def get(self, space: str, key: str) -> Record | None:
        return await self._read(reading.get, space, key)

    async def search(
        self,
        query: str,
        *,
        rooms: Sequence[str],
        sender: str | None = None,
        before_ms: int | None = None,
        after_ms: int | None = None,
        limit: int,
    ) -> list[Entry]:
        wanted = reading.Wanted(
            terms=parse_query(query),
            sender_key=None if sender is None else fold(clean_line(sender)),
            before_ms=before_ms,
            after_ms=after_ms,
            limit=limit,
        )
        try:
            with trio.fail_after(self._section.search_seconds):
                # When the disk takes no index, what is indexed can still be found.
                with suppress(apsw.Error):
                    await self._settle()
                db, ranges = self._searcher, self._ranges(rooms)
                return await self._ask(db, reading.search, db, wanted, ranges)
        except trio.TooSlowError:
            raise Unavailable(
                "the search took too long; narrow it down", retry_after=RETRY_SECONDS
            ) from None

    def _ranges(self, rooms: Sequence[str]) -> Sequence[Head]:
        heads = self._committer.heads
        return [heads[room] for room in dict.fromkeys(rooms) if room in heads]

    async def _read(self, question: Callable[..., T], *arguments: Any) -> T:
        return await self._ask(self._reader, question, self._reader, *arguments)

    async def _ask(
        self, db: apsw.AsyncConnection, question: Callable[..., T], *arguments: Any
    ) -> T:
        # Else apsw would raise at a deadline by itself, where trio cancels.
        token = deadline.set(math.inf)
        try:
            return cast("T", await db.async_run(question, *arguments))
        except apsw.Error as exc:
            raise Unavailable(_reason(exc), retry_after=RETRY_SECONDS) from exc
        finally:
            deadline.reset(token)

    # Last, because it hides the builtin from what follows.
    async def list(self, space: str, prefix: str = "") -> dict[str, Record]:
        return await self._read(reading.list_records, space, prefix)


def _reason(exc: apsw.Error) -> str:
    if isinstance(exc, apsw.FullError):
        return "the server's disk is full"
    return "the server's disk does not answer as it should"


@asynccontextmanager
async def open_sqlite_store(
    folder: Path, section: StoreSection, *, vfs: str | None = None
) -> AsyncIterator[SqliteStore]:
    """Open the database in *folder*, which belongs to this process until the end.

    Args:
        folder: made if missing; nobody else may look into it.
        vfs: the name of an SQLite VFS, for tests in which the disk fails.

    Raises:
        StoreError: see `trio_chat.store.open_store`.
    """
    path = folder / DATABASE_NAME
    with own_folder(folder):
        create_private(path)
        async with AsyncExitStack() as connections:
            store = await _open(path, section, vfs, connections)
            async with store.batches.running(store.commit) as nursery:
                nursery.start_soon(store.keep_settling)
                nursery.start_soon(store.keep_forgetting)
                yield store
            await store.finish()


async def _open(
    path: Path, section: StoreSection, vfs: str | None, connections: AsyncExitStack
) -> SqliteStore:
    connect = partial(_connection, path, section, vfs)
    try:
        writer = await connections.enter_async_context(connect())
        committer = await writer.async_run(_prepare, writer)
        reader = await connections.enter_async_context(connect(query_only=True))
        searcher = await connections.enter_async_context(connect(query_only=True))
    except apsw.NotADBError as exc:
        raise StoreError(f"{path}: no database; move it away, or choose another folder") from exc
    except apsw.Error as exc:
        raise StoreError(
            f"{path}: cannot be used ({exc}); look after the disk, or restore a backup"
        ) from exc
    return SqliteStore(path, section, writer, reader, searcher, committer)


@asynccontextmanager
async def _connection(
    path: Path, section: StoreSection, vfs: str | None, *, query_only: bool = False
) -> AsyncIterator[apsw.AsyncConnection]:
    flags = apsw.SQLITE_OPEN_READWRITE
    # Shielded: a connection that nobody knows of could not be closed.
    with trio.CancelScope(shield=True):
        db = await apsw.Connection.as_async(str(path), flags=flags, vfs=vfs)
    try:
        await db.async_run(_configure, db, section.synchronous, query_only)
        yield db
    finally:
        # A connection left open keeps the process from ending. What a failing disk does not take
        # any more is made good from the write-ahead log at the next start.
        with (
            trio.move_on_after(CLOSE_SECONDS, shield=True),
            suppress(apsw.Error, trio.TooSlowError),
        ):
            await db.aclose()


def _configure(db: apsw.Connection, synchronous: str, query_only: bool) -> None:
    db.set_busy_timeout(BUSY_MS)
    db.pragma("journal_mode", "WAL")
    db.pragma("synchronous", synchronous)
    db.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
    db.pragma("cache_size", -CACHE_KIB)
    db.pragma("temp_store", "memory")
    db.pragma("query_only", query_only)


def _checkpoint(db: apsw.Connection) -> None:
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _prepare(db: apsw.Connection) -> Committer:
    migrate(db, steps())
    return Committer(db)
