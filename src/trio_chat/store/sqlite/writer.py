"""The commits: what the writer's thread does with a batch, in one transaction.

With amending.py the only code that changes the log. It runs in the thread of the writer's
connection, one call at a time, and knows neither tasks nor channels.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import apsw

from trio_chat.errors import ChatError, Conflict
from trio_chat.store.api import AUDIT_ROOM, Entry, Put, Write
from trio_chat.store.entries import (
    AMENDING,
    First,
    amendment,
    audit_entry,
    conflict,
    entry_of,
    next_ms,
    no_such_message,
    repeat,
)
from trio_chat.store.sqlite import amending, authors, statements
from trio_chat.store.sqlite.ids import SEQ_BITS, SEQ_MASK, Head
from trio_chat.store.sqlite.search import index
from trio_chat.text import fold

Name: TypeAlias = tuple[str, str]  # scope, key


class _Plan:
    """What one transaction writes, and what is known and answered once it is committed."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.heads: dict[str, Head] = {}
        self.rows: list[Any] = []
        self.entries: list[Entry] = []
        self.firsts: dict[Name, First] = {}
        self.repeats: list[tuple[Write, First]] = []
        self.refused: list[tuple[Write, ChatError | Conflict]] = []
        # What was recent before the batch is settled with it; what is not is in rows and entries.
        self.settled = False

    def answer(self) -> None:
        for write, first in self.repeats:
            repeat(write, first)
        for write, error in self.refused:
            write.error = error


