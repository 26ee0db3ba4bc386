"""The search in the database: a plain function for the threads of the searchers.

It reads and never changes anything. A room is one range of ids, in the index as in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import apsw

from trio_chat.store.api import SCAN_ENTRIES, Cursor, Entry, Hidden, Hits
from trio_chat.store.entries import Part, merged
from trio_chat.store.query import Matcher, Term
from trio_chat.store.sqlite import reading
from trio_chat.store.sqlite.ids import SEQ_MASK, Head
from trio_chat.store.sqlite.search.times import Times

Row: TypeAlias = tuple[Any, ...]
Range: TypeAlias = tuple[int, int]  # of ids: the first, and the one after the last


class Wanted(NamedTuple):
    """What a search asks for, besides its rooms; see `Search.search`."""

    terms: Sequence[Term]
    sender_key: str | None
    before_ms: int | None
    after_ms: int | None
    before: Cursor | None
    limit: int
    without: Hidden | None

    @property
    def scan(self) -> int:
        """How many entries of a room are looked at."""
        return max(self.limit, 0) if self.without is None else SCAN_ENTRIES


def search(db: apsw.Connection, wanted: Wanted, rooms: Iterable[tuple[Head, int]]) -> Hits:
    """Look through each of *rooms*, above the seq that comes with it, and merge by time."""
    # One moment for all of it: what the index follows meanwhile would be missed else.
    with db:
        parts = [_search_room(db, wanted, head, above) for head, above in rooms]
    return merged(parts, wanted.limit)


def _search_room(db: apsw.Connection, wanted: Wanted, head: Head, above: int) -> Part:
    hits: list[tuple[Cursor, Entry]] = []
    looked_at: Cursor | None = None
    times = Times(db, head)
    for number, row in enumerate(_found(db, wanted, _range(times, wanted, head, above))):
        if len(hits) == wanted.limit or number == wanted.scan:
            # There is at least this one more.
            return Part(hits, looked_at)
        identity, at_ms, *_ = row
        seq = identity & SEQ_MASK
        looked_at = times.order_ms(seq, at_ms), head.name, seq
        if wanted.without is None or not reading.is_hidden(row, wanted.without):
            hits.append((looked_at, reading.entry(db, head.name, row)))
    return Part(hits)


def _found(db: apsw.Connection, wanted: Wanted, ids: Range) -> Iterator[Row]:
    """The rows in that range that fit, newest first."""
    if not wanted.terms:
        return _select(db, wanted, _LOG, ids, wanted.scan + 1)
    # Everything is quoted, so nothing is taken for the syntax of FTS5.
    match = " ".join(f'"{term.text}"{" *" if term.prefix else ""}' for term in wanted.terms)
    indexed = _select(db, wanted, _INDEX, ids, wanted.scan + 1, match)
    # What the index does not hold as it is: few, for it follows soon.
    matcher = Matcher(wanted.terms)
    others = (row for row in _select(db, wanted, _BEHIND, ids, -1) if matcher.matches(row[5]))
    return merge(indexed, others, key=itemgetter(0), reverse=True)


def _select(
    db: apsw.Connection, wanted: Wanted, source: _Source, ids: Range, limit: int, *arguments: str
) -> Iterator[Row]:
    conditions = {
        "coalesce(m.sender_key, m.sender) = ?": wanted.sender_key,
        # The range is not enough where time went back.
        "m.at_ms < ?": wanted.before_ms,
        "m.at_ms > ?": wanted.after_ms,
    }
    asked = {sql: value for sql, value in conditions.items() if value is not None}
    return iter(
        db.execute(
            f"SELECT {reading.COLUMNS} FROM {source.rows} AND {source.id} >= ? AND {source.id} < ?"
            f" AND {' AND '.join([_NO_EDIT, *asked])} ORDER BY {source.id} DESC LIMIT ?",
            (*arguments, *ids, *asked.values(), limit),
        )
    )


class _Source(NamedTuple):
    """Where rows come from, as SQL: with at least one condition, and what their id is called."""

    rows: str
    id: str


_NO_EDIT = "m.kind <> 'edited'"
_LOG = _Source("message m WHERE true", "m.id")
_INDEX = _Source(
    "message_fts f CROSS JOIN message m ON m.id = f.rowid WHERE message_fts MATCH ?"
    " AND NOT EXISTS (SELECT 1 FROM reindex r WHERE r.id = f.rowid)",
    "f.rowid",
)
_BEHIND = _Source(
    "reindex r CROSS JOIN message m ON m.id = r.id WHERE m.amended <> 'deleted'", "r.id"
)


def _range(times: Times, wanted: Wanted, head: Head, above: int) -> Range:
    """The ids in a room that the conditions on time and place leave."""
    low, high = min(max(above, 0), head.seq) + 1, head.seq + 1
    if wanted.after_ms is not None and times.never_went_back:
        low = max(low, times.first_at(wanted.after_ms + 1))
    if wanted.before_ms is not None:
        high = min(high, times.first_at(wanted.before_ms))
    if wanted.before is not None:
        high = min(high, _first_after(times, head, wanted.before))
    return head.base + low, head.base + high


def _first_after(times: Times, head: Head, cursor: Cursor) -> int:
    """The seq of the room's first event that does not stand before *cursor*."""
    order_ms, room, seq = cursor
    if room == head.name:
        return min(max(seq, 1), head.seq + 1)
    return times.first_at(order_ms if head.name > room else order_ms + 1)
