"""The questions the SQLite store answers: plain functions for the threads of its readers.

They read and never change anything; rooms come as the `base` of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import apsw

from trio_chat.store.api import Entry, Record
from trio_chat.store.entries import First
from trio_chat.store.query import Term
from trio_chat.store.sqlite import amending, authors
from trio_chat.store.sqlite.ids import SEQ_MASK, Head

_COLUMNS = "m.id, m.at_ms, m.kind, m.sender, m.account, m.text, m.target, m.amended"


def page(
    db: apsw.Connection, head: Head, before: int, after: int | None, limit: int
) -> list[Entry]:
    low = head.base + max(after or 0, 0)
    high = head.base + max(before, 0)
    order = "DESC" if after is None else "ASC"
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM message m WHERE id > ? AND id < ? ORDER BY id {order} LIMIT ?",
        (low, high, limit),
    )
    entries = [_entry(db, head.name, row) for row in rows]
    return entries[::-1] if after is None else entries


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


class Wanted(NamedTuple):
    """What a search asks for, besides its rooms. Times are exclusive."""

    terms: Sequence[Term]
    sender_key: str | None
    before_ms: int | None
    after_ms: int | None
    limit: int


def search(db: apsw.Connection, wanted: Wanted, rooms: Iterable[tuple[Head, int]]) -> list[Entry]:
    """Look through each of *rooms*, above the seq that comes with it, and merge by time."""
    found: list[Entry] = []
    for head, above in rooms:
        found += [_entry(db, head.name, row) for row in _search_room(db, wanted, head, above)]
    found.sort(key=lambda entry: (entry.at_ms, entry.seq), reverse=True)
    return found[: wanted.limit]


def _search_room(
    db: apsw.Connection, wanted: Wanted, head: Head, above: int
) -> Iterable[tuple[Any, ...]]:
    low, high = _bounds(db, wanted, head)
    low = max(low, head.base + min(max(above, 0), head.seq) + 1)
    arguments: list[Any] = [low, high]
    conditions = " AND m.kind <> 'edited'"
    if wanted.terms:
        source, key = "message_fts f CROSS JOIN message m ON m.id = f.rowid", "f.rowid"
        conditions += " AND message_fts MATCH ?"
        arguments.append(_match(wanted.terms))
    else:
        source, key = "message m", "m.id"
    if wanted.sender_key is not None:
        conditions += " AND coalesce(m.sender_key, m.sender) = ?"
        arguments.append(wanted.sender_key)
    return db.execute(
        f"SELECT {_COLUMNS} FROM {source} WHERE {key} >= ? AND {key} < ?{conditions}"
        f" ORDER BY {key} DESC LIMIT ?",
        (*arguments, max(wanted.limit, 0)),
    )


def _bounds(db: apsw.Connection, wanted: Wanted, head: Head) -> tuple[int, int]:
    low, high = head.base, head.base + head.seq + 1
    if wanted.after_ms is not None:
        low = _first_at(db, head, wanted.after_ms + 1)
    if wanted.before_ms is not None:
        high = _first_at(db, head, wanted.before_ms)
    return low, high


def _match(terms: Iterable[Term]) -> str:
    """The terms in FTS5's language: everything quoted, so nothing is taken for its syntax."""
    return " ".join(f'"{term.text}"{" *" if term.prefix else ""}' for term in terms)


def _first_at(db: apsw.Connection, head: Head, at_ms: int) -> int:
    """The id of the room's first event at *at_ms* or later; time never decreases in a room."""
    low, high = 1, head.seq + 1
    while low < high:
        middle = (low + high) // 2
        found = db.execute(
            "SELECT at_ms FROM message WHERE id = ?", (head.base + middle,)
        ).fetchone()
        # What has not settled yet is newer than all that has.
        if found is None or found[0] >= at_ms:
            high = middle
        else:
            low = middle + 1
    return head.base + low


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
            f"SELECT {_COLUMNS} FROM message m WHERE id > ? AND id <= ? AND account = ?"
            " ORDER BY id LIMIT ?",
            (low, high, account, limit - len(entries)),
        )
        entries += [_entry(db, room, row) for row in rows]
        if len(entries) >= limit:
            break
    return entries


def _entry(db: apsw.Connection, room: str, row: tuple[Any, ...]) -> Entry:
    identity, at_ms, kind, sender, account, text, target, amended = row
    if kind == "edited" and amended != "deleted":
        found = amending.find(db, identity & ~SEQ_MASK | target)
        text, amended = ("", "deleted") if found is None else found.as_edited
    return Entry(room, identity & SEQ_MASK, at_ms, kind, sender, account, text, target, amended)
