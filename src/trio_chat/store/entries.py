"""What every back end makes of a write: its entries, and the answer to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import structlog

from trio_chat.errors import BadRequest, Conflict
from trio_chat.store.api import AUDIT_ROOM, Amended, Cursor, Entry, EntryKind, Hits, Put, Write

_log = structlog.get_logger()

# What can be edited and deleted ...
SAID: frozenset[EntryKind] = frozenset(("message", "action", "notice"))
# ... and what does it.
AMENDING: frozenset[EntryKind] = frozenset(("edited", "deleted"))
# What loses its text with a redaction, and says no more than that it happened.
EMPTIED: frozenset[EntryKind] = frozenset(("edited", "deleted", "topic", "kicked"))

First: TypeAlias = tuple[str, int, int, bytes]
"""What is remembered of a write that had a key: room, seq, at_ms, answer."""


# How far the log's time may be ahead of the clock: a correction of a clock is less, a clock that
# was set wrong is more.
_AHEAD_MS = 300_000


def next_ms(now_ms: int, last_ms: int) -> int:
    """The time of what is written at *now_ms*, in milliseconds since 1970: not before *last_ms*,
    that of what was written last, unless a wrong clock had put that far into the future."""
    if last_ms - now_ms > _AHEAD_MS:
        _log.warning("the log was ahead of the clock", seconds=(last_ms - now_ms) // 1000)
        return now_ms
    return max(now_ms, last_ms)


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


class Part(NamedTuple):
    """What was found in one room, newest first, each with where it stands; *go_on* is the last
    place that was looked at when there may be more."""

    hits: list[tuple[Cursor, Entry]]
    go_on: Cursor | None = None


def merged(parts: Sequence[Part], limit: int) -> Hits:
    """Merge what was found in each room. One that was not looked through hides what is older in
    the others: it may have something newer still."""
    reached = max((part.go_on for part in parts if part.go_on is not None), default=None)
    found = sorted((hit for part in parts for hit in part.hits), key=itemgetter(0), reverse=True)
    newest = [hit for hit in found[:limit] if reached is None or hit[0] >= reached]
    if len(newest) == limit < len(found) and newest:
        reached = newest[-1][0]
    return Hits([entry for _, entry in newest], reached)
