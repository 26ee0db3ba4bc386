"""Whether a database is whole: read from the first byte to the last, for the one who asks.

It changes nothing, and may run beside a server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from zlib import crc32

import apsw

from trio_chat.store.sqlite.ids import SEQ_BITS, SEQ_MASK
from trio_chat.store.sqlite.migrations import problem_of_version, steps
from trio_chat.store.sqlite.search.index import words_in
from trio_chat.store.words import spaced

# More would not be read.
MAX_PROBLEMS = 100


def verify(path: Path) -> list[str]:
    """Return what is wrong with the database at *path*, a line for each; empty: nothing is.

    It blocks for as long as it takes to read it all: some 20 seconds for a million messages.
    """
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as exc:
        return [f"{path}: cannot be opened ({exc})"]
    try:
        # One moment, whatever a server writes meanwhile.
        with db:
            problems = [f"{path}: {problem}" for problem in islice(_problems(db), MAX_PROBLEMS)]
        return problems  # noqa: RET504 (for mypy a connection may swallow what it is left with)
    except apsw.Error as exc:
        return [f"{path}: cannot be read ({exc})"]
    finally:
        db.close()


def _problems(db: apsw.Connection) -> Iterator[str]:
    version = problem_of_version(db, steps())
    if version:
        yield version
        return
    damage = [row for (row,) in db.execute(f"PRAGMA integrity_check({MAX_PROBLEMS})")]
    if damage != ["ok"]:
        yield from damage
        return
    yield from _rooms(db)
    yield from _index(db)


def _rooms(db: apsw.Connection) -> Iterator[str]:
    """The seqs of each room are 1, 2, 3 ... up to its last one."""
    for name, last_seq, count, first, last in db.execute(_SEQS, (SEQ_BITS, SEQ_MASK)):
        if (count, first, last) != (last_seq, min(last_seq, 1), last_seq):
            yield f"room {name}: {count} messages from {first} to {last}, not 1 to {last_seq}"
    for (room,) in db.execute(_STRAYS, (SEQ_BITS,)):
        yield f"messages of a room {room} that there is not"


def _index(db: apsw.Connection) -> Iterator[str]:
    """The index holds the words of each message, and nothing else."""
    db.execute("CREATE VIRTUAL TABLE temp.word USING fts5vocab(main, message_fts, instance)")
    sums: Counter[int] = Counter()
    for identity, term in db.execute("SELECT doc, term FROM temp.word"):
        sums[identity] += crc32(term.encode())
    for identity, text, cut in db.execute(_HELD):
        held = spaced(text) if cut else text
        if sums.pop(identity, 0) != sum(crc32(word.encode()) for word in words_in(db, held)):
            yield f"the search index does not hold message {_place(identity)} as it is"
    for identity in sums:
        yield f"the search index holds a message {_place(identity)} that there is not"
    db.execute("DROP TABLE temp.word")


def _place(identity: int) -> str:
    return f"{identity & SEQ_MASK} of room {identity >> SEQ_BITS}"


_SEQS = """
    WITH every(id) AS (SELECT id FROM message UNION ALL SELECT id FROM recent WHERE id > 0)
    SELECT name, last_seq, count(every.id), coalesce(min(every.id) & ?2, 0),
        coalesce(max(every.id) & ?2, 0)
    FROM room LEFT JOIN every ON every.id >> ?1 = room.id GROUP BY room.id
"""
_STRAYS = """
    SELECT DISTINCT id >> ?1 FROM message
    WHERE id >> ?1 NOT IN (SELECT id FROM room UNION ALL SELECT id FROM dropped)
"""
# What the index is to hold of which message, and whether as the text is cut now.
_HELD = """
    SELECT id, held, false FROM reindex
    UNION ALL
    SELECT id, text, id NOT IN (SELECT id FROM uncut) FROM message
    WHERE id NOT IN (SELECT id FROM reindex) AND kind <> 'edited'
"""
