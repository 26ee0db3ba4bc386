"""What happened, and what the server answers: one frozen struct per type of docs/protocol.md.

The structs are the vocabulary shared by chat, store, wires and client. They know nothing of
bytes: a wire decides how they look. Fields with a default are left out when they hold it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from trio_chat.errors import ChatError

Kind: TypeAlias = Literal["message", "action", "notice"]
NotifyLevel: TypeAlias = Literal["all", "mentions", "none"]


@lru_cache(maxsize=64)
def timestamp(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, from milliseconds since 1970."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def milliseconds(at: str) -> int:
    """The reverse of `timestamp`. Raises ValueError for anything but RFC 3339."""
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        raise ValueError(f"{at!r} names no time zone")
    return round(moment.timestamp() * 1000)


class _Event(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=str.lower
):
    pass


# --- stored: a room's log holds them, numbered by seq 1, 2, 3 ... without holes


class Said(_Event, frozen=True, kw_only=True, rename={"sender": "from"}, gc=False):
    """Somebody said something in *room*; a direct message has the room `@nick`.

    *sender* is the nick at that time, *account* the sender's account, None for a guest. Read from
    the log it is what it has become: *edited*, with the last text, or *deleted*, with none.
    """

    room: str
    seq: int
    at: str
    sender: str
    text: str
    kind: Kind
    account: str | None = None
    edited: bool = False
    deleted: bool = False


class Edited(_Event, frozen=True, kw_only=True, gc=False):
    """The text of the event with seq *target* is now *text*."""

    room: str
    seq: int
    at: str
    by: str
    target: int
    text: str


class Deleted(_Event, frozen=True, kw_only=True, gc=False):
    """The event with seq *target* was taken back; *text* is the reason, perhaps empty."""

    room: str
    seq: int
    at: str
    by: str
    target: int
    text: str


class Topic(_Event, frozen=True, kw_only=True, gc=False):
    """The room's topic is now *text*; empty: it has none."""

    room: str
    seq: int
    at: str
    by: str
    text: str


class Kicked(_Event, frozen=True, kw_only=True, gc=False):
    room: str
    seq: int
    at: str
    by: str
    nick: str
    reason: str


StoredEvent: TypeAlias = Said | Edited | Deleted | Topic | Kicked


# --- shown, not stored


class Joined(_Event, frozen=True, kw_only=True, gc=False):
    """*account* is None for a guest."""

    room: str
    nick: str
    account: str | None = None


class Left(_Event, frozen=True, kw_only=True, gc=False):
    room: str
    nick: str
    reason: str


class Renamed(_Event, frozen=True, kw_only=True, gc=False):
    """Sent once to each session that shares a room with the member, and to the member."""

    old: str
    new: str


class MemberInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One row of `Members`. *away* is the reason, or None for somebody who is here; *room_role*
    is empty, `voiced`, `moderator` or `owner`."""

    nick: str
    account: str | None
    role: str
    away: str | None
    room_role: str = ""


class Members(_Event, frozen=True, kw_only=True):
    """Who is in the room now; replaces what the client knew.

    In a large room *members* holds only some of the *total* who are there.
    """

    room: str
    members: tuple[MemberInfo, ...]
    total: int
    topic: str


class Backlog(_Event, frozen=True, kw_only=True):
    """Stored events, oldest first. *more*: more remain in the direction asked for. *next* is the
    seq to ask on from when there is more and no event tells it."""

    room: str
    events: tuple[StoredEvent, ...]
    more: bool
    next: int | None = None


class Gap(_Event, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}, gc=False):
    """The events with these seqs, both included, can no longer be had.

    *reason* `ignored`: they exist, but were said by somebody whom this member ignores. `earlier`:
    they are about what was said before this member came, which it may not read. `rewound`: the
    log ends before them, it was set back to an older state.
    """

    room: str
    first: int
    last: int
    reason: str = ""


# --- between the server and one session


class Read(_Event, frozen=True, kw_only=True, gc=False):
    """This member, with whichever device, has read the room up to *seq*."""

    room: str
    seq: int


class RoomUnread(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What others have said in a room and this member has not read.

    *count* of them; *mentions* are the seqs of those that call the member, by its nick or by one of
    its words; *first* is the seq of the first.
    """

    count: int
    mentions: tuple[int, ...]
    first: int


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """By room, what this member has not read; a room where that is nothing is left out."""

    rooms: dict[str, RoomUnread]


class Settings(_Event, frozen=True, kw_only=True):
    """What this member wants to be told of: by room a level, and words that mean it."""

    notify: dict[str, NotifyLevel]
    highlights: tuple[str, ...]


class CommandInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of the command table. *role* is the server's role it needs; where *room_role* is not
    empty, that role in the room does as well."""

    name: str
    aliases: tuple[str, ...]
    usage: str
    help: str
    role: str
    room_role: str = ""


class Welcome(_Event, frozen=True, kw_only=True):
    """The answer to `hello`; said again when one logged in or out, or was given another role.
    *session* is the token for resume, empty where there is none. *unread* is told once, when one
    comes."""

    protocol: int
    server: str
    version: str
    session: str
    nick: str
    account: str | None
    role: str
    resumed: bool
    commands: tuple[CommandInfo, ...]
    limits: dict[str, int | float]
    motd: str
    unread: Unread | None = None


class Result(_Event, frozen=True, kw_only=True):
    """What a command found out: *data* for programs, *text* the same for people."""

    id: str | None = None
    command: str
    data: Any
    text: str


class Done(_Event, frozen=True, kw_only=True, gc=False):
    """The request with this id has happened; *room* and *seq* when it was stored. *repeated*: it
    had happened before, under this id, and so nothing was done now."""

    id: str
    room: str | None = None
    seq: int | None = None
    repeated: bool = False


class Error(_Event, frozen=True, kw_only=True, gc=False):
    """The request with this id was refused. The last four say what it is about, where it is about
    one: see `errors.ChatError`."""

    id: str | None = None
    code: str
    message: str
    retry_after: float | None = None
    nick: str | None = None
    room: str | None = None
    command: str | None = None
    account: str | None = None


def error_for(exc: ChatError, id: str | None = None) -> Error:
    """Return the answer to the request with this id, which *exc* refuses."""
    return Error(
        id=id,
        code=exc.code,
        message=exc.message,
        retry_after=exc.retry_after,
        nick=exc.nick,
        room=exc.room,
        command=exc.command,
        account=exc.account,
    )


class Pong(_Event, frozen=True, kw_only=True, gc=False):
    id: str | None = None


class Notice(_Event, frozen=True, kw_only=True, gc=False):
    """From the server to one session."""

    text: str


class Announced(_Event, frozen=True, kw_only=True, gc=False):
    """From the server to all."""

    text: str


class Bye(_Event, frozen=True, kw_only=True, gc=False):
    """The last line before the server closes. *code*: the reason for programs, if there is one."""

    reason: str
    code: str = ""
    retry_after: float | None = None


Event: TypeAlias = (
    Said
    | Edited
    | Deleted
    | Topic
    | Kicked
    | Joined
    | Left
    | Renamed
    | Members
    | Backlog
    | Gap
    | Read
    | Settings
    | Welcome
    | Result
    | Done
    | Error
    | Pong
    | Notice
    | Announced
    | Bye
)


# --- what a wire is shown beside those, and may show as several of them


class Quit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Somebody left the chat: sent once to each session that shares *rooms* with the member. Those
    of them where many come and go have a `Left` each, later, instead."""

    nick: str
    account: str | None
    reason: str
    rooms: tuple[str, ...]


Shown: TypeAlias = Event | Quit