class Committer:
    """Writes batches, and knows where every room ends and what has not settled yet.

    Its attributes change in the writer's thread, after each commit. Others may look at them
    without a lock: entries are added and dictionaries replaced; a room that is dropped is the
    only thing ever taken away.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._cursor = db.cursor()
        self.heads: dict[str, Head] = {}
        # The newest entries of some rooms, oldest first, and the newest keys: what `recent` holds.
        self.tails: dict[str, list[Entry]] = {}
        self.firsts: dict[Name, First] = {}
        self.unsettled = 0
        # The bases of rooms that are dropped and perhaps not empty yet.
        self.dropped: list[int] = []
        # Perhaps there are messages that the index does not hold as they are.
        self.index_is_behind = True
        self._last_ms = 0
        self._last_room_id = 0
        index.prepare(db)
        self._load()

    def _load(self) -> None:
        for room_id, *_ in self._db.execute("SELECT id FROM dropped"):
            self.dropped.append(room_id << SEQ_BITS)
            self._last_room_id = max(self._last_room_id, room_id)
        names = {0: ""}
        for room_id, name, seq, at_ms in self._db.execute("SELECT * FROM room"):
            names[room_id] = name
            self.heads[name] = Head(name, room_id << SEQ_BITS, seq)
            self._last_ms = max(self._last_ms, at_ms)
            self._last_room_id = max(self._last_room_id, room_id)
        for row in self._db.execute(statements.RECENT):
            self.unsettled += 1
            identity, at_ms, kind, sender, account, text, target, scope, key, answer = row
            room, seq = names.get(identity >> SEQ_BITS), identity & SEQ_MASK
            if room is None:
                raise apsw.CorruptError(f"there is no room {identity >> SEQ_BITS}")
            if seq:
                entry = Entry(room, seq, at_ms, kind, sender, account, text, target)
                self.tails.setdefault(room, []).append(entry)
            if key:
                self.firsts[scope, key] = (room, seq, at_ms, answer)

    # --- one batch, one transaction

    def commit(self, batch: Sequence[Write]) -> None:
        """Write *batch* in one transaction and fill in the answers. On any exception nothing has
        happened."""
        plan = _Plan(next_ms(time.time_ns() // 1_000_000, self._last_ms))
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            if plan.now_ms < self._last_ms:
                for sql in statements.STEP:
                    self._cursor.execute(sql, (plan.now_ms,))
            self._number(batch, plan)
            self._run(statements.INSERT, plan.rows)
            self._run(statements.ROOMS, _room_rows(plan.heads.values(), plan.now_ms))
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
        for scope, key, room, identity, at_ms, answer in self._run(statements.SEEN, flat):
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
            if (write.puts or write.kind in AMENDING) and not self._change(write, plan):
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
                rows += _row(identity, write, write.scope, write.key, write.answer)
            if write.audit:
                self._audit(write, plan)

    def _open(self, plan: _Plan, room: str) -> Head:
        head = self.heads.get(room)
        if head is None:
            self._last_room_id += 1
            head = Head(room, self._last_room_id << SEQ_BITS, 0)
        plan.heads[room] = head = Head(room, head.base, head.seq)
        return head

    def _audit(self, write: Write, plan: _Plan) -> None:
        head = plan.heads.get(AUDIT_ROOM) or self._open(plan, AUDIT_ROOM)
        head.seq += 1
        entry = audit_entry(write, head.seq)
        plan.entries.append(entry)
        plan.rows += _row(head.base | head.seq, entry)

    def _change(self, write: Write, plan: _Plan) -> bool:
        """Make the changes that come with the event; else refuse *write* and make none."""
        error = self._conflict(write)
        if write.kind in AMENDING and error is None:
            identity, found = self._target(write, plan)
            if found is None or not found.may_be_amended:
                error = no_such_message()
            else:
                amending.amend(self._db, identity, found.text, *amendment(write))
                self.index_is_behind = True
        if error is not None:
            plan.refused.append((write, error))
            return False
        for put in write.puts:
            self._put(put)
        return True

    def _conflict(self, write: Write) -> ChatError | Conflict | None:
        for put in write.puts:
            if put.expect is None:
                continue
            row = self._cursor.execute(statements.VERSION, (put.space, put.key)).fetchone()
            version = row[0] if row else 0
            if put.expect != version:
                return conflict(put, version)
        return None

    def _target(self, write: Write, plan: _Plan) -> tuple[int, amending.Found | None]:
        """The id of what *write* amends, and what is there once it has settled."""
        head, seq = plan.heads.get(write.room) or self.heads.get(write.room), write.target
        if head is None or not isinstance(seq, int) or not 0 < seq <= head.seq:
            return 0, None
        identity = head.base | seq
        found = amending.find(self._db, identity)
        if found is None or found.amended == "edited":
            # It has not settled, or perhaps its last edit has not, and holds the text that goes.
            self._settle_in(plan)
            found = amending.find(self._db, identity)
        return identity, found

    def _settle_in(self, plan: _Plan) -> None:
        """Settle all up to here as a part of the batch's transaction."""
        if plan.rows or (self.unsettled and not plan.settled):
            tails = () if plan.settled else self._tails()
            entries = [(plan.heads[entry.room].base, [entry]) for entry in plan.entries]
            self._run(statements.INSERT, plan.rows)
            self._move([*tails, *entries])
            plan.rows.clear()
            plan.entries.clear()
            plan.settled = True

    def _put(self, put: Put) -> None:
        if put.value is None:
            self._cursor.execute(statements.DELETE, (put.space, put.key))
        else:
            self._cursor.execute(statements.PUT, (put.space, put.key, put.value))

    def _run(
        self, statement: statements.Statement, flat: Sequence[Any]
    ) -> Iterable[tuple[Any, ...]]:
        """Run *statement* for the rows of *flat*, many at once; return what it returns."""
        width, sql = statement
        found: list[tuple[Any, ...]] = []
        start, left = 0, len(flat) // width
        for rows in statements.CHUNKS:
            while left >= rows:
                found += self._cursor.execute(sql[rows], flat[start : start + rows * width])
                start += rows * width
                left -= rows
        return found

    def _remember(self, plan: _Plan) -> None:
        self._last_ms = plan.now_ms
        if plan.settled:
            self._forget_recent()
        self.heads.update(plan.heads)
        self.firsts.update(plan.firsts)
        self.unsettled += len(plan.rows) // statements.INSERT.width
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
            self._move(self._tails())
        self._forget_recent()

    def _move(self, recent: Sequence[tuple[int, Sequence[Entry]]]) -> None:
        authors.index(self._db, recent)
        index.add_recent(self._db, recent)
        for sql in statements.SETTLE:
            self._cursor.execute(sql)

    def _tails(self) -> list[tuple[int, Sequence[Entry]]]:
        return [(self.heads[room].base, tail) for room, tail in self.tails.items()]

    def _forget_recent(self) -> None:
        self.tails = {}
        self.firsts = {}
        self.unsettled = 0

    def forget_ids(self, before_ms: int, limit: int, scope: str | None) -> int:
        """Delete up to *limit* keys older than that, of one scope or of all; return how many."""
        self.settle()
        with self._db:
            if scope is None:
                self._cursor.execute(statements.FORGET, (before_ms, limit))
            else:
                self._cursor.execute(statements.FORGET_SCOPE, (before_ms, limit, scope))
            forgotten = self._db.changes()
            if forgotten < limit:
                self._cursor.execute(statements.FORGET_DROPPED, (before_ms, SEQ_BITS, SEQ_MASK))
        return forgotten

    def redact_some(self, account: str, after: int) -> tuple[int | None, int]:
        """See `amending.redact_some`; what is not settled stays as it is."""
        with self._db:
            self.index_is_behind = True
            go_on_after, deleted = amending.redact_some(self._db, account, after)
        return go_on_after, deleted

    def drop(self, room: str) -> None:
        """Forget the log of *room*; its entries stay until they are swept."""
        head = self.heads.get(room)
        if head is None:
            return
        # Also because `recent` must name no room that is not known at the next start.
        self.settle()
        room_id = head.base >> SEQ_BITS
        now_ms = next_ms(time.time_ns() // 1_000_000, self._last_ms)
        with self._db:
            self._cursor.execute("INSERT INTO dropped VALUES (?, ?, ?)", (room_id, room, now_ms))
            self._cursor.execute("DELETE FROM room WHERE id = ?", (room_id,))
            self._cursor.execute(
                "DELETE FROM step WHERE id BETWEEN ? AND ?", (head.base, head.base | SEQ_MASK)
            )
        del self.heads[room]
        self.dropped.append(head.base)

    def tidy(self) -> bool:
        """Have the index follow by a bite, or delete a bite of what was dropped; return whether
        there may be more."""
        if self.index_is_behind:
            self.index_is_behind = self.follow()
            return True
        return self._sweep()

    def follow(self, until_turn: int | None = None) -> bool:
        """See `index.follow_some`."""
        with self._db:
            more = index.follow_some(self._db, until_turn)
        return more  # noqa: RET504 (for mypy a connection may swallow what it is left with)

    def uncut(self) -> int:
        return index.uncut(self._db)

    def last_turn(self) -> int:
        return index.last_turn(self._db)

    def _sweep(self) -> bool:
        if not self.dropped:
            return False
        with self._db:
            more = amending.delete_some(self._db, self.dropped[-1])
            self.index_is_behind = True
        if not more:
            self.dropped.pop()
        return True


def _row(
    identity: int, entry: Entry | Write, scope: str = "", key: str = "", answer: bytes = b""
) -> tuple[Any, ...]:
    sender = entry.sender
    sender_key = fold(sender)
    return (
        identity,
        entry.at_ms,
        entry.kind,
        sender,
        None if sender_key == sender else sender_key,
        entry.account,
        entry.text,
        entry.target,
        scope,
        key,
        answer,
    )


def _room_rows(heads: Iterable[Head], now_ms: int) -> list[Any]:
    return [
        value for head in heads for value in (head.base >> SEQ_BITS, head.name, head.seq, now_ms)
    ]
