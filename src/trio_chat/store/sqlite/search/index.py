"""The full-text index: what is put in, and what is taken out again, a bite at a time.

To take a word out costs some 80 microseconds, because the index is rewritten where the word
stands (FTS5's `secure-delete`); a text of 4 KiB has 600 of them. So a message that changes is
noted in `reindex` in the transaction that changes it, and the index follows in bites between the
commits that others wait for. Until then no search looks into the index for it.

Plain functions for the writer's thread, inside its transactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from trio_chat.store.api import Entry
from trio_chat.store.words import spaced

# What one transaction takes out: commits wait for some 4 ms.
BITE_WORDS = 32
# As message_fts was made.
_TOKENIZER = ("unicode61", ["remove_diacritics", "2"])


def prepare(db: apsw.Connection) -> None:
    """Make what only this connection sees."""
    db.execute("CREATE TEMP TABLE cut(id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")


def add_recent(db: apsw.Connection, recent: Iterable[tuple[int, Sequence[Entry]]]) -> None:
    """Put what lies in `recent` into the index; *recent* is the same, with the base of each
    room's ids."""
    # In Python and at once: a function called by SQLite for each row would win back the
    # interpreter's lock for each.
    cut = [
        (base | entry.seq, text)
        for base, entries in recent
        for entry in entries
        if not entry.text.isascii() and (text := spaced(entry.text)) != entry.text
    ]
    db.executemany("INSERT INTO temp.cut VALUES (?, ?)", cut)
    db.execute(_ADD_RECENT)
    if cut:
        db.execute("DELETE FROM temp.cut")


def put_off(db: apsw.Connection, identity: int, text: str) -> None:
    """Note that the message had *text* up to now, and that the index is to follow."""
    db.execute("DELETE FROM uncut WHERE id = ?", (identity,))
    held = text if db.changes() else spaced(text)
    db.execute(
        "INSERT INTO reindex(id, held) VALUES (?, ?) ON CONFLICT DO NOTHING", (identity, held)
    )


def follow_some(db: apsw.Connection, until_turn: int | None = None) -> bool:
    """Have the index follow by a bite, up to that turn; return whether there may be more."""
    words = 0
    while words < BITE_WORDS:
        found: Any = db.execute(_NEXT, (until_turn,)).fetchone()
        if found is None:
            return until_turn is None and _take_uncut(db)
        words += _follow(db, BITE_WORDS - words, *found)
    return True


def last_turn(db: apsw.Connection) -> int:
    turn: int = db.execute("SELECT coalesce(max(turn), 0) FROM reindex").get
    return turn


def uncut(db: apsw.Connection) -> int:
    """Return how many messages the index holds as a former version cut them."""
    count: int = db.execute("SELECT count(*) FROM uncut").get
    return count


def _take_uncut(db: apsw.Connection) -> bool:
    """Have one message of before be cut anew; return whether there was one."""
    identity = db.execute("SELECT max(id) FROM uncut").get
    if identity is None:
        return False
    db.execute(_RETAKE, (identity,))
    db.execute("DELETE FROM uncut WHERE id = ?", (identity,))
    return True


def _follow(
    db: apsw.Connection, words: int, turn: int, identity: int, held: str, text: str | None
) -> int:
    """Take up to so many words of *held* out; when nothing is left, put *text* in.

    Returns:
        How many were taken out, at least 1.
    """
    out, left, count = _bite(db, held, words)
    db.execute(_TAKE_OUT, (identity, out))
    if left:
        # Else the index would count one message less for each bite.
        db.execute(_PUT_IN, (identity, ""))
        db.execute("UPDATE reindex SET held = ? WHERE turn = ?", (left, turn))
    else:
        if text is not None:
            db.execute(_PUT_IN, (identity, spaced(text)))
        db.execute("DELETE FROM reindex WHERE turn = ?", (turn,))
    return max(count, 1)


def _bite(db: apsw.Connection, held: str, words: int) -> tuple[str, str, int]:
    """Part *held* after so many words; return how many there are in the first part."""
    text = held.encode()
    tokens = _tokens(db, text)
    if len(tokens) <= words:
        return held, "", len(tokens)
    end = tokens[words][0]
    return text[:end].decode(), text[end:].decode(), words


def words_in(db: apsw.Connection, text: str) -> list[str]:
    """Return the words of *text* as the index holds them."""
    return [word for _, _, word in _tokens(db, text.encode())]


def _tokens(db: apsw.Connection, text: bytes) -> list[tuple[int, int, str]]:
    tokenize = db.fts5_tokenizer(*_TOKENIZER)
    tokens: Any = tokenize(text, apsw.FTS5_TOKENIZE_DOCUMENT, None)
    return tokens  # type: ignore[no-any-return]


_PUT_IN = "INSERT INTO message_fts(rowid, text) VALUES (?, ?)"
_TAKE_OUT = "INSERT INTO message_fts(message_fts, rowid, text) VALUES ('delete', ?, ?)"
# The text of an `edited` entry is its target's.
_ADD_RECENT = """
    INSERT INTO message_fts(rowid, text)
    SELECT recent.id, iif(kind = 'edited', '', coalesce(cut.text, recent.text))
    FROM recent LEFT JOIN temp.cut USING (id) WHERE recent.id > 0 ORDER BY recent.id
"""
_NEXT = """
    SELECT turn, reindex.id, held, message.text FROM reindex LEFT JOIN message USING (id)
    WHERE turn <= ifnull(?, turn) ORDER BY turn LIMIT 1
"""
_RETAKE = "INSERT INTO reindex(id, held) SELECT id, text FROM message WHERE id = ?"
