"""The store on disk: SQLite, one connection that writes in groups and three that read.

It knows which thread does what; what it promises stands in the Protocols.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw
import structlog
import trio

from trio_chat.config import StoreSection
from trio_chat.errors import BadRequest, DatabaseDamaged, StoreError, Unavailable
from trio_chat.store.api import Cursor, Entry, Hidden, Hits, Page, Record, Write
from trio_chat.store.batches import Batches
from trio_chat.store.entries import repeat
from trio_chat.store.paging import dense_slice, shown, span_of
from trio_chat.store.query import parse_query
from trio_chat.store.sqlite import authors, reading
from trio_chat.store.sqlite.asking import DAMAGED, RETRY_SECONDS, ask, damage, refusal
from trio_chat.store.sqlite.backup import copy_into, new_file
from trio_chat.store.sqlite.connections import open_connection
from trio_chat.store.sqlite.ids import Head
from trio_chat.store.sqlite.migrations import migrate, steps
from trio_chat.store.sqlite.ownership import (
    LOCK_NAME,
    create_private,
    identity,
    keep_watching,
    own_folder,
)
from trio_chat.store.sqlite.runs import Runs
from trio_chat.store.sqlite.search.searchers import Searchers
from trio_chat.store.sqlite.search.searching import Wanted, search
from trio_chat.store.sqlite.upkeep import Upkeep
from trio_chat.store.sqlite.writer import Committer
from trio_chat.text import clean_line, fold

T = TypeVar("T")

DATABASE_NAME = "trio-chat.db"

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
    """See the Protocols in `trio_chat.store.api`. Made by `open_sqlite_store`."""

    def __init__(
        self,
        path: Path,
        section: StoreSection,
        vfs: str | None,
        writer: apsw.AsyncConnection,
        reader: apsw.AsyncConnection,
        searchers: Searchers,
        committer: Committer,
        runs: Runs,
    ) -> None:
        self._path = path
        self._section = section
        self._vfs = vfs
        self._writer = writer
        self._reader = reader
        self._searchers = searchers
        self._committer = committer
        self._runs = runs
        self._failing = False
        self.batches = Batches(section.queue_writes, section.batch_writes)
        self.upkeep = Upkeep(writer, committer)
        self.committed = self.batches.committed
        self.submit_nowait = self.batches.submit_nowait
        self.submit = self.batches.submit
        self.statistics = self.batches.statistics
        self.drop = self.upkeep.drop
        self.forget_ids = self.upkeep.forget_ids

    @property
    def description(self) -> str:
        return str(self._path)

    @property
    def committing(self) -> bool:
        return self.batches.committing

    @property
    def generation(self) -> str:
        return self._runs.current

    def continues(self, generation: str) -> bool:
        return generation in self._runs

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
                write.error = refusal(exc, str(self._path))
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
        self.upkeep.note_commit()

    async def redact(self, account: str) -> int:
        await self.upkeep.bite(self._committer.settle)
        redacted = 0
        for _, base in await self._read(authors.rooms_of, account):
            redacted += await self.upkeep.redact_in(base, account)
        # What was edited meanwhile gives its old text until it has settled.
        await self.upkeep.bite(self._committer.settle)
        return redacted

    async def backup(self, path: Path) -> int:
        # The copy shall hold no text that was taken back before it was asked for.
        await self.upkeep.follow_all()
        connection = open_connection(self._path, self._section, self._vfs)
        async with new_file(path) as file, connection as db:
            await ask(db, copy_into, db, file)
        return (await trio.Path(path).stat()).st_size

    # --- reading

    async def page(
        self,
        room: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int,
        without: Hidden | None = None,
    ) -> Page:
        await trio.lowlevel.checkpoint()
        tail = self._committer.tails.get(room, [])[:]
        head = self._committer.heads.get(room)
        if head is None or limit <= 0:
            return Page()
        span = span_of(1, head.seq, before, after, without)
        near = shown(
            dense_slice(tail, span.first, span.last), limit, without, forwards=span.forwards
        )
        # The tail's start bounds the rest, so that what settles meanwhile is not read twice.
        far = span if not tail else span._replace(last=min(span.last, tail[0].seq - 1))
        if far.first > far.last or (len(near) >= limit and not span.forwards):
            return span.page(near, limit)
        wanted = limit if span.forwards else limit - len(near)
        entries = await self._read(reading.page, head, far, wanted, without) + near
        return span.page(entries[:limit], limit)

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
        before: Cursor | None = None,
        limit: int,
        without: Hidden | None = None,
    ) -> Hits:
        wanted = Wanted(
            terms=parse_query(query),
            sender_key=None if sender is None else fold(clean_line(sender)),
            before_ms=before_ms,
            after_ms=after_ms,
            before=before,
            limit=limit,
            without=without,
        )
        try:
            with trio.fail_after(self._section.search_seconds):
                await self._settle()
                return await self._searchers.ask(search, wanted, self._ranges(rooms))
        except trio.TooSlowError:
            raise Unavailable(
                "the search took too long; narrow it down", retry_after=RETRY_SECONDS
            ) from None

    def _ranges(self, rooms: Mapping[str, int]) -> Sequence[tuple[Head, int]]:
        heads = self._committer.heads
        return [(heads[room], above) for room, above in rooms.items() if room in heads]

    async def _settle(self) -> None:
        # When the disk takes no index, what is indexed can still be found.
        with suppress(apsw.Error):
            await self.upkeep.settle()

    async def said_by(
        self, account: str, *, after: tuple[str, int] | None = None, limit: int
    ) -> list[Entry]:
        await self._settle()
        return await self._read(reading.said_by, account, after, limit)

    async def _read(self, question: Callable[..., T], *arguments: Any) -> T:
        return await ask(self._reader, question, self._reader, *arguments)

    # Last, because it hides the builtin from what follows.
    async def list(self, space: str, prefix: str = "") -> dict[str, Record]:
        return await self._read(reading.list_records, space, prefix)


@asynccontextmanager
async def open_sqlite_store(
    folder: Path, section: StoreSection, *, vfs: str | None = None
) -> AsyncIterator[SqliteStore]:
    """Open the database in *folder*, which belongs to this process until the end.

    Args:
        folder: made if missing; nobody else may look into it.
        vfs: the name of an SQLite VFS, for tests in which the disk fails.

    Raises:
        StoreError: see `trio_chat.store.opening.open_store`.
    """
    path = folder / DATABASE_NAME
    with own_folder(folder):
        create_private(path)
        known = {file: identity(file) for file in (folder / LOCK_NAME, path)}
        async with AsyncExitStack() as connections:
            store = await _open(path, section, vfs, connections)
            async with store.batches.running(store.commit) as nursery:
                nursery.start_soon(store.upkeep.keep_settling)
                nursery.start_soon(store.upkeep.keep_tidying)
                nursery.start_soon(store.upkeep.keep_forgetting, section.remember_ids_seconds)
                nursery.start_soon(keep_watching, known)
                yield store
            await store.upkeep.finish()


async def _open(
    path: Path, section: StoreSection, vfs: str | None, connections: AsyncExitStack
) -> SqliteStore:
    connect = partial(open_connection, path, section, vfs)
    enter = connections.enter_async_context
    try:
        writer = await enter(connect())
        committer, runs = await writer.async_run(_prepare, writer)
        reader = await enter(connect(query_only=True))
        searchers = Searchers(
            await enter(connect(query_only=True)), await enter(connect(query_only=True))
        )
    except apsw.NotADBError as exc:
        raise StoreError(f"{path}: no database; move it away, or choose another folder") from exc
    except DAMAGED as exc:
        raise DatabaseDamaged(damage(exc, str(path))) from exc
    except apsw.Error as exc:
        raise StoreError(
            f"{path}: cannot be used ({exc}); look after the disk, or restore a backup"
        ) from exc
    return SqliteStore(path, section, vfs, writer, reader, searchers, committer, runs)


def _prepare(db: apsw.Connection) -> tuple[Committer, Runs]:
    migrate(db, steps())
    return Committer(db), Runs(db)
