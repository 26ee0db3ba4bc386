"""SQLite's connections, each with a thread of its own: opened, set up, closed.

Knows how the database lies on the disk, and nothing of what is in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import apsw
import trio

from trio_chat.config import StoreSection

# For the last words to SQLite; each takes milliseconds unless the disk hangs.
CLOSE_SECONDS = 10.0
BUSY_MS = 5000
CACHE_KIB = 16_384
# 16 MiB: with SQLite's own 4 MiB a busy server writes the same pages four times as often.
CHECKPOINT_PAGES = 4096


@asynccontextmanager
async def open_connection(
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
    # What is deleted is overwritten, in the pages that are given free as well.
    db.pragma("secure_delete", True)
    db.pragma("query_only", query_only)


def checkpoint(db: apsw.Connection) -> None:
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
