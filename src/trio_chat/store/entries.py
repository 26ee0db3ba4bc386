"""What every back end makes of a write: its entries, and the answer to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from trio_chat.errors import BadRequest, Conflict
from trio_chat.store.api import AUDIT_ROOM, Amended, Entry, EntryKind, Put, Write

# What can be edited and deleted ...
SAID: frozenset[EntryKind] = frozenset(("message", "action", "notice"))
# ... and what does it.
AMENDING: frozenset[EntryKind] = frozenset(("edited", "deleted"))

First: TypeAlias = tuple[str, int, int, bytes]
"""What is remembered of a write that had a key: room, seq, at_ms, answer."""


def repeat(write: Write, first: First) -> None:
    """Answer *write* as the first one with its key was answered."""
    write.room, write.seq, write.at_ms, write.answer = first
    write.repeated = True


def conflict(put: Put, version: int) -> Conflict:
    return Conflict(f"{put.space}/{put.key}: at version {version}, expected {put.expect}")


def no_such_message() -> BadRequest:
    return BadRequest("there is no such message here any more")


def amendment(write: Write) -> tuple[str, Amended]:
    """What the target's text and `amended` become."""
    return (write.text, "edited") if write.kind == "edited" else ("", "deleted")


def entry_of(write: Write) -> Entry:
    """The event of *write*, once it has a seq and a time."""
    return Entry(
        write.room,
        write.seq,
        write.at_ms,
        write.kind,
        write.sender,
        write.account,
        write.text,
        write.target,
    )


def audit_entry(write: Write, seq: int) -> Entry:
    """What the audit log is told of *write*, once it has a time."""
    return Entry(AUDIT_ROOM, seq, write.at_ms, "notice", write.sender, write.account, write.audit)


def dense_page(
    entries: Sequence[Entry], before: int | None, after: int | None, limit: int
) -> Sequence[Entry]:
    """What `Log.page` promises, from *entries* that follow one another in a room."""
    if not entries:
        return []
    first_seq, count = entries[0].seq, len(entries)
    low = 0 if after is None else min(max(after + 1 - first_seq, 0), count)
    high = count if before is None else min(max(before - first_seq, 0), count)
    if after is None:
        low = max(low, high - limit)
    return entries[low : min(high, low + limit)]
