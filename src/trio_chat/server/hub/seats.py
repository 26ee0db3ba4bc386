"""Seats: what is kept of a session while its link is away, so that it can be resumed.

A seat is found by the hash of its token and kept in the store (record space `session`), so
that sessions survive a restart, `kill -9` included. The token itself is told once and kept by
the client alone.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator

import msgspec

from trio_chat.chat.accounts import Scope
from trio_chat.chat.profiles import settings_of, with_entry
from trio_chat.chat.records import Change
from trio_chat.chat.rooms import Member, direct_key
from trio_chat.events import NotifyLevel
from trio_chat.server.delivery.seat import Seat
from trio_chat.store.api import Put

SPACE = "session"


class SeatRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A seat as it is stored. What a guest is and has is stored with it; of an account's seat
    that stands in the account's profile.

    Attributes:
        directs: maps the partners' identities to their last nicks.
        account: the account's id, or "". *scopes*: what the *token* (its id) allows that
            opened it, None for anything.
        former: the scope of the ids from before a `/login` or `/logout`.
    """

    id: str
    nick: str
    since_ms: int
    rooms: list[str] = []
    directs: dict[str, str] = {}
    ignores: dict[str, str] = {}
    away: str | None = None
    reads: dict[str, int] = {}
    dropped_ms: int | None = None
    notify: dict[str, NotifyLevel] = {}
    highlights: tuple[str, ...] = ()
    blocks: dict[str, str] = {}
    closed: dict[str, int] = {}
    called_ms: int = 0
    account: str = ""
    scopes: tuple[Scope, ...] | None = None
    token: str = ""
    former: str = ""
    switched_ms: int = 0
    client: str = ""
    address: str = ""


def put_seat(seat: Seat) -> Put:
    """The change that keeps the seat as it is now."""
    return Put(SPACE, seat.key, msgspec.json.encode(_record_of(seat)))


def _record_of(seat: Seat) -> SeatRecord:
    record = SeatRecord(
        id=seat.id,
        nick=seat.member.nick,
        since_ms=seat.since_ms if seat.account else seat.member.since_ms,
        dropped_ms=seat.dropped_ms,
        account=seat.account,
        scopes=seat.scopes,
        token=seat.token,
        former=seat.former,
        switched_ms=seat.switched_ms,
        client=seat.client,
        address=seat.address,
    )
    return record if seat.account else _with_guest(record, seat)


def put_changed(seat: Seat, change: Change) -> Put:
    """The change that keeps a guest's seat with one of its settings changed."""
    entry = change.key.partition(" ")[2]
    profile = with_entry(settings_of(seat.member), entry, change.after)
    record = msgspec.structs.replace(
        _record_of(seat),
        ignores=profile.ignores,
        blocks=profile.blocks,
        closed=profile.closed,
        notify={key: level for key, level in profile.notify.items() if seat.has(key)},
        highlights=profile.highlights,
        away=profile.away,
    )
    return Put(SPACE, seat.key, msgspec.json.encode(record))


def _with_guest(record: SeatRecord, seat: Seat) -> SeatRecord:
    seat.note()
    member = seat.member
    return msgspec.structs.replace(
        record,
        rooms=list(seat.rooms),
        directs=seat.directs,
        ignores=member.ignores,
        away=member.away,
        reads={key: seq for key, seq in member.reads.items() if seat.has(key)},
        notify={key: level for key, level in member.notify.items() if seat.has(key)},
        called_ms=member.called_ms,
        highlights=member.highlights,
        blocks=member.blocks,
        closed={key: seq for key, seq in member.closed.items() if seat.has(key)},
    )


def guest_identity(id: str) -> str:
    return f"guest:{id}"


class Seats:
    """Every seat that can still be resumed, by the hash of its token."""

    def __init__(self) -> None:
        self._by_key: dict[str, Seat] = {}
        self._guests: dict[str, Seat] = {}  # by identity
        self._of_account: dict[str, dict[Seat, None]] = {}  # by the account's id

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Seat]:
        return iter(self._by_key.values())

    def new(self, member: Member, id: str) -> tuple[Seat, str]:
        """Return a seat for *member*, and its token."""
        token = secrets.token_urlsafe(24)
        seat = Seat(id, _hash(token), member)
        self._add(seat)
        return seat, token

    def _add(self, seat: Seat) -> None:
        self._by_key[seat.key] = seat
        if seat.account:
            self._of_account.setdefault(seat.account, {})[seat] = None
        else:
            self._guests[seat.member.identity] = seat

    def _take_out(self, seat: Seat) -> None:
        self._by_key.pop(seat.key, None)
        if not seat.account:
            self._guests.pop(seat.member.identity, None)
        elif own := self._of_account.get(seat.account):
            own.pop(seat, None)
            if not own:
                del self._of_account[seat.account]

    def move(self, seat: Seat, member: Member, *, now_ms: int) -> None:
        """From now on *member* sits here: somebody logged in or out."""
        self._take_out(seat)
        seat.former, seat.switched_ms = seat.scope, now_ms
        seat.member, seat.account = member, member.account_id
        self._add(seat)

    def find(self, token: str) -> Seat | None:
        return self._by_key.get(_hash(token))

    def of_guest(self, member: Member) -> Seat | None:
        return self._guests.get(member.identity)

    def of_identity(self, identity: str) -> Seat | None:
        """The seat of a guest, by its identity."""
        return self._guests.get(identity)

    def of_account(self, account: str) -> tuple[Seat, ...]:
        return tuple(self._of_account.get(account, ()))

    def is_present(self, identity: str) -> bool:
        """Return whether a guest with a seat is in the chat, linked or within the grace."""
        seat = self._guests.get(identity)
        return seat is not None and seat.present

    def remove(self, seat: Seat) -> Put:
        """Forget the seat; return the change that makes the store forget it."""
        self._take_out(seat)
        return Put(SPACE, seat.key, None)

    def restore(self, key: str, record: SeatRecord, member: Member) -> Seat:
        """Take up a seat that a former run of the server kept."""
        seat = Seat(record.id, key, member)
        seat.scopes, seat.token, seat.former = record.scopes, record.token, record.former
        seat.switched_ms = record.switched_ms
        seat.client, seat.address = record.client, record.address
        seat.dropped_ms = record.dropped_ms
        seat.since_ms = record.since_ms
        seat.present = False
        if not record.account:
            seat.rooms = tuple(record.rooms)
            seat.directs = record.directs
            seat.labels = {
                f"@{nick}": direct_key(member.identity, identity)
                for identity, nick in record.directs.items()
            }
        self._add(seat)
        return seat


def new_seat_id() -> str:
    return secrets.token_hex(6)


def guest_of(record: SeatRecord) -> Member:
    """The guest whose seat was kept."""
    member = Member(guest_identity(record.id), record.nick, since_ms=record.since_ms)
    member.ignores = record.ignores
    member.away = record.away
    member.called_ms = record.called_ms or record.since_ms
    member.reads = record.reads
    member.notify = record.notify
    member.highlights = record.highlights
    member.blocks = record.blocks
    member.closed = record.closed
    return member


def _hash(token: str) -> str:
    """A token has 192 random bits, so a plain hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).hexdigest()[:40]
