"""The statements of a commit, for so many rows at a time as one takes.

Knows the tables, and nothing of what is written where.
"""

from __future__ import annotations

from typing import NamedTuple

# Rows a statement takes at once: each call into SQLite gives the interpreter lock away and has
# to win it back from the event loop, so one call per row is what a busy server feels most.
CHUNKS = (64, 8, 1)


class Statement(NamedTuple):
    """One for many rows: how many values a row has, and the SQL by the number of rows."""

    width: int
    sql: dict[int, str]


def _rows(start: str, width: int, end: str = "") -> Statement:
    row = f"({', '.join('?' * width)})"
    return Statement(
        width, {rows: f"{start} VALUES {', '.join([row] * rows)} {end}" for rows in CHUNKS}
    )


INSERT = _rows("INSERT INTO recent", 11)
ROOMS = _rows(
    "INSERT INTO room",
    4,
    "ON CONFLICT(id) DO UPDATE SET last_seq = excluded.last_seq, last_ms = excluded.last_ms",
)
SEEN = _rows(
    "WITH wanted(scope, key) AS (",
    2,
    ") SELECT scope, key, coalesce(room.name, dropped.name, ''), message, id_seen.at_ms, answer"
    " FROM wanted CROSS JOIN id_seen USING (scope, key)"
    " LEFT JOIN room ON room.id = message >> 40 LEFT JOIN dropped ON dropped.id = message >> 40",
)
RECENT = """
    SELECT id, at_ms, kind, sender, account, text, target, scope, key, answer FROM recent
    ORDER BY rowid
"""
# The clock was set back: where each room is by now, if that is ahead.
STEP = (
    "INSERT OR REPLACE INTO step SELECT id << 40 | last_seq, ?1 FROM room WHERE last_ms > ?1",
    "UPDATE room SET last_ms = ?1 WHERE last_ms > ?1",
)
SETTLE = (
    """
    INSERT INTO message
    SELECT id, at_ms, kind, sender, sender_key, account, iif(kind = 'edited', '', text), target, ''
    FROM recent WHERE id > 0 ORDER BY id
    """,
    """
    INSERT INTO id_seen SELECT scope, key, id, at_ms, answer
    FROM recent WHERE key <> '' ORDER BY scope, key
    """,
    "DELETE FROM recent",
)
FORGET = """
    DELETE FROM id_seen
    WHERE (scope, key) IN (SELECT scope, key FROM id_seen WHERE at_ms < ?1 LIMIT ?2)
"""
FORGET_SCOPE = """
    DELETE FROM id_seen WHERE (scope, key) IN (
        SELECT scope, key FROM id_seen WHERE scope = ?3 AND at_ms < ?1 LIMIT ?2
    )
"""
# Nothing is left of the log, here and in the index, and no id that happened in it.
FORGET_DROPPED = """
    DELETE FROM dropped WHERE at_ms < ?1 AND NOT EXISTS (
        SELECT 1 FROM message WHERE message.id BETWEEN dropped.id << ?2 AND dropped.id << ?2 | ?3
    ) AND NOT EXISTS (
        SELECT 1 FROM reindex WHERE reindex.id BETWEEN dropped.id << ?2 AND dropped.id << ?2 | ?3
    )
"""
VERSION = "SELECT version FROM record WHERE space = ? AND key = ?"
DELETE = "DELETE FROM record WHERE space = ? AND key = ?"
PUT = """
    INSERT INTO record VALUES (?, ?, ?, 1)
    ON CONFLICT DO UPDATE SET value = excluded.value, version = version + 1
"""
