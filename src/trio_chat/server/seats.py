"""Seats: what is kept of a session while its link is away, so that it can be resumed.

A seat is found by the hash of its token and kept in the store (record space `session`), so
that sessions survive a restart, `kill -9` included. The token itself is told once and kept by
the client alone.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

from trio_chat.chat.members import Member
from trio_chat.chat.rooms import direct_key
from trio_chat.store import Put, Record

if TYPE_CHECKING:
    from trio_chat.server.deadlines import Deadline
    from trio_chat.server.session import Session

SPACE = "session"


class SeatRecord(msgspec.Struct, frozen=True):
    """A seat as it is stored. *directs* maps the partners' identities to their last nicks."""

    id: str
    nick: str
    since_ms: int
    rooms: list[str] = []
    directs: dict[str, str] = {}
    ignores: dict[str, str] = {}
    away: str | None = None
    reads: dict[str, int] = {}
    dropped_ms: int | None = None


# Most seats have neither conversations nor read marks; a mapping each would be 64 bytes.
_NOTHING: dict[str, Any] = {}


class Seat:
    """One resumable session.

    Attributes:
        id: public; `scope` and the guest's identity are made of it.
        member: who sits here; kept when the member has left, for its rooms and nick to be
            taken up again.
        session: the session linked now, if any.
        present: the member is in the chat, linked or within the grace.
        rooms: the keys of the member's rooms, to be entered again.
        directs: the nicks, by identity, of those it has conversations with. Replaced, never
            changed; `reads` likewise.
        labels: the log keys of its conversations by what the client called them when its link
            was lost; by then somebody else may be called so.
        timer: the end of the grace, or of the seat, once the link is gone.
        reads: by log key, the seq up to which was read.
    """

    __slots__ = (
        "directs",
        "dropped_ms",
        "id",
        "key",
        "labels",
        "member",
        "present",
        "reads",
        "rooms",
        "session",
        "timer",
    )

    def __init__(self, id: str, key: str, member: Member) -> None:
        self.id = id
        self.key = key
        self.member = member
        self.rooms: tuple[str, ...] = ()
        self.directs: dict[str, str] = _NOTHING
        self.reads: dict[str, int] = _NOTHING
        self.labels: dict[str, str] = _NOTHING
        self.session: Session | None = None
        self.present = True
        self.dropped_ms: int | None = None
        self.timer: Deadline | None = None

    @property
    def scope(self) -> str:
        """Whose ids are compared when an input comes again."""
        return f"session:{self.id}"

    def note(self) -> None:
        """Remember the rooms and conversations that the member is in."""
        if not self.present:
            return
        member = self.member
        self.rooms = tuple(member.rooms)
        self.directs = {
            direct.partner_of(member.identity): direct.label_for(member.identity)[1:]
            for direct in member.directs.values()
        }

    def put(self) -> Put:
        """The change that keeps the seat as it is now."""
        member = self.member
        self.note()
        record = SeatRecord(
            id=self.id,
            nick=member.nick,
            since_ms=member.since_ms,
            rooms=list(self.rooms),
            directs=self.directs,
            ignores=member.ignores,
            away=member.away,
            reads=self.reads,
            dropped_ms=self.dropped_ms,
        )
        return Put(SPACE, self.key, msgspec.json.encode(record))


def guest_identity(id: str) -> str:
    return f"guest:{id}"


class Seats:
    """Every seat that can still be resumed, by the hash of its token."""

    def __init__(self) -> None:
        self._by_key: dict[str, Seat] = {}
        self._by_identity: dict[str, Seat] = {}

    def new(self, nick: str, *, now_ms: int) -> tuple[Seat, str]:
        """Return a seat for a new guest, and its token."""
        token, id = secrets.token_urlsafe(24), secrets.token_hex(6)
        member = Member(guest_identity(id), nick, since_ms=now_ms)
        seat = Seat(id, _hash(token), member)
        self._add(seat)
        return seat, token

    def _add(self, seat: Seat) -> None:
        self._by_key[seat.key] = seat
        self._by_identity[seat.member.identity] = seat

    def find(self, token: str) -> Seat | None:
        return self._by_key.get(_hash(token))

    def of(self, member: Member) -> Seat | None:
        return self._by_identity.get(member.identity)

    def is_present(self, identity: str) -> bool:
        """Whether somebody with a seat is in the chat, linked or within the grace."""
        seat = self._by_identity.get(identity)
        return seat is not None and seat.present

    def remove(self, seat: Seat) -> Put:
        """Forget the seat; return the change that makes the store forget it."""
        self._by_key.pop(seat.key, None)
        self._by_identity.pop(seat.member.identity, None)
        return Put(SPACE, seat.key, None)

    def restore(self, key: str, stored: Record) -> Seat:
        """Take up a seat that a former run of the server kept."""
        record = msgspec.json.decode(stored.value, type=SeatRecord)
        member = Member(guest_identity(record.id), record.nick, since_ms=record.since_ms)
        member.ignores = record.ignores
        member.away = record.away
        seat = Seat(record.id, key, member)
        seat.rooms = tuple(record.rooms)
        seat.directs = record.directs
        seat.labels = {
            f"@{nick}": direct_key(member.identity, identity)
            for identity, nick in record.directs.items()
        }
        seat.reads = record.reads
        seat.dropped_ms = record.dropped_ms
        seat.present = False
        self._add(seat)
        return seat


def _hash(token: str) -> str:
    """A token has 192 random bits, so a plain hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).hexdigest()[:40]
