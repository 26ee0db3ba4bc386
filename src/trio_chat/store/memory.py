"""The store in memory: the same promises but for restarts. No disk, no thread."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import islice

import trio

from trio_chat.config import StoreSection
from trio_chat.errors import Unavailable
from trio_chat.store import Entry, Record, Write
from trio_chat.store.batches import Batches, First, conflict, dense_page, entry_of, repeat
from trio_chat.store.query import Matcher, parse_query
from trio_chat.text import clean_line, fold

# Entries a search looks at between two checkpoints: a millisecond or two.
SEARCH_SLICE = 500
FORGET_SECONDS = 600.0
RETRY_SECONDS = 2.0
# However many talk: at some 250 bytes each the ids stay under 250 MB.
MAX_IDS = 1_000_000


class MemoryStore:
    """See the Protocols in `trio_chat.store`. Made by `open_memory_store`."""

    description = "memory"

    def __init__(self, section: StoreSection) -> None:
        self._section = section
        self._rooms: dict[str, list[Entry]] = {}
        # Lists are cut from time to time, because cutting costs as much as what is kept.
        self._cut_at = section.memory_events + section.memory_events // 8 + 1
        # In the order of their times, oldest first.
        self._first: dict[tuple[str, str], First] = {}
        self._records: dict[str, dict[str, Record]] = {}
        self._last_ms = 0
        self.batches = Batches(section.queue_writes, section.batch_writes)
        self.committed = self.batches.committed
        self.submit_nowait = self.batches.submit_nowait
        self.submit = self.batches.submit

    # --- writing

    async def commit(self, batch: list[Write]) -> None:
        now_ms = self._last_ms = max(time.time_ns() // 1_000_000, self._last_ms)
        self._forget_over(MAX_IDS)
        for write in batch:
            if write.key and (first := self._first.get((write.scope, write.key))):
                repeat(write, first)
            elif not write.puts or self._put_all(write):
                self._append(write, now_ms)

    def _append(self, write: Write, now_ms: int) -> None:
        write.at_ms = now_ms
        room = write.room
        if room:
            entries = self._rooms.get(room) or self._rooms.setdefault(room, [])
            write.seq = entries[-1].seq + 1 if entries else 1
            entries.append(entry_of(write))
            if len(entries) >= self._cut_at:
                del entries[: -self._section.memory_events]
        if write.key:
            self._first[write.scope, write.key] = (room, write.seq, now_ms, write.answer)

    def _put_all(self, write: Write) -> bool:
        versions = []
        for put in write.puts:
            record = self._records.get(put.space, {}).get(put.key)
            version = record.version if record else 0
            if put.expect is not None and put.expect != version:
                write.error = conflict(put, version)
                return False
            versions.append(version)
        for put, version in zip(write.puts, versions, strict=True):
            space = self._records.setdefault(put.space, {})
            if put.value is None:
                space.pop(put.key, None)
            else:
                space[put.key] = Record(put.value, version + 1)
        return True

    async def forget_ids(self, before_ms: int) -> int:
        old = 0
        for _, _, at_ms, _ in self._first.values():
            if at_ms >= before_ms:
                break
            old += 1
        self._forget_over(len(self._first) - old)
        return old

    def _forget_over(self, keep: int) -> None:
        for name in list(islice(self._first, max(len(self._first) - keep, 0))):
            del self._first[name]

    async def keep_forgetting(self) -> None:
        """Forget ids that are old enough, again and again, until cancelled."""
        while True:
            before_seconds = time.time() - self._section.remember_ids_seconds
            await self.forget_ids(int(before_seconds * 1000))
            await trio.sleep(FORGET_SECONDS)

    # --- reading

    async def page(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int
    ) -> list[Entry]:
        await trio.lowlevel.checkpoint()
        return list(dense_page(self._rooms.get(room, ()), before, after, limit))

    async def heads(self) -> dict[str, int]:
        return {room: entries[-1].seq for room, entries in self._rooms.items()}

    async def recall(self, scope: str, key: str) -> Write | None:
        first = self._first.get((scope, key))
        if first is None:
            return None
        write = Write(scope=scope, key=key)
        repeat(write, first)
        return write

    async def get(self, space: str, key: str) -> Record | None:
        return self._records.get(space, {}).get(key)

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
        matcher = Matcher(parse_query(query))
        sender_key = None if sender is None else fold(clean_line(sender))

        def wanted(entry: Entry) -> bool:
            return (
                (before_ms is None or entry.at_ms < before_ms)
                and (after_ms is None or entry.at_ms > after_ms)
                and (sender_key is None or fold(entry.sender) == sender_key)
                and matcher.matches(entry.text)
            )

        found: list[Entry] = []
        try:
            with trio.fail_after(self._section.search_seconds):
                for room in dict.fromkeys(rooms):
                    found += await self._search_room(room, wanted, limit)
        except trio.TooSlowError:
            raise Unavailable(
                "the search took too long; narrow it down", retry_after=RETRY_SECONDS
            ) from None
        found.sort(key=lambda entry: (entry.at_ms, entry.seq), reverse=True)
        return found[:limit]

    async def _search_room(
        self, room: str, wanted: Callable[[Entry], bool], limit: int
    ) -> list[Entry]:
        entries = self._rooms.get(room, ())[::-1]
        found: list[Entry] = []
        for start in range(0, len(entries), SEARCH_SLICE):
            found += filter(wanted, entries[start : start + SEARCH_SLICE])
            if len(found) >= limit:
                break
            await trio.lowlevel.checkpoint()
        return found[:limit]

    # Last, because it hides the builtin from what follows.
    async def list(self, space: str, prefix: str = "") -> dict[str, Record]:
        records = self._records.get(space, {})
        return {key: records[key] for key in sorted(records) if key.startswith(prefix)}


@asynccontextmanager
async def open_memory_store(section: StoreSection) -> AsyncIterator[MemoryStore]:
    """Open an empty store that is gone on leaving."""
    store = MemoryStore(section)
    async with store.batches.running(store.commit) as nursery:
        nursery.start_soon(store.keep_forgetting)
        yield store
