"""The store on disk: SQLite, one connection that writes in groups and two that read.

It knows which thread does what; what it promises stands in the Protocols.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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
from trio_chat.store.api import Entry, Record, Write
from trio_chat.store.batches import Batches
from trio_chat.store.entries import dense_page, repeat
from trio_chat.store.query import parse_query
from trio_chat.store.sqlite import authors, reading
from trio_chat.store.sqlite.backup import copy_into, new_file
from trio_chat.store.sqlite.connections import CLOSE_SECONDS, checkpoint, open_connection
from trio_chat.store.sqlite.ids import SEQ_MASK, Head
from trio_chat.store.sqlite.migrations import migrate, steps
from trio_chat.store.sqlite.ownership import create_private, own_folder
from trio_chat.store.sqlite.writer import Committer
from trio_chat.text import clean_line, fold

T = TypeVar("T")

DATABASE_NAME = "trio-chat.db"

# Told to those whose write failed: by then a full disk may have been noticed.
RETRY_SECONDS = 2.0
# Writes that settle at once: enough that those of one room share pages, moved in some 10 ms.
SETTLE_WRITES = 1024
FORGET_SECONDS = 600.0
FORGET_BITE_IDS = 500

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
        vfs: str | None,
        writer: apsw.AsyncConnection,
        reader: apsw.AsyncConnection,
        searcher: apsw.AsyncConnection,
        committer: Committer,
    ) -> None:
        self._path = path
        self._section = section
        self._vfs = vfs
        self._writer = writer
        self._reader = reader
        self._searcher = searcher
        self._committer = committer
        self._failing = False
        self.batches = Batches(section.queue_writes, section.batch_writes)
        self._settling = trio.Event()
        self._dropped = trio.Event()
        self.committed = self.batches.committed
        self.submit_nowait = self.batches.submit_nowait
        self.submit = self.batches.submit

    @property
    def description(self) -> str:
        return str(self._path)

    @property
    def committing(self) -> bool:
        return self.batches.committing

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

    async def keep_sweeping(self) -> None:
        """Delete what lies in dropped rooms, whenever there is something, until cancelled."""
        while True:
            try:
                more = True
                while more:
                    more = await self._upkeep(self._committer.sweep)
                await self._dropped.wait()
                self._dropped = trio.Event()
            except Unavailable as exc:
                _log.warning("what was dropped cannot be deleted yet", reason=str(exc))
                await trio.sleep(RETRY_SECONDS)

    async def _settle(self) -> None:
        # Shielded, because what is cancelled half-way may or may not have happened.
        with trio.CancelScope(shield=True):
            await self._writer.async_run(self._committer.settle)

    async def _upkeep(self, work: Callable[..., T], *arguments: Any) -> T:
        """Have the writer's thread do *work*, a bite of it, between two commits."""
        await trio.lowlevel.checkpoint()
        with trio.CancelScope(shield=True):
            done = await self._ask(self._writer, work, *arguments)
        return done  # noqa: RET504 (for mypy a scope may swallow what it is left with)

    async def forget_ids(self, before_ms: int) -> int:
        forget = self._committer.forget_ids
        forgotten = 0
        gone = FORGET_BITE_IDS
        while gone == FORGET_BITE_IDS:
            gone = await self._upkeep(forget, before_ms, FORGET_BITE_IDS)
            forgotten += gone
        return forgotten

    async def redact(self, account: str) -> int:
        await self._upkeep(self._committer.settle)
        redacted = 0
        for _, base in await self._read(authors.rooms_of, account):
            after: int | None = base
            while after is not None:
                redact_some = self._committer.redact_some
                after, deleted = await self._upkeep(redact_some, account, after)
                redacted += deleted
        # What was edited meanwhile gives its old text until it has settled.
        await self._upkeep(self._committer.settle)
        return redacted

    async def drop(self, room: str) -> None:
        await self._upkeep(self._committer.drop, room)
        self._dropped.set()

    async def backup(self, path: Path) -> int:
        connection = open_connection(self._path, self._section, self._vfs)
        async with new_file(path) as file, connection as db:
            await self._ask(db, copy_into, db, file)
        return (await trio.Path(path).stat()).st_size

    async def finish(self) -> None:
        """Leave a small and settled database: what the next start would have to do else."""
        with trio.move_on_after(CLOSE_SECONDS, shield=True), suppress(Unavailable):
            await self._ask(self._writer, self._committer.settle)
            await self._ask(self._writer, checkpoint, self._writer)

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

    def head(self, room: str) -> int:
        head = self._committer.heads.get(room)
        return head.seq if head else 0

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
        rooms: Mapping[str, int],
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
                await self._index()
                db, ranges = self._searcher, self._ranges(rooms)
                return await self._ask(db, reading.search, db, wanted, ranges)
        except trio.TooSlowError:
            raise Unavailable(
                "the search took too long; narrow it down", retry_after=RETRY_SECONDS
            ) from None

    def _ranges(self, rooms: Mapping[str, int]) -> Sequence[tuple[Head, int]]:
        heads = self._committer.heads
        return [(heads[room], above) for room, above in rooms.items() if room in heads]

    async def _index(self) -> None:
        # When the disk takes no index, what is indexed can still be found.
        with suppress(apsw.Error):
            await self._settle()

    async def said_by(
        self, account: str, *, after: tuple[str, int] | None = None, limit: int
    ) -> list[Entry]:
        await self._index()
        return await self._read(reading.said_by, account, after, limit)

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
                nursery.start_soon(store.keep_sweeping)
                yield store
            await store.finish()


async def _open(
    path: Path, section: StoreSection, vfs: str | None, connections: AsyncExitStack
) -> SqliteStore:
    connect = partial(open_connection, path, section, vfs)
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
    return SqliteStore(path, section, vfs, writer, reader, searcher, committer)


def _prepare(db: apsw.Connection) -> Committer:
    migrate(db, steps())
    return Committer(db)
