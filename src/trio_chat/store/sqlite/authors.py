"""Which account said something where: an index of blocks of messages, only ever added to.

A block is 256 messages of a room, which are read to find the account's own. Indexing each message
costs ten times as much; a B-tree has a page for each account, so that a thousand who talk at once
would write a thousand pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import apsw

from trio_chat.store.api import AUDIT_ROOM, Entry
from trio_chat.store.sqlite.ids import SEQ_BITS, SEQ_MASK

# As in schema_2.sql.
BLOCK_BITS = 8


def index(db: apsw.Connection, tails: Iterable[tuple[int, Sequence[Entry]]]) -> None:
    """Add entries, which come room by room with the base of their ids."""
    blocks: defaultdict[int, set[str]] = defaultdict(set)
    for base, entries in tails:
        for entry in entries:
            if entry.account:
                blocks[base + entry.seq >> BLOCK_BITS].add(entry.account)
    # In order, because each step back begins a new piece of the index.
    for block in sorted(blocks):
        words = " ".join([_word(account) for account in blocks[block]])
        db.execute("INSERT INTO account_block(rowid, accounts) VALUES (?, ?)", (block, words))


def rooms_of(db: apsw.Connection, account: str) -> list[tuple[str, int]]:
    """The name and base of each room where *account* has an entry, but the audit log, by name."""
    room_bits = SEQ_BITS - BLOCK_BITS
    rows = db.execute(_ROOMS, (_match(account), room_bits, (1 << room_bits) - 1, AUDIT_ROOM))
    return [(name, room_id << SEQ_BITS) for name, room_id in rows]


def ranges_of(db: apsw.Connection, account: str, after: int) -> Iterator[tuple[int, int]]:
    """The ranges of ids after *after*, in the same room, where *account* has entries, and others
    too: the first exclusive, the last inclusive."""
    last = after | SEQ_MASK
    blocks = db.execute(_BLOCKS, (_match(account), after + 1 >> BLOCK_BITS, last >> BLOCK_BITS))
    for (block,) in blocks:
        start = block << BLOCK_BITS
        yield max(start - 1, after), start + (1 << BLOCK_BITS) - 1


def _word(account: str) -> str:
    # One word for the index, whatever characters it holds.
    return account.encode().hex()


def _match(account: str) -> str:
    return f'"{_word(account)}"'


# One step in the index for each room: to the first block beyond the last one of the room before.
_ROOMS = """
    WITH RECURSIVE first(block) AS (
        SELECT -1
        UNION ALL
        SELECT (
            SELECT rowid FROM account_block
            WHERE account_block MATCH ?1 AND rowid > first.block | ?3 ORDER BY rowid LIMIT 1
        ) FROM first WHERE first.block IS NOT NULL
    )
    SELECT room.name, room.id FROM first JOIN room ON room.id = first.block >> ?2
    WHERE room.name <> ?4 ORDER BY room.name
"""
_BLOCKS = """
    SELECT rowid FROM account_block
    WHERE account_block MATCH ? AND rowid >= ? AND rowid <= ? ORDER BY rowid
"""
