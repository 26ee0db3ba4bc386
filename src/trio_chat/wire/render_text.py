"""Events as lines of text for people: the plain wire, and the client without a terminal. Knows
nothing of bytes and streams.

Rules:
1. What a peer chose never reaches a line as it is: texts pass `clean_text`, the rest `clean_line`.
2. Each line of a text gets the full prefix, so no text can forge a line of somebody else's.
3. Lines of the server's own begin with `* `; what was said begins with `[`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from trio_chat.events import (
    Announced,
    Backlog,
    Bye,
    Deleted,
    Done,
    Edited,
    Error,
    Gap,
    Joined,
    Kicked,
    Left,
    Members,
    Notice,
    Pong,
    Quit,
    Read,
    Renamed,
    Result,
    Said,
    Settings,
    Shown,
    Topic,
    Unread,
    Welcome,
)
from trio_chat.text import clean_line, clean_text

# A room of thousands would fill a peer's outbox with names nobody reads.
MAX_NICKS_SHOWN = 100


def render(event: Shown) -> list[str]:
    """Return the lines, without their ends, that show *event*; none for what only programs need."""
    return _RENDERERS[type(event)](event)


def render_all(events: Iterable[Shown]) -> bytes:
    """Return the lines, with their ends, that show *events*, in UTF-8."""
    return "".join(f"{line}\n" for event in events for line in render(event)).encode()


def room_label(room: str) -> str:
    """`#lobby` for a room, `@bob` for a direct conversation."""
    room = clean_line(room)
    return room if room.startswith("@") else f"#{room}"


def clock(at: str) -> str:
    """HH:MM in this machine's time zone, from an event's time."""
    return _clock(at[:16])


@lru_cache(maxsize=256)
def _clock(minute: str) -> str:
    try:
        return f"{datetime.fromisoformat(minute).replace(tzinfo=UTC).astimezone():%H:%M}"
    except (ValueError, OverflowError, OSError):
        return "--:--"


def _lines(prefix: str, text: str) -> list[str]:
    return [prefix + line.expandtabs(4) for line in clean_text(text).split("\n")]


def _said(event: Said) -> list[str]:
    sender = _SENDERS[event.kind].format(clean_line(event.sender))
    if event.deleted:
        return [f"* {clock(event.at)} {room_label(event.room)} {sender} deleted"]
    text = f"{event.text} (edited)" if event.edited else event.text
    return _lines(f"[{clock(event.at)}] {room_label(event.room)} {sender} ", text)


_SENDERS = {"message": "<{}>", "action": "* {}", "notice": "-{}-"}


def _edited(event: Edited) -> list[str]:
    by = clean_line(event.by)
    return _lines(f"* {by} edited {event.target} in {room_label(event.room)}: ", event.text)


def _deleted(event: Deleted) -> list[str]:
    by = clean_line(event.by)
    return [f"* {by} deleted {event.target} in {room_label(event.room)}{_reason(event.text)}"]


def _topic(event: Topic) -> list[str]:
    by, room = clean_line(event.by), room_label(event.room)
    if not event.text:
        return [f"* {by} removed the topic of {room}"]
    return _lines(f"* {by} set the topic of {room}: ", event.text)


def _kicked(event: Kicked) -> list[str]:
    by, nick = clean_line(event.by), clean_line(event.nick)
    return [f"* {by} kicked {nick} out of {room_label(event.room)}{_reason(event.reason)}"]


def _joined(event: Joined) -> list[str]:
    return [f"* {clean_line(event.nick)} joined {room_label(event.room)}"]


def _left(event: Left) -> list[str]:
    return [f"* {clean_line(event.nick)} left {room_label(event.room)}{_reason(event.reason)}"]


def _quit(event: Quit) -> list[str]:
    if not event.rooms:
        return []
    rooms = ", ".join(map(room_label, event.rooms))
    return [f"* {clean_line(event.nick)} left {rooms}{_reason(event.reason)}"]


def _renamed(event: Renamed) -> list[str]:
    return [f"* {clean_line(event.old)} is now called {clean_line(event.new)}"]


def _members(event: Members) -> list[str]:
    room = room_label(event.room)
    nicks = [
        clean_line(member.nick) + (" (away)" if member.away is not None else "")
        for member in event.members[:MAX_NICKS_SHOWN]
    ]
    hidden = event.total - len(nicks)
    rest = f" and {hidden} more" if hidden > 0 else ""
    lines = _lines(f"* topic of {room}: ", event.topic) if event.topic else []
    return [*lines, f"* in {room}: {', '.join(nicks)}{rest}"]


def _backlog(event: Backlog) -> list[str]:
    return [line for stored in event.events for line in render(stored)]


def _gap(event: Gap) -> list[str]:
    if event.reason == "ignored":
        return []
    room = room_label(event.room)
    return [f"* {room}: messages {event.first} to {event.last} can no longer be had"]


def _welcome(event: Welcome) -> list[str]:
    server, nick = clean_line(event.server), clean_line(event.nick)
    first = f"* welcome to {server}, {nick}: type and press Enter, /help lists the commands"
    return [first, *(_lines("* ", event.motd) if event.motd else [])]


def _result(event: Result) -> list[str]:
    return _lines("* ", event.text) if event.text else []


def _error(event: Error) -> list[str]:
    return [f"* {clean_line(event.message)}{_retry(event.retry_after)}"]


def _notice(event: Notice) -> list[str]:
    return _lines("* ", event.text)


def _announced(event: Announced) -> list[str]:
    return _lines("* to everyone: ", event.text)


def _bye(event: Bye) -> list[str]:
    return [f"* bye: {clean_line(event.reason)}{_retry(event.retry_after)}"]


def _nothing(event: Done | Pong | Read | Settings | Unread) -> list[str]:
    return []


def _reason(reason: str) -> str:
    return f" ({clean_line(reason)})" if reason else ""


def _retry(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f" (retry in {f'{seconds:.1f}'.removesuffix('.0')} s)"


_RENDERERS: dict[type[Any], Callable[[Any], list[str]]] = {
    Said: _said,
    Edited: _edited,
    Deleted: _deleted,
    Topic: _topic,
    Kicked: _kicked,
    Joined: _joined,
    Left: _left,
    Quit: _quit,
    Renamed: _renamed,
    Members: _members,
    Backlog: _backlog,
    Gap: _gap,
    Read: _nothing,
    Settings: _nothing,
    Unread: _nothing,
    Welcome: _welcome,
    Result: _result,
    Done: _nothing,
    Error: _error,
    Pong: _nothing,
    Notice: _notice,
    Announced: _announced,
    Bye: _bye,
}
