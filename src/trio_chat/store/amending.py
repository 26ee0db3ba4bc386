"""What has settled in the log and is changed or taken away: amended, redacted, deleted entries.

Plain functions for the writer's thread, inside its transactions.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import apsw

from trio_chat.store import Amended, authors
from trio_chat.store.entries import SAID
from trio_chat.store.ids import SEQ_MASK

# How long a bite may hold up the commits; the entry that is begun then is finished. To take one
# of a dozen words out of the index takes a millisecond, one of 4 KiB some twenty.
BITE_SECONDS = 0.003


class Found(NamedTuple):
    kind: str
    text: str
    amended: Amended

    @property
    def may_be_amended(self) -> bool:
        return self.kind in SAID and self.amended != "deleted"


def find(db: apsw.Connection, identity: int) -> Found | None:
    row = db.execute("SELECT kind, text, amended FROM message WHERE id = ?", (identity,)).fetchone()
    return Found(*row) if row else None


def amend(db: apsw.Connection, identity: int, found: Found, text: str, amended: Amended) -> None:
    """Change the text of an entry, and of the `edited` entries that did so before."""
    _rewrite(db, identity, found.text, text, amended)
    if found.amended:
        bounds = (identity & SEQ_MASK, identity, identity | SEQ_MASK)
        edits: list[Any] = db.execute(_EDITS, bounds).fetchall()
        for edit, old in edits:
            _rewrite(db, edit, old, text, amended)


def _rewrite(db: apsw.Connection, identity: int, old: str, new: str, amended: Amended) -> None:
    # The index cannot look up what it holds of an entry: it must be told the old text.
    db.execute(_UNINDEX, (identity, old))
    db.execute("UPDATE message SET text = ?, amended = ? WHERE id = ?", (new, amended, identity))
    db.execute("INSERT INTO message_fts(rowid, text) VALUES (?, ?)", (identity, new))


def redact_some(db: apsw.Connection, account: str, after: int) -> tuple[int | None, int]:
    """Delete what *account* said in a room after the id *after*, for as long as a bite lasts.

    Returns:
        Where to go on, None when it is done, and how many were deleted.
    """
    stop_at = time.perf_counter() + BITE_SECONDS
    deleted = 0
    for low, high in authors.ranges_of(db, account, after):
        rows: list[Any] = db.execute(_BY_ACCOUNT, (low, high, account)).fetchall()
        for (identity,) in rows:
            deleted += _redact(db, identity)
            if time.perf_counter() > stop_at:
                return identity, deleted
        if time.perf_counter() > stop_at:
            return high, deleted
    return None, deleted


def _redact(db: apsw.Connection, identity: int) -> bool:
    # Looked up now, because an edit changes with its target: the index breaks when it is told
    # to take out a text that it does not hold.
    found = find(db, identity)
    assert found is not None
    if found.may_be_amended:
        amend(db, identity, found, "", "deleted")
        return True
    if found.kind == "edited" and found.amended != "deleted":
        _rewrite(db, identity, found.text, "", "deleted")
    return False


def delete_some(db: apsw.Connection, base: int) -> bool:
    """Delete entries of the room with this *base* for as long as a bite lasts; return whether
    there may be more."""
    stop_at = time.perf_counter() + BITE_SECONDS
    rows = db.execute(_BY_ROOM, (base, base | SEQ_MASK, _BITE_ROWS)).fetchall()
    for identity, text in rows:
        db.execute(_UNINDEX, (identity, text))
        db.execute("DELETE FROM message WHERE id = ?", (identity,))
        if time.perf_counter() > stop_at:
            break
    return bool(rows)


_BITE_ROWS = 16
_UNINDEX = "INSERT INTO message_fts(message_fts, rowid, text) VALUES ('delete', ?, ?)"
_EDITS = """
    SELECT id, text FROM message WHERE kind = 'edited' AND target = ? AND id > ? AND id <= ?
"""
_BY_ACCOUNT = """
    SELECT id FROM message
    WHERE id > ? AND id <= ? AND account = ? AND amended <> 'deleted' ORDER BY id
"""
_BY_ROOM = "SELECT id, text FROM message WHERE id >= ? AND id <= ? LIMIT ?"
