"""Rooms and direct conversations: who is in them, and which part of their log has been shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from trio_chat.chat.members import Member
from trio_chat.errors import NotInRoom
from trio_chat.events import (
    Deleted,
    Edited,
    Joined,
    Kicked,
    Left,
    Members,
    Said,
    StoredEvent,
    Topic,
    timestamp,
)
from trio_chat.text import fold


class LogLine(Protocol):
    """What `stored_event` needs to know of a line of a room's log."""

    @property
    def seq(self) -> int: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def target(self) -> int | str | None: ...


def stored_event(room: str, line: LogLine) -> StoredEvent:
    """The event that a line of the log records, in the room that its viewer calls *room*."""
    kind, at = line.kind, timestamp(line.at_ms)
    if kind in ("message", "action", "notice"):
        return Said(
            room=room,
            seq=line.seq,
            at=at,
            sender=line.sender,
            text=line.text,
            kind=kind,  # type: ignore[arg-type]
        )
    if kind == "topic":
        return Topic(room=room, seq=line.seq, at=at, by=line.sender, text=line.text)
    if kind == "kicked":
        return Kicked(
            room=room, seq=line.seq, at=at, by=line.sender, nick=str(line.target), reason=line.text
        )
    of_target = Edited if kind == "edited" else Deleted
    return of_target(
        room=room,
        seq=line.seq,
        at=at,
        by=line.sender,
        target=int(line.target or 0),
        text=line.text,
    )


class Talk:
    """What rooms and direct conversations share: a log, shown up to some seq.

    Attributes:
        key: the log's name in the store.
        shown: the last seq that was broadcast. Every session here has been given all up to it,
            unless it lags.
        recent: the newest shown lines of the log, for those who join. Filled when `loaded`.
        sending: a broadcast to this room is under way; see server/broadcast.py.
    """

    __slots__ = ("key", "loaded", "recent", "sending", "shown")

    def __init__(self, key: str, *, shown: int, keep_events: int) -> None:
        self.key = key
        self.shown = shown
        self.recent: deque[LogLine] = deque(maxlen=keep_events)
        self.loaded = shown == 0
        self.sending = False

    def show(self, lines: Sequence[LogLine]) -> None:
        """Note that *lines*, the next ones of the log, are being broadcast."""
        if lines:
            self.recent.extend(lines)
            self.shown = lines[-1].seq

    def unload(self) -> None:
        """Let go of `recent`; who joins next has it loaded."""
        self.recent.clear()
        self.loaded = self.shown == 0

    def load(self, lines: Iterable[LogLine]) -> None:
        """Fill `recent` with older lines read from the store. What was shown meanwhile stays."""
        if self.loaded:
            return
        first = self.recent[0].seq if self.recent else self.shown + 1
        older = [line for line in lines if line.seq < first]
        room_left = (self.recent.maxlen or 0) - len(self.recent)
        self.recent.extendleft(reversed(older[-room_left:] if room_left else []))
        self.loaded = True


class Room(Talk):
    """A named place for talk. *kept*: the store remembers it, so it stays when nobody is in it."""

    __slots__ = ("kept", "members", "name", "topic")

    def __init__(self, name: str, *, shown: int = 0, keep_events: int = 50) -> None:
        super().__init__(fold(name), shown=shown, keep_events=keep_events)
        self.name = name
        self.topic = ""
        self.kept = False
        self.members: dict[str, Member] = {}

    def add(self, member: Member) -> Joined:
        self.members[member.identity] = member
        member.rooms[self.key] = self
        return Joined(room=self.name, nick=member.nick)

    def remove(self, member: Member, reason: str) -> Left:
        """Raises NotInRoom."""
        if self.members.pop(member.identity, None) is None:
            raise NotInRoom(f"you are not in #{self.name}")
        del member.rooms[self.key]
        return Left(room=self.name, nick=member.nick, reason=reason)

    def roster(self, limit: int) -> Members:
        """The first *limit* members, and how many there are."""
        return Members(
            room=self.name,
            members=tuple(member.info() for member in islice(self.members.values(), limit)),
            total=len(self.members),
            topic=self.topic,
        )


class Direct(Talk):
    """A conversation of two. Its log belongs to the two identities, not to their nicks: whoever
    takes a nick later reads nothing of what was said to its former owner."""

    __slots__ = ("nicks", "online")

    def __init__(
        self, one: tuple[str, str], other: tuple[str, str], *, shown: int, keep_events: int
    ) -> None:
        """*one* and *other* are each an identity and the nick it has now."""
        super().__init__(direct_key(one[0], other[0]), shown=shown, keep_events=keep_events)
        self.nicks = dict((one, other))
        self.online: dict[str, Member] = {}

    def link(self, member: Member) -> None:
        self.online[member.identity] = member
        member.directs[self.key] = self

    def unlink(self, member: Member) -> None:
        self.nicks[member.identity] = member.nick
        self.online.pop(member.identity, None)
        member.directs.pop(self.key, None)

    def wrote(self, member: Member) -> None:
        """Note that *member* says something here: the other one's `/reply` answers who was
        heard last."""
        partner = self.online.get(self.partner_of(member.identity))
        if partner is not None and partner.hears(member.nick):
            partner.last_partner = member

    def partner_of(self, identity: str) -> str:
        """The other one's identity."""
        return next(other for other in self.nicks if other != identity)

    def label_for(self, identity: str) -> str:
        """The room's name as this one sees it: `@` and the other's nick."""
        other = self.partner_of(identity)
        member = self.online.get(other)
        return "@" + (member.nick if member else self.nicks[other])

    def __iter__(self) -> Iterator[Member]:
        return iter(self.online.values())


def direct_key(one: str, other: str) -> str:
    """The name of the log that two identities share."""
    return "@" + " ".join(sorted((one, other)))
