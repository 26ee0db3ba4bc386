"""Members, and the rooms and direct conversations they are in. They know one another, so they are
one module. And the order in which the rooms are listed."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Literal

import msgspec

from trio_chat.chat.pace import TokenBucket
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.chat.talks import Talk
from trio_chat.errors import NotInRoom
from trio_chat.events import Joined, Left, MemberInfo, Members, NotifyLevel
from trio_chat.text import fold

_SHOWN = frozenset(MemberInfo.__struct_fields__)
# Most members have none of these; a mapping each would be 64 bytes. Replaced, never changed.
_NOTHING: dict[str, Any] = {}


class Member:
    """A person in the chat.

    Attributes:
        identity: who this is, whatever the nick: stable for as long as the person can come back.
        nick: what one is called now, since `called_ms`; `key` is its folded form.
        account: the account's name, or None for a guest; `account_id` is what it is known by for
            good, or "".
        address: where the newest link comes from.
        away: why one is away, None for somebody who is here.
        ignores: by author, the nicks of those whose words this member does not see. Replaced,
            never changed, like the other mappings.
        blocks: by identity, the nicks of those who cannot write to this member directly.
        closed: by log key, the seq of the last line of a conversation when this member closed it.
        reads: by log key, the seq up to which this member has read.
        notify: by log key, what to be told of; `highlights` are words that mean this member.
        absent_until: the link is gone and others see the member leave at this time (seconds on
            the clock of the caller); None while linked.
        rooms: by key, those this member is in; `directs` likewise the conversations.
        flood, queries: how fast one may go, once one has said, or asked, something.
        last_partner: whom `/reply` answers.
    """

    __slots__ = (
        "_info",
        "absent_until",
        "account",
        "account_id",
        "address",
        "away",
        "blocks",
        "called_ms",
        "closed",
        "directs",
        "flood",
        "highlights",
        "identity",
        "ignores",
        "key",
        "last_partner",
        "nick",
        "notify",
        "queries",
        "reads",
        "role",
        "rooms",
        "since_ms",
    )

    def __init__(self, identity: str, nick: str, *, since_ms: int = 0) -> None:
        self._info: MemberInfo | None = None
        self.identity = identity
        self.call(nick)
        self.account: str | None = None
        self.account_id = ""
        self.address = ""
        self.role = Role.GUEST
        self.away: str | None = None
        self.ignores: dict[str, str] = _NOTHING
        self.blocks: dict[str, str] = _NOTHING
        self.closed: dict[str, int] = _NOTHING
        self.reads: dict[str, int] = _NOTHING
        self.notify: dict[str, NotifyLevel] = _NOTHING
        self.highlights: tuple[str, ...] = ()
        self.rooms: dict[str, Room] = {}
        self.directs: dict[str, Direct] = {}
        self.since_ms = self.called_ms = since_ms
        self.absent_until: float | None = None
        self.flood: TokenBucket | None = None
        self.queries: TokenBucket | None = None
        self.last_partner: Member | None = None

    def call(self, nick: str) -> None:
        """Be called *nick* from now on; the directory must know (`Directory.rename`)."""
        self.nick = nick
        self.key = fold(nick)

    def is_in(self, key: str) -> bool:
        """Whether the member is in the room, or has the conversation, whose log has this key."""
        return key in self.rooms or key in self.directs

    @property
    def author(self) -> str:
        """Whose words this member's are in a log: the account's id, or a guest's identity."""
        return self.account_id or self.identity

    def hears(self, author: str) -> bool:
        """Return whether this member wants to see what *author* says."""
        return not self.ignores or author not in self.ignores

    def info(self) -> MemberInfo:
        """How the others see this member. Made once for all the lists it stands in: 2,000 who
        join a room ask for a million."""
        if self._info is None:
            self._info = MemberInfo(
                nick=self.nick, account=self.account, role=self.role.title, away=self.away
            )
        return self._info

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if name in _SHOWN:
            object.__setattr__(self, "_info", None)


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
        folded: its name, folded.
        moved: called with the room, and how many members it had, when somebody came or left.
        spoke: by identity, when a member spoke last (in seconds, on a clock that nobody sets), in a
            slow room; mended: the
            seq of the line that it mended since.
    """

    __slots__ = (
        "floors",
        "folded",
        "kept",
        "members",
        "mended",
        "moved",
        "quiet",
        "record",
        "spoke",
    )

    def __init__(self, name: str, *, key: str = "", shown: int = 0, keep_events: int = 50) -> None:
        """*key* is the log's, when another room was called *name* before."""
        super().__init__(key or fold(name), shown=shown, keep_events=keep_events)
        self.take_up(RoomRecord(name))
        self.kept = False
        self.moved: Callable[[Room, int], object] | None = None
        self.members: dict[str, Member] = {}
        self.floors: dict[str, int] = {}
        self.spoke: dict[str, float] = {}
        self.mended: dict[str, int] = {}

    @property
    def name(self) -> str:
        return self.record.name

    def label_for(self, identity: str) -> str:
        return self.record.name

    @property
    def topic(self) -> str:
        return self.record.topic

    def take_up(self, record: RoomRecord) -> None:
        """Be as *record* says; the directory must know of another name."""
        self.record = record
        self.folded = fold(record.name)
        self.quiet = record.locked or record.archived or record.slow_seconds > 0

    def change(self, **fields: Any) -> RoomRecord:
        """Replace *fields* of the record; return the one before."""
        before = self.record
        self.take_up(msgspec.structs.replace(before, **fields))
        return before

    @property
    def is_partly_read(self) -> bool:
        """Who enters reads what is said from then on."""
        return self.record.backlog == "joined"

    @property
    def is_bare(self) -> bool:
        """Nothing was set here, and nobody made it on purpose."""
        return self.record == RoomRecord(self.name, roles=self.record.roles)

    def is_listed_for(self, member: Member) -> bool:
        """Return whether the member may know of the room: who is in it, and what it is about."""
        belongs = self.key in member.rooms or member.identity in self.record.invited
        return belongs or not self.record.private or bool(self.role_of(member.identity))

    def role_of(self, identity: str) -> RoomRole:
        return RoomRole(self.record.roles.get(identity, 0))

    def add(self, member: Member) -> Joined:
        before = len(self.members)
        self.members[member.identity] = member
        member.rooms[self.key] = self
        self._note_moved(before)
        if self.record.backlog == "joined":
            self.floors.setdefault(member.identity, self.shown)
        return self.joined(member)

    def joined(self, member: Member) -> Joined:
        """Return the event that shows that the member is here."""
        return Joined(room=self.name, nick=member.nick, account=member.account)

    def remove(self, member: Member, reason: str) -> Left:
        """Raises NotInRoom."""
        if self.members.pop(member.identity, None) is None:
            raise NotInRoom(f"you are not in #{self.name}", room=self.name)
        del member.rooms[self.key]
        self._note_moved(len(self.members) + 1)
        return Left(room=self.name, nick=member.nick, reason=reason)

    def _note_moved(self, members_before: int) -> None:
        if self.moved is not None:
            self.moved(self, members_before)

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


