"""The questions the SQLite store answers: plain functions for the threads of its readers.

They read and never change anything; rooms come as the `base` of their ids.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import apsw

from trio_chat.store.api import Entry, Hidden, Record
from trio_chat.store.entries import First
from trio_chat.store.paging import Span
from trio_chat.store.sqlite import amending, authors
from trio_chat.store.sqlite.ids import SEQ_MASK, Head

COLUMNS = (
    "m.id, m.at_ms, m.kind, coalesce(m.sender_key, m.sender), m.account, m.text, m.target,"
    " m.amended, m.sender"
)


def page(
    db: apsw.Connection, head: Head, span: Span, limit: int, without: Hidden | None
) -> list[Entry]:
    """Return the entries that a page shows of *span*, oldest first."""
    order = "ASC" if span.forwards else "DESC"
    rows = db.execute(
        f"SELECT {COLUMNS} FROM message m WHERE id >= ? AND id <= ? ORDER BY id {order} LIMIT ?",
        (head.base + span.first, head.base + span.last, limit if without is None else -1),
    )
    visible = (row for row in rows if without is None or not is_hidden(row, without))
    entries = [entry(db, head.name, row) for row in islice(visible, limit)]
    return entries if span.forwards else entries[::-1]


def recall(db: apsw.Connection, scope: str, key: str) -> First | None:
    return db.execute(
        "SELECT coalesce(room.name, dropped.name, ''), message & ?, id_seen.at_ms, answer"
        " FROM id_seen LEFT JOIN room ON room.id = message >> 40"
        " LEFT JOIN dropped ON dropped.id = message >> 40 WHERE scope = ? AND key = ?",
        (SEQ_MASK, scope, key),
    ).fetchone()


def get(db: apsw.Connection, space: str, key: str) -> Record | None:
    row = db.execute(
        "SELECT value, version FROM record WHERE space = ? AND key = ?", (space, key)
    ).fetchone()
    return Record(*row) if row else None


def list_records(db: apsw.Connection, space: str, prefix: str) -> dict[str, Record]:
    rows = db.execute(
        "SELECT key, value, version FROM record WHERE space = ? AND key >= ? AND key < ?",
        (space, prefix, prefix + "\U0010ffff"),
    )
    return {key: Record(value, version) for key, value, version in rows}


def said_by(
    db: apsw.Connection, account: str, after: tuple[str, int] | None, limit: int
) -> list[Entry]:
    after_room, after_seq = after or ("", 0)
    entries: list[Entry] = []
    for room, base in authors.rooms_of(db, account):
        if room >= after_room and len(entries) < limit:
            low = base + (min(max(after_seq, 0), SEQ_MASK - 1) if room == after_room else 0)
            entries += _said_in(db, account, room, low, limit - len(entries))
    return entries


def _said_in(db: apsw.Connection, account: str, room: str, after: int, limit: int) -> list[Entry]:
    entries: list[Entry] = []
    for low, high in authors.ranges_of(db, account, after):
        rows = db.execute(
            f"SELECT {COLUMNS} FROM message m WHERE id > ? AND id <= ? AND account = ?"
            " ORDER BY id LIMIT ?",
            (low, high, account, limit - len(entries)),
        )
        entries += [entry(db, room, row) for row in rows]
        if len(entries) >= limit:
            break
    return entries


def is_hidden(row: tuple[Any, ...], without: Hidden) -> bool:
    _, _, kind, sender_key, account, *_ = row
    return without.hides(kind, account, sender_key)


def entry(db: apsw.Connection, room: str, row: tuple[Any, ...]) -> Entry:
    """Make the entry of a row of `COLUMNS`, as amended."""
    identity, at_ms, kind, _, account, text, target, amended, sender = row
    if kind == "edited" and amended != "deleted":
        found = amending.find(db, identity & ~SEQ_MASK | target)
        text, amended = ("", "deleted") if found is None else found.as_edited
    return Entry(room, identity & SEQ_MASK, at_ms, kind, sender, account, text, target, amended)
