"""What the SQLite store does when nobody waits for it: the search index, and ids grown old.

In bites, each a transaction of its own between two commits, so that no write is held up by more
than one bite.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import apsw
import trio

from trio_chat.store.writer import Head

# A commit tells the index, and waits for it: a search brings it up to date before it looks.
INDEX_SECONDS = 0.4
INDEX_BITE_ROWS = 500
FORGET_SECONDS = 600.0
FORGET_BITE_ROWS = 500

_Range = tuple[str, int, int, int]  # room, base, first seq, last seq


class Upkeep:
    def __init__(
        self, db: apsw.AsyncConnection, heads: Mapping[str, Head], behind: Mapping[str, int]
    ) -> None:
        self._db = db
        self._heads = heads
        # Rooms that hold more than the index, and up to where it holds them.
        self._behind = dict(behind)
        self._indexing = trio.Lock()
        self._noted = trio.Event()

    def note(self, touched: Iterable[str]) -> None:
        """Rooms are about to grow: to be called before `heads` says so."""
        for name in touched:
            if name not in self._behind:
                head = self._heads.get(name)
                self._behind[name] = head.seq if head else 0
        self._noted.set()

    async def keep_index(self) -> None:
        """Bring the index up to date again and again, until cancelled."""
        while True:
            await self._noted.wait()
            await trio.sleep(INDEX_SECONDS)
            self._noted = trio.Event()
            # A full disk: what is left is still noted, and tried again after the next commit.
            with suppress(apsw.Error):
                await self.catch_up()

    async def catch_up(self) -> None:
        """Index everything that is committed by now.

        Raises:
            apsw.Error: the disk refuses; what was indexed stays.
        """
        async with self._indexing:
            while self._behind:
                await self._index_bite()

    async def _index_bite(self) -> None:
        ranges = self._next_ranges()
        # Shielded, because a cancelled bite may or may not have happened; it takes milliseconds.
        with trio.CancelScope(shield=True):
            await self._db.async_run(_index, self._db, ranges)
        for name, _, _, last_seq in ranges:
            if last_seq == self._heads[name].seq:
                del self._behind[name]
            else:
                self._behind[name] = last_seq

    def _next_ranges(self) -> Sequence[_Range]:
        ranges = []
        left = INDEX_BITE_ROWS
        for name, indexed_seq in self._behind.items():
            head = self._heads[name]
            last_seq = min(head.seq, indexed_seq + left)
            ranges.append((name, head.base, indexed_seq + 1, last_seq))
            left -= last_seq - indexed_seq
            if left <= 0:
                break
        return ranges

    async def keep_forgetting(self, remember_seconds: float) -> None:
        """Forget ids older than that again and again, until cancelled."""
        while True:
            with suppress(apsw.Error):
                await self.forget_ids(int((time.time() - remember_seconds) * 1000))
            await trio.sleep(FORGET_SECONDS)

    async def forget_ids(self, before_ms: int) -> int:
        forgotten = 0
        gone = FORGET_BITE_ROWS
        while gone == FORGET_BITE_ROWS:
            await trio.lowlevel.checkpoint()
            with trio.CancelScope(shield=True):
                gone = await self._db.async_run(_forget, self._db, before_ms)
            forgotten += gone
        return forgotten


def _index(db: apsw.Connection, ranges: Sequence[_Range]) -> None:
    durable = db.pragma("synchronous")
    # A lost bite is made good at the next start; the commits' own syncs are enough.
    db.pragma("synchronous", "NORMAL")
    try:
        with db:
            for _, base, first_seq, last_seq in ranges:
                db.execute(_INDEX, (base + first_seq, base + last_seq))
                db.execute(_INDEXED, (last_seq, base))
    finally:
        db.pragma("synchronous", durable)


def _forget(db: apsw.Connection, before_ms: int) -> int:
    with db:
        db.execute(_FORGET, (before_ms, FORGET_BITE_ROWS))
    return db.changes()


_INDEX = """
    INSERT INTO message_fts(rowid, text) SELECT id, text FROM message WHERE id BETWEEN ? AND ?
"""
_INDEXED = "UPDATE room SET indexed_seq = ? WHERE id = ? >> 40"
_FORGET = """
    DELETE FROM idem WHERE (scope, key) IN (SELECT scope, key FROM idem WHERE at_ms < ? LIMIT ?)
"""
