"""What has settled in the log and is changed or taken away: amended, redacted, deleted entries.

Plain functions for the writer's thread, inside its transactions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import apsw

from trio_chat.store.api import Amended
from trio_chat.store.entries import EMPTIED, SAID
from trio_chat.store.sqlite import authors
from trio_chat.store.sqlite.ids import SEQ_MASK
from trio_chat.store.sqlite.search import index

# What one transaction changes, so that commits wait for some 3 ms; the index follows later. The
# entry that goes beyond it is the last.
BITE_CHARACTERS = 4096
# What it looks at besides: 256 entries each, most of them others'.
BITE_BLOCKS = 8


class Found(NamedTuple):
    kind: str
    text: str
    amended: Amended

    @property
    def may_be_amended(self) -> bool:
        return self.kind in SAID and self.amended != "deleted"

    @property
    def as_edited(self) -> tuple[str, Amended]:
        """The text of those who edited it, and whether it was taken from them."""
        return self.text, "deleted" if self.amended == "deleted" else ""


def find(db: apsw.Connection, identity: int) -> Found | None:
    row = db.execute("SELECT kind, text, amended FROM message WHERE id = ?", (identity,)).fetchone()
    return Found(*row) if row else None


def amend(db: apsw.Connection, identity: int, old: str, new: str, amended: Amended) -> None:
    """Change the text of an entry from *old*, which must be what it is."""
    if new != old:
        index.put_off(db, identity, old)
    db.execute("UPDATE message SET text = ?, amended = ? WHERE id = ?", (new, amended, identity))


def redact_some(db: apsw.Connection, account: str, after: int) -> tuple[int | None, int]:
    """Delete a bite of what *account* said in a room after the id *after*.

    Returns:
        Where to go on, None when it is done, and how many were deleted.
    """
    characters = deleted = 0
    for blocks, (low, high) in enumerate(authors.ranges_of(db, account, after), 1):
        rows: list[Any] = db.execute(_BY_ACCOUNT, (low, high, account)).fetchall()
        for identity, *values in rows:
            found = Found(*values)
            if found.may_be_amended or found.kind in EMPTIED:
                amend(db, identity, found.text, "", "deleted")
                deleted += found.kind not in EMPTIED
                characters += max(len(found.text), 16)
            if characters > BITE_CHARACTERS:
                return identity, deleted
        if blocks == BITE_BLOCKS:
            return high, deleted
    return None, deleted


def delete_some(db: apsw.Connection, base: int) -> bool:
    """Delete a bite of the entries of the room with this *base*; return whether there may be
    more."""
    characters = 0
    rows: list[Any] = db.execute(_BY_ROOM, (base, base | SEQ_MASK, _BITE_ROWS)).fetchall()
    for identity, text in rows:
        index.put_off(db, identity, text)
        db.execute("DELETE FROM message WHERE id = ?", (identity,))
        characters += max(len(text), 16)
        if characters > BITE_CHARACTERS:
            break
    return bool(rows)


_BITE_ROWS = 64
_BY_ACCOUNT = """
    SELECT id, kind, text, amended FROM message
    WHERE id > ? AND id <= ? AND account = ? AND amended <> 'deleted' ORDER BY id
"""
_BY_ROOM = "SELECT id, text FROM message WHERE id >= ? AND id <= ? LIMIT ?"