class Listing:
    """Rooms in the order in which they are listed: those with most members first, then by key; and
    how many somebody owns. It is kept, since sorting 20,000 for each who asks takes 10 ms."""

    def __init__(self) -> None:
        self._ranks: list[tuple[int, str, Room]] = []
        self._owners: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Room]:
        return (room for _, _, room in self._ranks)

    def put(self, room: Room) -> None:
        self._insert(room)
        self._owners.update(_owners(room.record))
        room.moved = self._move

    def drop(self, room: Room) -> None:
        room.moved = None
        self._remove(room, len(room.members))
        self._disown(room.record)

    def note_record(self, room: Room, before: RoomRecord) -> None:
        """The room's record was *before*, and is another now."""
        if room.record.roles != before.roles:
            self._disown(before)
            self._owners.update(_owners(room.record))

    def owned(self, identity: str) -> int:
        """Return how many rooms the member with that identity owns."""
        return self._owners[identity]

    def _disown(self, record: RoomRecord) -> None:
        for identity in _owners(record):
            self._owners[identity] -= 1
            if not self._owners[identity]:
                del self._owners[identity]

    def _move(self, room: Room, members_before: int) -> None:
        self._remove(room, members_before)
        self._insert(room)

    def _insert(self, room: Room) -> None:
        insort(self._ranks, (-len(room.members), room.key, room))

    def _remove(self, room: Room, members: int) -> None:
        del self._ranks[bisect_left(self._ranks, (-members, room.key))]


def _owners(record: RoomRecord) -> list[str]:
    return [identity for identity, role in record.roles.items() if role == RoomRole.OWNER]


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

    def is_closed_for(self, member: Member) -> bool:
        """Return whether the member closed it, and nobody has written since."""
        return member.closed.get(self.key, -1) >= self.shown

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
        if partner is not None and partner.hears(member.author):
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
