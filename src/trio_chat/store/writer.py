"""The commits: what the writer's thread does with a batch, in one transaction.

The only code that changes the log. It runs in the thread of the writer's connection, one call at
a time, and knows neither tasks nor channels.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import apsw

from trio_chat.errors import Conflict
from trio_chat.store import Entry, Put, Write
from trio_chat.store.batches import First, conflict, entry_of, repeat
from trio_chat.text import fold

SEQ_BITS = 40
SEQ_MASK = (1 << SEQ_BITS) - 1

# Rows a statement takes at once: each call into SQLite gives the interpreter lock away and has
# to win it back from the event loop, so one call per row is what a busy server feels most.
_CHUNKS = (64, 8, 1)

Name: TypeAlias = tuple[str, str]  # scope, key


class Head:
    """Where a room's log ends."""

    __slots__ = ("base", "name", "seq")

    def __init__(self, name: str, base: int, seq: int) -> None:
        self.name = name
        self.base = base  # room id << SEQ_BITS
        self.seq = seq


class _Plan:
    """What one transaction writes, and what is known and answered once it is committed."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.heads: dict[str, Head] = {}
        self.rows: list[Any] = []
        self.entries: list[Entry] = []
        self.firsts: dict[Name, First] = {}
        self.repeats: list[tuple[Write, First]] = []
        self.conflicts: list[tuple[Write, Conflict]] = []

    def answer(self) -> None:
        for write, first in self.repeats:
            repeat(write, first)
        for write, error in self.conflicts:
            write.error = error


class Committer:
    """Writes batches, and knows where every room ends and what has not settled yet.

    Its attributes change in the writer's thread, after each commit. Others may look at them
    without a lock: entries are added and dictionaries replaced, nothing is taken away.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._cursor = db.cursor()
        self.heads: dict[str, Head] = {}
        # The newest entries of some rooms, oldest first, and the newest keys: what `recent` holds.
        self.tails: dict[str, list[Entry]] = {}
        self.firsts: dict[Name, First] = {}
        self.unsettled = 0
        self._last_ms = 0
        self._last_room_id = 0
        self._load()

    def _load(self) -> None:
        names = {0: ""}
        for room_id, name, seq, at_ms in self._db.execute("SELECT * FROM room"):
            names[room_id] = name
            self.heads[name] = Head(name, room_id << SEQ_BITS, seq)
            self._last_ms = max(self._last_ms, at_ms)
            self._last_room_id = max(self._last_room_id, room_id)
        for row in self._db.execute(_RECENT):
            self.unsettled += 1
            identity, at_ms, kind, sender, account, text, target, scope, key, answer = row
            room, seq = names[identity >> SEQ_BITS], identity & SEQ_MASK
            if seq:
                entry = Entry(room, seq, at_ms, kind, sender, account, text, target)
                self.tails.setdefault(room, []).append(entry)
            if key:
                self.firsts[scope, key] = (room, seq, at_ms, answer)

    # --- one batch, one transaction

    def commit(self, batch: Sequence[Write]) -> None:
        """Write *batch* in one transaction and fill in the answers. On any exception nothing has
        happened."""
        plan = _Plan(max(time.time_ns() // 1_000_000, self._last_ms))
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            self._number(batch, plan)
            self._run(_INSERT, plan.rows)
            self._run(_ROOMS, _room_rows(plan.heads.values(), plan.now_ms))
            self._cursor.execute("COMMIT")
        except BaseException:
            self._undo(batch)
            raise
        self._remember(plan)
        plan.answer()

    def _undo(self, batch: Sequence[Write]) -> None:
        if self._db.in_transaction:
            with suppress(apsw.Error):
                self._cursor.execute("ROLLBACK")
        for write in batch:
            write.seq = write.at_ms = 0

    def _known(self, batch: Sequence[Write]) -> dict[Name, First]:
        """Those keys of *batch* that have happened before it."""
        names = [(write.scope, write.key) for write in batch if write.key]
        firsts = self.firsts
        known = {name: firsts[name] for name in names if name in firsts}
        flat = [part for name in names if name not in known for part in name]
        for scope, key, room, identity, at_ms, answer in self._run(_SEEN, flat):
            known[scope, key] = (room, identity & SEQ_MASK, at_ms, answer)
        return known

    def _number(self, batch: Sequence[Write], plan: _Plan) -> None:
        known = self._known(batch)
        heads, rows, firsts, now_ms = plan.heads, plan.rows, plan.firsts, plan.now_ms
        for write in batch:
            name = (write.scope, write.key)
            first = firsts.get(name) or known.get(name)
            if first is not None:
                plan.repeats.append((write, first))
                continue
            if write.puts and not self._put_all(write, plan):
                continue
            write.at_ms = now_ms
            room, identity = write.room, 0
            if room:
                head = heads.get(room) or self._open(plan, room)
                write.seq = head.seq = head.seq + 1
                identity = head.base | head.seq
                plan.entries.append(entry_of(write))
            if write.key:
                firsts[name] = (room, write.seq, now_ms, write.answer)
            if identity or write.key:
                rows += _row(identity, write)

    def _open(self, plan: _Plan, room: str) -> Head:
        head = self.heads.get(room)
        if head is None:
            self._last_room_id += 1
            head = Head(room, self._last_room_id << SEQ_BITS, 0)
        plan.heads[room] = head = Head(room, head.base, head.seq)
        return head

    def _put_all(self, write: Write, plan: _Plan) -> bool:
        for put in write.puts:
            row = self._cursor.execute(_VERSION, (put.space, put.key)).fetchone()
            version = row[0] if row else 0
            if put.expect is not None and put.expect != version:
                plan.conflicts.append((write, conflict(put, version)))
                return False
        for put in write.puts:
            self._put(put)
        return True

    def _put(self, put: Put) -> None:
        if put.value is None:
            self._cursor.execute(_DELETE, (put.space, put.key))
        else:
            self._cursor.execute(_PUT, (put.space, put.key, put.value))

    def _run(self, statements: _Statements, flat: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        """Run the statement for the rows of *flat*, many at once; return what it returns."""
        width, by_rows = statements
        found: list[tuple[Any, ...]] = []
        start, left = 0, len(flat) // width
        for rows in _CHUNKS:
            while left >= rows:
                found += self._cursor.execute(by_rows[rows], flat[start : start + rows * width])
                start += rows * width
                left -= rows
        return found

    def _remember(self, plan: _Plan) -> None:
        self._last_ms = plan.now_ms
        self.heads.update(plan.heads)
        self.firsts.update(plan.firsts)
        self.unsettled += len(plan.rows) // _INSERT[0]
        for entry in plan.entries:
            tail = self.tails.get(entry.room)
            if tail is None:
                self.tails[entry.room] = [entry]
            else:
                tail.append(entry)

    # --- upkeep

    def settle(self) -> None:
        """Move what is recent to where it is found by room, by word and by key."""
        if not self.unsettled:
            return
        with self._db:
            for sql in _SETTLE:
                self._cursor.execute(sql)
        self.tails = {}
        self.firsts = {}
        self.unsettled = 0

    def forget_ids(self, before_ms: int, limit: int) -> int:
        """Delete up to *limit* keys older than that; return how many."""
        self.settle()
        with self._db:
            self._cursor.execute(_FORGET, (before_ms, limit))
        return self._db.changes()


def _row(identity: int, write: Write) -> tuple[Any, ...]:
    sender = write.sender
    sender_key = fold(sender)
    return (
        identity,
        write.at_ms,
        write.kind,
        sender,
        None if sender_key == sender else sender_key,
        write.account,
        write.text,
        write.target,
        write.scope,
        write.key,
        write.answer,
    )


def _room_rows(heads: Iterable[Head], now_ms: int) -> list[Any]:
    return [
        value for head in heads for value in (head.base >> SEQ_BITS, head.name, head.seq, now_ms)
    ]


_Statements: TypeAlias = tuple[int, dict[int, str]]  # values a row; by number of rows


def _statements(start: str, width: int, end: str = "") -> _Statements:
    row = f"({', '.join('?' * width)})"
    return width, {rows: f"{start} VALUES {', '.join([row] * rows)} {end}" for rows in _CHUNKS}


_INSERT = _statements("INSERT INTO recent", 11)
_ROOMS = _statements(
    "INSERT INTO room",
    4,
    "ON CONFLICT(id) DO UPDATE SET last_seq = excluded.last_seq, last_ms = excluded.last_ms",
)
_SEEN = _statements(
    "WITH wanted(scope, key) AS (",
    2,
    ") SELECT scope, key, coalesce(room.name, ''), message, at_ms, answer"
    " FROM wanted CROSS JOIN id_seen USING (scope, key) LEFT JOIN room ON room.id = message >> 40",
)
_RECENT = """
    SELECT id, at_ms, kind, sender, account, text, target, scope, key, answer FROM recent
    ORDER BY rowid
"""
_SETTLE = (
    """
    INSERT INTO message SELECT id, at_ms, kind, sender, sender_key, account, text, target
    FROM recent WHERE id > 0 ORDER BY id
    """,
    "INSERT INTO message_fts(rowid, text) SELECT id, text FROM recent WHERE id > 0 ORDER BY id",
    """
    INSERT INTO id_seen SELECT scope, key, id, at_ms, answer
    FROM recent WHERE key <> '' ORDER BY scope, key
    """,
    "DELETE FROM recent",
)
_FORGET = """
    DELETE FROM id_seen
    WHERE (scope, key) IN (SELECT scope, key FROM id_seen WHERE at_ms < ? LIMIT ?)
"""
_VERSION = "SELECT version FROM record WHERE space = ? AND key = ?"
_DELETE = "DELETE FROM record WHERE space = ? AND key = ?"
_PUT = """
    INSERT INTO record VALUES (?, ?, ?, 1)
    ON CONFLICT DO UPDATE SET value = excluded.value, version = version + 1
"""
