"""The lines that a screen shows, made from events. They know no terminal.

Whatever comes from the server passes `clean_text` or `clean_line` here, and is cut to a sane
length: a hostile server or peer moves no cursor and fills no memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from trio_chat.events import Deleted, Edited, Kicked, Said, StoredEvent, Topic, milliseconds
from trio_chat.text import clean_line, clean_text

Look: TypeAlias = Literal[
    "message", "action", "notice", "coming", "going", "moving", "system", "error", "pending"
]
Fate: TypeAlias = Literal["", "edited", "deleted"]

# The server says at most 4,096 bytes at once; a broken one may say 64 KiB.
TEXT_CHARACTERS = 8192
NAME_CHARACTERS = 64


class Line(msgspec.Struct, frozen=True, gc=False):
    """One thing to show in a room.

    *serial* grows from line to line of a room; *seq* is 0 for what the log does not hold. *nick*
    is who speaks, empty for what the client or the server says. *fate* is what became of it.
    """

    serial: int
    at_ms: int
    look: Look
    nick: str
    text: str
    seq: int = 0
    is_own: bool = False
    is_mention: bool = False
    fate: Fate = ""


# A line of the log has the serial `seq << SERIAL_BITS`, wherever it was read from; what is shown
# after it and not stored counts on from there.
SERIAL_BITS = 20


def safe_text(text: str) -> str:
    """Return *text* fit for a terminal, newlines kept."""
    return clean_text(text[:TEXT_CHARACTERS])


def safe_line(text: str) -> str:
    """Return *text* fit for one line of a terminal."""
    return clean_line(text[:TEXT_CHARACTERS])


def safe_name(name: str) -> str:
    """Return a nick or the name of a room fit for a terminal."""
    return clean_line(name[:NAME_CHARACTERS])


def shown_room(room: str) -> str:
    """Return a room's name as people write it: `#lobby`, `@alice`."""
    return room if room.startswith(("@", "#")) else f"#{room}"


def bare_room(room: str) -> str:
    """Return a room's name as the server writes it: `lobby`, `@alice`."""
    return room.removeprefix("#")


def at_milliseconds(at: str) -> int:
    """Return the server's time in milliseconds since 1970; 0 for what is no time."""
    try:
        return milliseconds(at)
    except (ValueError, OverflowError):
        return 0


def describe(event: StoredEvent) -> tuple[Look, str, str]:
    """Return how a stored event looks, who did it, and its text."""
    match event:
        case Said():
            return event.kind, safe_name(event.sender), safe_text(event.text)
        case Edited():
            return "system", "", f"{safe_name(event.by)} edited: {safe_text(event.text)}"
        case Deleted():
            reason = f": {safe_line(event.text)}" if event.text else ""
            return "system", "", f"{safe_name(event.by)} deleted a message{reason}"
        case Topic():
            text = f"set the topic: {safe_line(event.text)}" if event.text else "cleared the topic"
            return "system", "", f"{safe_name(event.by)} {text}"
        case Kicked():
            reason = f": {safe_line(event.reason)}" if event.reason else ""
            return "going", "", f"{safe_name(event.by)} kicked {safe_name(event.nick)}{reason}"


def amended(lines: Iterable[Line], seq: int, text: str, fate: Fate) -> tuple[int, Line] | None:
    """Return where among *lines*, the newest first, the one with *seq* stands, and how it looks
    now; None if it is not there."""
    for index, line in enumerate(lines):
        if line.seq == seq:
            return index, msgspec.structs.replace(line, text=text, fate=fate)
    return None
