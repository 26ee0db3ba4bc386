"""The store in memory: the same promises but for restarts. No disk, no thread."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice, takewhile
from pathlib import Path

import msgspec
import trio

from trio_chat.config import StoreSection
from trio_chat.errors import ChatError, Conflict, Unavailable
from trio_chat.store.api import (
    AUDIT_ROOM,
    SCAN_ENTRIES,
    Amended,
    Cursor,
    Entry,
    Hidden,
    Hits,
    Page,
    Put,
    Record,
    Write,
)
from trio_chat.store.batches import Batches
from trio_chat.store.entries import (
    AMENDING,
    EMPTIED,
    SAID,
    First,
    Part,
    amendment,
    audit_entry,
    conflict,
    entry_of,
    merged,
    next_ms,
    no_such_message,
    repeat,
)
from trio_chat.store.paging import dense_slice, is_hidden, shown, span_of
from trio_chat.store.query import Matcher, parse_query
from trio_chat.text import clean_line, fold

# Entries that are looked at between two checkpoints: a millisecond or two.
SLICE = 500
# The same where each is compared: 50 of 4 KiB in a script without blanks take 10 milliseconds.
SEARCH_SLICE = 50
FORGET_SECONDS = 600.0
RETRY_SECONDS = 2.0
# However many talk: at some 250 bytes each the ids stay under 250 MB.
MAX_IDS = 1_000_000


class MemoryStore:
    """See the Protocols in `trio_chat.store`. Made by `open_memory_store`."""

    description = "memory"

    def __init__(self, section: StoreSection) -> None:
        self._section = section
        self.generation = secrets.token_hex(8)
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
        self.statistics = self.batches.statistics

    @property
    def committing(self) -> bool:
        return self.batches.committing

    def continues(self, generation: str) -> bool:
        return generation == self.generation

    # --- writing

    async def commit(self, batch: list[Write]) -> None:
        now_ms = self._last_ms = next_ms(time.time_ns() // 1_000_000, self._last_ms)
        self._forget_over(MAX_IDS)
        for write in batch:
            if write.key and (first := self._first.get((write.scope, write.key))):
                repeat(write, first)
            elif not (write.puts or write.kind in AMENDING) or self._change(write):
                self._append(write, now_ms)

    def _append(self, write: Write, now_ms: int) -> None:
        write.at_ms = now_ms
        room = write.room
        if room:
            write.seq = self.head(room) + 1
            self._add(entry_of(write))
        if write.key:
            self._first[write.scope, write.key] = (room, write.seq, now_ms, write.answer)
        if write.audit:
            self._add(audit_entry(write, self.head(AUDIT_ROOM) + 1))

    def _add(self, entry: Entry) -> None:
        entries = self._rooms.setdefault(entry.room, [])
        entries.append(entry)
        if len(entries) >= self._cut_at:
            del entries[: -self._section.memory_events]

    def _change(self, write: Write) -> bool:
        """Make the changes that come with the event; else refuse *write* and make none."""
        write.error = self._conflict(write)
        if write.kind in AMENDING and write.error is None:
            write.error = self._amend(write)
        if write.error is not None:
            return False
        for put in write.puts:
            space = self._records.setdefault(put.space, {})
            if put.value is None:
                space.pop(put.key, None)
            else:
                space[put.key] = Record(put.value, self._version(put) + 1)
        return True

    def _conflict(self, write: Write) -> Conflict | None:
        for put in write.puts:
            version = self._version(put)
            if put.expect is not None and put.expect != version:
                return conflict(put, version)
        return None

    def _version(self, put: Put) -> int:
        record = self._records.get(put.space, {}).get(put.key)
        return record.version if record else 0

    def _amend(self, write: Write) -> ChatError | None:
        target = self._find(write.room, write.target)
        if target is None or target.kind not in SAID or target.amended == "deleted":
            return no_such_message()
        self._replace(target, *amendment(write))
        return None

    def _find(self, room: str, seq: int | str | None) -> Entry | None:
        entries = self._rooms.get(room)
        if entries and isinstance(seq, int) and entries[0].seq <= seq <= entries[-1].seq:
            return entries[seq - entries[0].seq]
        return None

    def _replace(self, entry: Entry, text: str, amended: Amended) -> None:
        entries = self._rooms[entry.room]
        entries[entry.seq - entries[0].seq] = _amended(entry, text, amended)

    async def forget_ids(self, before_ms: int, *, scope: str | None = None) -> int:
        of_then = takewhile(lambda item: item[1][2] < before_ms, self._first.items())
        old = [name for name, _ in of_then if scope in (None, name[0])]
        for name in old:
            del self._first[name]
        return len(old)

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
        self,
        room: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int,
        without: Hidden | None = None,
    ) -> Page:
        await trio.lowlevel.checkpoint()
        entries = self._rooms.get(room, ())
        if not entries or limit <= 0:
            return Page()
        span = span_of(entries[0].seq, entries[-1].seq, before, after, without)
        looked_at = dense_slice(entries, span.first, span.last)
        visible = shown(looked_at, limit, without, forwards=span.forwards)
        return span.page([self._as_it_is(entry) for entry in visible], limit)

    def _as_it_is(self, entry: Entry) -> Entry:
        """What was edited gives the text as it is now; see `Entry.amended`."""
        if entry.kind != "edited" or entry.amended:
            return entry
        target = self._find(entry.room, entry.target)
        if target is None or target.amended == "deleted":
            return _amended(entry, "", "deleted")
        return _amended(entry, target.text, "")

    async def heads(self) -> dict[str, int]:
        return {room: entries[-1].seq for room, entries in self._rooms.items()}

    def head(self, room: str) -> int:
        entries = self._rooms.get(room)
        return entries[-1].seq if entries else 0

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
        rooms: Mapping[str, int],
        sender: str | None = None,
        before_ms: int | None = None,
        after_ms: int | None = None,
        before: Cursor | None = None,
        limit: int,
        without: Hidden | None = None,
    ) -> Hits:
        matcher = Matcher(parse_query(query))
        sender_key = None if sender is None else fold(clean_line(sender))

        def wanted(cursor: Cursor, entry: Entry) -> bool:
            return (
                (before is None or cursor < before)
                and (before_ms is None or entry.at_ms < before_ms)
                and (after_ms is None or entry.at_ms > after_ms)
                and (sender_key is None or fold(entry.sender) == sender_key)
                and entry.kind != "edited"
                and matcher.matches(entry.text)
            )

        try:
            with trio.fail_after(self._section.search_seconds):
                await trio.lowlevel.checkpoint()  # also where there is no room
                parts = [
                    await self._search_room(room, above, wanted, max(limit, 0), without)
                    for room, above in rooms.items()
                ]
        except trio.TooSlowError:
            raise Unavailable(
                "the search took too long; narrow it down", retry_after=RETRY_SECONDS
            ) from None
        return merged(parts, limit)

    async def _search_room(
        self,
        room: str,
        above: int,
        wanted: Callable[[Cursor, Entry], bool],
        limit: int,
        without: Hidden | None,
    ) -> Part:
        hits: list[tuple[Cursor, Entry]] = []
        looked_at: Cursor | None = None
        left = limit if without is None else SCAN_ENTRIES
        entries = dense_slice(self._rooms.get(room, ()), above + 1, self.head(room))[::-1]
        order_ms = entries[0].at_ms if entries else 0
        for start in range(0, len(entries), SEARCH_SLICE):
            for entry in entries[start : start + SEARCH_SLICE]:
                # See `Search.search`: what a wrong clock put ahead stands before what followed.
                order_ms = min(order_ms, entry.at_ms)
                cursor = (order_ms, room, entry.seq)
                if not wanted(cursor, entry):
                    continue
                if len(hits) == limit or not left:
                    # There is at least this one more.
                    return Part(hits, looked_at)
                left -= 1
                looked_at = cursor
                if without is None or not is_hidden(entry, without):
                    hits.append((cursor, entry))
            await trio.lowlevel.checkpoint()
        return Part(hits)

    def _slice(self, room: str, after: int) -> Sequence[Entry]:
        entries = self._rooms.get(room)
        if not entries:
            return ()
        first = max(after + 1, entries[0].seq)
        return dense_slice(entries, first, first + SLICE - 1)

    async def said_by(
        self, account: str, *, after: tuple[str, int] | None = None, limit: int
    ) -> list[Entry]:
        # Without an index: who asks page by page looks through everything once.
        after_room, after_seq = after or ("", 0)
        found: list[Entry] = []
        for room in sorted(self._rooms.keys() - {AUDIT_ROOM}):
            seq = after_seq if room == after_room else 0
            while room >= after_room and len(found) < limit and (entries := self._slice(room, seq)):
                found += [entry for entry in entries if entry.account == account]
                seq = entries[-1].seq
                await trio.lowlevel.checkpoint()
        return [self._as_it_is(entry) for entry in found[:limit]]

    # --- taking away

    async def redact(self, account: str) -> int:
        redacted = 0
        for room in self._rooms.keys() - {AUDIT_ROOM}:
            seq = 0
            while entries := self._slice(room, seq):
                for entry in entries:
                    if entry.account == account and entry.amended != "deleted":
                        redacted += entry.kind in SAID
                        if entry.kind in SAID or entry.kind in EMPTIED:
                            self._replace(entry, "", "deleted")
                seq = entries[-1].seq
                await trio.lowlevel.checkpoint()
        return redacted

    async def drop(self, room: str) -> None:
        await trio.lowlevel.checkpoint()
        self._rooms.pop(room, None)

    async def backup(self, path: Path) -> int:
        await trio.lowlevel.checkpoint()
        raise Unavailable("nothing is kept on disk")

    # Last, because it hides the builtin from what follows.
    async def list(self, space: str, prefix: str = "") -> dict[str, Record]:
        records = self._records.get(space, {})
        return {key: records[key] for key in sorted(records) if key.startswith(prefix)}


def _amended(entry: Entry, text: str, amended: Amended) -> Entry:
    return msgspec.structs.replace(entry, text=text, amended=amended)


@asynccontextmanager
async def open_memory_store(section: StoreSection) -> AsyncIterator[MemoryStore]:
    """Open an empty store that is gone on leaving."""
    store = MemoryStore(section)
    async with store.batches.running(store.commit) as nursery:
        nursery.start_soon(store.keep_forgetting)
        yield store
