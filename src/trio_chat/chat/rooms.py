"""Rooms and direct conversations: who is in them, and which part of their log has been shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, Protocol

import msgspec

from trio_chat.chat.members import Member, RoomRole
from trio_chat.errors import NotInRoom
from trio_chat.events import (
    Deleted,
    Edited,
    Joined,
    Kicked,
    Left,
    MemberInfo,
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
    @property
    def amended(self) -> str: ...


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
            edited=line.amended == "edited",
            deleted=line.amended == "deleted",
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


class Amended:
    """A line of the log that was edited or deleted after it was shown."""

    __slots__ = ("amended", "at_ms", "kind", "sender", "seq", "target", "text")

    def __init__(self, line: LogLine, by: LogLine) -> None:
        self.seq, self.at_ms, self.kind = line.seq, line.at_ms, line.kind
        self.sender, self.target = line.sender, line.target
        self.amended = by.kind
        self.text = by.text if by.kind == "edited" else ""


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
            for line in lines:
                if line.kind in ("edited", "deleted"):
                    self._amend(line)

    def _amend(self, by: LogLine) -> None:
        """Older lines are now what the log says they are: the one meant, and its edits."""
        for place, line in enumerate(self.recent):
            is_edit = line.kind == "edited" and line.target == by.target and line is not by
            if line.seq == by.target or is_edit:
                self.recent[place] = Amended(line, by)

    def label_for(self, identity: str) -> str:
        """What the member with that identity calls it."""
        raise NotImplementedError

    def floor(self, identity: str) -> int:
        """The seq up to which this member may not read."""
        return 0

    def keep_events(self, count: int) -> None:
        """Keep so many of the newest lines from now on."""
        if count != self.recent.maxlen:
            self.recent = deque(self.recent, maxlen=count)
            self.loaded = self.shown == 0

    def unload(self) -> None:
        """Let go of `recent`; who joins next has it loaded."""
        self.recent = deque(maxlen=self.recent.maxlen)
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


class RoomRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of a room beside its log. Record space `room`, by the log's key.

    Attributes:
        private: only who is invited enters, and nobody else sees it in a list.
        archived: nobody speaks here any more.
        key: what one has to say to enter; empty: nothing.
        limit: how many members it has place for; 0: any number.
        locked: only who is voiced speaks.
        slow_seconds: between two messages of one member.
        backlog: who enters may read everything, or what was said since.
        roles: a RoomRole by identity. invited: the nicks of those who may enter, by identity.
    """

    name: str
    topic: str = ""
    description: str = ""
    created_ms: int = 0
    private: bool = False
    archived: bool = False
    key: str = ""
    limit: int = 0
    locked: bool = False
    slow_seconds: float = 0.0
    backlog: Literal["all", "joined"] = "all"
    roles: dict[str, int] = {}
    invited: dict[str, str] = {}


class Room(Talk):
    """A named place for talk.

    Attributes:
        record: what the store keeps of it; see `change`.
        kept: the store remembers it, so it stays when nobody is in it.
        quiet: not everybody may speak here, or not at any time.
        floors: by identity, the seq up to which the member may not read, where that is a rule.
        spoke: by identity, when a member spoke last (milliseconds), in a slow room.
    """

    __slots__ = ("floors", "kept", "members", "quiet", "record", "spoke")

    def __init__(self, name: str, *, key: str = "", shown: int = 0, keep_events: int = 50) -> None:
        """*key* is the log's, when another room was called *name* before."""
        super().__init__(key or fold(name), shown=shown, keep_events=keep_events)
        self.take_up(RoomRecord(name))
        self.kept = False
        self.members: dict[str, Member] = {}
        self.floors: dict[str, int] = {}
        self.spoke: dict[str, int] = {}

    @property
    def name(self) -> str:
        return self.record.name

    def label_for(self, identity: str) -> str:
        return self.record.name

    @property
    def topic(self) -> str:
        return self.record.topic

    def take_up(self, record: RoomRecord) -> None:
        """Be as *record* says; the hub must know of another name."""
        self.record = record
        self.quiet = record.locked or record.archived or record.slow_seconds > 0

    def change(self, **fields: Any) -> RoomRecord:
        """Replace *fields* of the record; return the one before."""
        before = self.record
        self.take_up(msgspec.structs.replace(before, **fields))
        return before

    @property
    def is_bare(self) -> bool:
        """Nothing was set here, and nobody made it on purpose."""
        return self.record == RoomRecord(self.name, roles=self.record.roles)

    def role_of(self, identity: str) -> RoomRole:
        return RoomRole(self.record.roles.get(identity, 0))

    def add(self, member: Member) -> Joined:
        self.members[member.identity] = member
        member.rooms[self.key] = self
        if self.record.backlog == "joined":
            self.floors.setdefault(member.identity, self.shown)
        return Joined(room=self.name, nick=member.nick)

    def remove(self, member: Member, reason: str) -> Left:
        """Raises NotInRoom."""
        if self.members.pop(member.identity, None) is None:
            raise NotInRoom(f"you are not in #{self.name}")
        del member.rooms[self.key]
        return Left(room=self.name, nick=member.nick, reason=reason)

    def floor(self, identity: str) -> int:
        """The seq up to which this member may not read."""
        if self.record.backlog == "all":  # perhaps again, by an undo
            return 0
        return self.floors.get(identity, 0)

    def roster(self, limit: int) -> Members:
        """The first *limit* members, and how many there are."""
        return Members(
            room=self.name,
            members=tuple(map(self._row, islice(self.members.values(), limit))),
            total=len(self.members),
            topic=self.topic,
        )

    def _row(self, member: Member) -> MemberInfo:
        info = member.info()
        if member.identity not in self.record.roles:
            return info
        return msgspec.structs.replace(info, room_role=self.role_of(member.identity).title)


class Direct(Talk):
    """A conversation of two. Its log belongs to the two identities, not to their nicks: whoever
    takes a nick later reads nothing of what was said to its former owner."""

    __slots__ = ("blocked_by", "nicks", "online")

    def __init__(self, one: tuple[str, str], other: tuple[str, str], *, shown: int) -> None:
        """*one* and *other* are each an identity and the nick it has now."""
        # Nobody joins it, so its last lines are never asked for here.
        super().__init__(direct_key(one[0], other[0]), shown=shown, keep_events=0)
        self.nicks = dict((one, other))
        # The identities of those who want nothing from the other one.
        self.blocked_by: set[str] = set()
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
        """`@` and the other's nick."""
        other = self.partner_of(identity)
        member = self.online.get(other)
        return "@" + (member.nick if member else self.nicks[other])

    def __iter__(self) -> Iterator[Member]:
        return iter(self.online.values())


def direct_key(one: str, other: str) -> str:
    """The name of the log that two identities share."""
    return "@" + " ".join(sorted((one, other)))
