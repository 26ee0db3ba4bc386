"""Effects: what a command asks to be done, as data.

A handler decides and returns effects; the server carries them out, in this order:

1. what happens at once: `Rename`, `Leave`, `Join`, `Converse`, `LogIn`, `LogOut`;
2. what is stored, in one transaction: the changes of records, the audit line, one `Line` or `Say`;
   further lines follow, each in a transaction of its own;
3. what others see of it, once it is stored: `Tell`, `Announce`, `Expel`, `Dismiss`, `Archive`;
4. what follows for the one who asked: `Enter`, `LogIn` and `LogOut` with `after`, `EndSession`,
   `Whisper`, `Quit`.

What is refused in 1 or 2 ends the command: nothing of what comes later happens. The words of
somebody who may not speak reach nobody: `Say` is let in where plain talk is, and whatever else
carries *words* of the member is asked about at the same place.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

SpokenKind: TypeAlias = Literal["message", "action", "topic", "edited", "deleted"]
LineKind: TypeAlias = Literal["notice", "kicked", "deleted"]


class Effect(msgspec.Struct, frozen=True):
    """One thing to be done."""


# --- what is stored


class Say(Effect, frozen=True):
    """The member says something in the room or conversation with that *key*.

    Attributes:
        to: instead of a key: the nick or account name of whom to write to; a conversation begins
            if there is none.
        target: the seq meant by `edited` and `deleted`.
        mends: it mends the member's own last line, which is free in a slow room.
    """

    text: str
    key: str = ""
    to: str = ""
    kind: SpokenKind = "message"
    target: int | None = None
    mends: bool = False


class Line(Effect, frozen=True):
    """The server's own line in a room, about what the member did.

    Attributes:
        words: it carries words that the member chose, a reason, say.
        target: the nick meant by `kicked`, the seq meant by `deleted`.
        expels: the identity of who is put out of the room once the line was shown.
    """

    key: str
    text: str
    kind: LineKind = "notice"
    words: bool = True
    target: int | str | None = None
    expels: str = ""


# --- what happens at once, because names and memberships are taken at once


class Rename(Effect, frozen=True):
    nick: str


class Join(Effect, frozen=True):
    """The member enters the room called *name*, made if there is none. The room's rules are asked
    with *key*, what the member said to enter."""

    name: str
    key: str = ""


class Converse(Effect, frozen=True):
    """The member's conversation with whoever is called *nick* is shown, and begins if there is
    none: nothing is said. The session goes there."""

    nick: str


class Leave(Effect, frozen=True):
    """The member leaves the room with that *key*. The reason of who may not speak is left out."""

    key: str
    reason: str


# --- what others see once it is stored


class Tell(Effect, frozen=True):
    """A notice to the devices of the members with these identities.

    Attributes:
        words: it carries words that the member chose, or comes to somebody only because the
            member wants it to.
    """

    identities: tuple[str, ...]
    text: str
    words: bool = True


class Announce(Effect, frozen=True):
    """A notice of the server to everybody."""

    text: str


class Dismiss(Effect, frozen=True):
    """The member with that identity is put off the server, with all its devices. *code*: the
    reason for programs."""

    identity: str
    reason: str
    code: str
    retry_after: float | None = None


class Archive(Effect, frozen=True):
    """Everybody leaves the room with that key, which was archived."""

    key: str


# --- what follows for the one who asked


class Enter(Effect, frozen=True):
    """The member enters the room with that *key*, which it has just made."""

    key: str


class LogIn(Effect, frozen=True):
    """The session speaks for the account with that id. *after*: the account is made just now."""

    account: str
    after: bool = False


class LogOut(Effect, frozen=True):
    """The session speaks for a guest again."""


class EndSession(Effect, frozen=True):
    """A session of the member's account ends: the one with that id, or ("") all but this one."""

    id: str = ""


class Whisper(Effect, frozen=True):
    """A notice to this session alone, kept nowhere."""

    text: str


class Quit(Effect, frozen=True):
    """The session ends once its answers are out. The reason of who may not speak is left out."""

    reason: str
