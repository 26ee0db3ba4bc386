"""The commits: what the writer's thread does with a batch, in one transaction.

The only code that changes the log. It runs in the thread of the writer's connection, one call at
a time, and knows neither tasks nor channels.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import apsw

from trio_chat.errors import Conflict
from trio_chat.store import Put, Write
from trio_chat.text import fold

SEQ_BITS = 40
SEQ_MASK = (1 << SEQ_BITS) - 1

# Rows a statement takes at once: each call into SQLite gives the interpreter lock away and has
# to win it back from the event loop, so one call per row is what a busy server feels most.
_CHUNKS = (64, 8, 1)


class Head:
    """Where a room's log ends: as committed, or in a batch that is being committed."""

    __slots__ = ("base", "name", "seq")

    def __init__(self, name: str, base: int, seq: int) -> None:
        self.name = name
        self.base = base  # room id << SEQ_BITS
        self.seq = seq


class _Plan:
    """What one transaction will insert, as flat rows, and what it answers once committed."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}
        self.messages: list[Any] = []
        self.ids: list[Any] = []
        self.repeats: list[tuple[Write, _First]] = []
        self.conflicts: list[tuple[Write, Conflict]] = []


_First = tuple[str, int, int, bytes]  # room, seq, at_ms, answer


class Committer:
    def __init__(self, db: apsw.Connection) -> None:
        self._cursor = db.cursor()
        self._db = db
        self.heads: dict[str, Head] = {}
        # Rooms whose end is not in the search index yet, and up to where it is.
        self.behind: dict[str, int] = {}
        self.last_ms = 0
        self._last_room_id = 0
        self._load()

    def _load(self) -> None:
        rows = self._db.execute("SELECT id, name, last_seq, last_ms, indexed_seq FROM room")
        for room_id, name, seq, at_ms, indexed_seq in rows:
            self.heads[name] = Head(name, room_id << SEQ_BITS, seq)
            if indexed_seq < seq:
                self.behind[name] = indexed_seq
            self.last_ms = max(self.last_ms, at_ms)
            self._last_room_id = max(self._last_room_id, room_id)

    def commit(self, batch: Sequence[Write]) -> dict[str, Head]:
        """Write *batch* in one transaction, fill in the answers, and return where the rooms it
        touched end now. On any exception nothing has happened.

        The caller puts the result into `heads` before the next call: not this thread, because
        others read `heads` meanwhile.
        """
        now_ms = max(time.time_ns() // 1_000_000, self.last_ms)
        try:
            # Most batches hold no repetition, and then need no look at what was there before.
            careful = any(write.puts for write in batch)
            plan = self._attempt(batch, now_ms, careful=careful) or self._attempt(
                batch, now_ms, careful=True
            )
            assert plan is not None
            self._cursor.execute("COMMIT")
        except BaseException:
            self._undo(batch)
            raise
        self.last_ms = now_ms
        _answer(plan)
        return plan.heads

    def _undo(self, batch: Sequence[Write]) -> None:
        if self._db.in_transaction:
            with suppress(apsw.Error):
                self._cursor.execute("ROLLBACK")
        for write in batch:
            write.seq = write.at_ms = 0

    def _attempt(self, batch: Sequence[Write], now_ms: int, *, careful: bool) -> _Plan | None:
        """Leave a transaction ready for COMMIT; or none, and None, when a key was known."""
        self._cursor.execute("BEGIN IMMEDIATE")
        known = self._known(batch) if careful else None
        plan = self._number(batch, now_ms, known)
        if plan.ids and self._insert_ids(plan.ids) < len(plan.ids) // 6:
            self._undo(batch)
            return None
        self._insert(_MESSAGES, plan.messages)
        self._insert(_ROOMS, _room_rows(plan.heads.values(), now_ms))
        return plan

    def _known(self, batch: Sequence[Write]) -> dict[tuple[str, str], _First]:
        known = {}
        for write in batch:
            if write.key:
                row = self._cursor.execute(_FIRST, (write.scope, write.key)).fetchone()
                if row is not None:
                    known[write.scope, write.key] = row
        return known

    def _number(
        self, batch: Sequence[Write], now_ms: int, known: dict[tuple[str, str], _First] | None
    ) -> _Plan:
        plan = _Plan()
        heads, messages, ids = plan.heads, plan.messages, plan.ids
        for write in batch:
            if known is not None and (first := known.get((write.scope, write.key))):
                plan.repeats.append((write, first))
                continue
            if write.puts and not self._put_all(write, plan):
                continue
            room = write.room
            seq = room_id = 0
            if room:
                head = heads.get(room) or self._open(plan, room)
                seq = head.seq = head.seq + 1
                room_id = head.base >> SEQ_BITS
                sender = write.sender
                sender_key = fold(sender)
                messages += (
                    head.base | seq,
                    now_ms,
                    write.kind,
                    sender,
                    None if sender_key == sender else sender_key,
                    write.account,
                    write.text,
                    write.target,
                )
            write.seq = seq
            write.at_ms = now_ms
            if write.key:
                ids += (write.scope, write.key, room_id, seq, now_ms, write.answer)
                if known is not None:
                    known[write.scope, write.key] = (room, seq, now_ms, write.answer)
        return plan

    def _open(self, plan: _Plan, room: str) -> Head:
        head = self.heads.get(room)
        if head is None:
            self._last_room_id += 1
            head = Head(room, self._last_room_id << SEQ_BITS, 0)
        plan.heads[room] = head = Head(room, head.base, head.seq)
        return head

    def _put_all(self, write: Write, plan: _Plan) -> bool:
        versions = []
        for put in write.puts:
            version = self._version(put)
            if put.expect is not None and put.expect != version:
                message = f"{put.space}/{put.key}: at version {version}, expected {put.expect}"
                plan.conflicts.append((write, Conflict(message)))
                return False
            versions.append(version)
        for put in write.puts:
            self._put(put)
        return True

    def _version(self, put: Put) -> int:
        row = self._cursor.execute(_VERSION, (put.space, put.key)).fetchone()
        return row[0] if row else 0

    def _put(self, put: Put) -> None:
        if put.value is None:
            self._cursor.execute(_DELETE, (put.space, put.key))
        else:
            self._cursor.execute(_PUT, (put.space, put.key, put.value))

    def _insert_ids(self, ids: list[Any]) -> int:
        before = self._db.total_changes()
        self._insert(_IDS, ids)
        return self._db.total_changes() - before

    def _insert(self, statements: tuple[int, dict[int, str]], flat: list[Any]) -> None:
        width, by_rows = statements
        start, left = 0, len(flat) // width
        for rows in _CHUNKS:
            while left >= rows:
                self._cursor.execute(by_rows[rows], flat[start : start + rows * width])
                start += rows * width
                left -= rows


def _room_rows(heads: Iterable[Head], now_ms: int) -> list[Any]:
    return [
        value for head in heads for value in (head.base >> SEQ_BITS, head.name, head.seq, now_ms)
    ]


def _answer(plan: _Plan) -> None:
    for write, (room, seq, at_ms, answer) in plan.repeats:
        write.room, write.seq, write.at_ms, write.answer = room, seq, at_ms, answer
        write.repeated = True
    for write, conflict in plan.conflicts:
        write.error = conflict


def _statements(insert: str, width: int, conflict: str = "") -> tuple[int, dict[int, str]]:
    row = f"({', '.join('?' * width)})"
    return width, {
        rows: f"{insert} VALUES {', '.join([row] * rows)} {conflict}" for rows in _CHUNKS
    }


_MESSAGES = _statements("INSERT INTO message", 8)
_IDS = _statements("INSERT INTO idem", 6, "ON CONFLICT(scope, key) DO NOTHING")
_ROOMS = _statements(
    "INSERT INTO room(id, name, last_seq, last_ms)",
    4,
    "ON CONFLICT(id) DO UPDATE SET last_seq = excluded.last_seq, last_ms = excluded.last_ms",
)
_FIRST = """
    SELECT coalesce(room.name, ''), seq, at_ms, answer
    FROM idem LEFT JOIN room ON room.id = idem.room WHERE scope = ? AND key = ?
"""
_VERSION = "SELECT version FROM record WHERE space = ? AND key = ?"
_DELETE = "DELETE FROM record WHERE space = ? AND key = ?"
_PUT = """
    INSERT INTO record VALUES (?, ?, ?, 1)
    ON CONFLICT DO UPDATE SET value = excluded.value, version = version + 1
"""
