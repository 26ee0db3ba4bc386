"""What a program is given for its requests. Records only."""

from __future__ import annotations

from typing import Any, NamedTuple

from trio_chat.events import Gap, StoredEvent


class Stored(NamedTuple):
    """The place of an event in the log."""

    room: str
    seq: int


class Part(NamedTuple):
    """One result of a command: *data* for programs, *text* the same for people."""

    data: Any
    text: str


class Answer(NamedTuple):
    """The result of a command, and where its act was stored, if it was.

    Most commands have one result. Of a command with several, such as `/export`, *parts* are all of
    them in their order; *data* and *text* are those of the last one.
    """

    data: Any
    text: str
    stored: Stored | None
    parts: tuple[Part, ...] = ()


class History(NamedTuple):
    """Stored events, oldest first; *more*: there are others in the direction asked for.

    *next* is the seq to ask on from, as `before=` or `after=`; None: there is nothing more. *gaps*
    tell what is missing between the events, and why: `ignored`, `earlier`, or `rewound` where the
    log ends before the seq that was asked for.
    """

    events: tuple[StoredEvent, ...]
    more: bool
    next: int | None = None
    gaps: tuple[Gap, ...] = ()
