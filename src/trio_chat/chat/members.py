"""Members: the people behind the nicks, as the rooms see them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from trio_chat.chat.flood import TokenBucket
from trio_chat.events import MemberInfo, NotifyLevel
from trio_chat.text import fold

if TYPE_CHECKING:
    from trio_chat.chat.rooms import Direct, Room


class Role(IntEnum):
    """What one may do on this server; each role may do what the ones before it may."""

    GUEST = 0
    MEMBER = 1
    MODERATOR = 2
    ADMIN = 3
    OWNER = 4

    @property
    def title(self) -> str:
        return self.name.lower()


class RoomRole(IntEnum):
    """What one may do in one room, whatever the server's role."""

    PLAIN = 0
    VOICED = 1
    MODERATOR = 2
    OWNER = 3

    @property
    def title(self) -> str:
        return self.name.lower() if self else ""


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
        ignores: by folded nick, those whose words this member does not see.
        blocks: by identity, the nicks of those who cannot write to this member directly.
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
        self.ignores: dict[str, str] = {}
        self.blocks: dict[str, str] = _NOTHING
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
        """Be called *nick* from now on; the hub must know (`Hub.rename`)."""
        self.nick = nick
        self.key = fold(nick)

    def is_in(self, key: str) -> bool:
        """Whether the member is in the room, or has the conversation, whose log has this key."""
        return key in self.rooms or key in self.directs

    def hears(self, nick: str) -> bool:
        """Whether this member wants to see what *nick* says."""
        return not self.ignores or fold(nick) not in self.ignores

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
