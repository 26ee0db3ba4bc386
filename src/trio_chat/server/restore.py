"""Taking up, at the start, what the former run of the server left in the store."""

from __future__ import annotations

import secrets
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

import msgspec
import structlog
import trio

from trio_chat.chat.accounts import Account, Profile, Token
from trio_chat.chat.names import check_room
from trio_chat.chat.rooms import Member, Room, RoomRecord
from trio_chat.chat.sanctions import Defcon, Sanction
from trio_chat.commands import records
from trio_chat.config import Config
from trio_chat.errors import BadRequest, ConfigError, NameTaken
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.hub.seats import SPACE, SeatRecord, guest_of, put_seat
from trio_chat.store.api import Put

if TYPE_CHECKING:
    from trio_chat.server.service import Service

log = structlog.get_logger()
T = TypeVar("T")

# Of 32 characters that nobody takes for one another: 12 of them are 60 random bits.
_CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def check_auto_join(config: Config) -> None:
    """Raises ConfigError."""
    for name in config.rooms.auto_join:
        try:
            check_room(name, config.limits)
        except BadRequest as exc:
            raise ConfigError(f"rooms.auto_join: {name!r}: {exc.message}") from exc


async def restore(service: Service) -> None:
    """Take up accounts, sanctions, rooms and sessions.

    Raises:
        ConfigError: everybody is to start in a room that cannot be.
    """
    check_auto_join(service.config)
    await _restore_accounts(service)
    await _restore_server(service)
    await _restore_rooms(service)
    for key, record in (await _list(service, SPACE, SeatRecord)).items():
        _restore_seat(service, key, record)


async def _list(service: Service, space: str, type: type[T]) -> dict[str, T]:
    stored = await service.store.list(space)
    return {key: msgspec.json.decode(record.value, type=type) for key, record in stored.items()}


async def _restore_accounts(service: Service) -> None:
    accounts = service.state.accounts
    for account in (await _list(service, records.ACCOUNT, Account)).values():
        accounts.put(account)
    for id, profile in (await _list(service, records.PROFILE, Profile)).items():
        accounts.put_profile(id, profile)
    for key, token in (await _list(service, records.TOKEN, Token)).items():
        accounts.put_token(key, token)
    sanctions = (await _list(service, records.SANCTION, Sanction)).values()
    for sanction in sorted(sanctions, key=attrgetter("number")):
        if sanction.is_over(service.now_ms()):
            service.keep(records.put_sanction(sanction.number, None))
            continue
        replaced = service.state.sanctions.add(sanction)
        if replaced is not None:  # the server ended between two writes
            service.keep(records.put_sanction(replaced.number, None))


async def _restore_server(service: Service) -> None:
    facts = await _list(service, records.SERVER, str)
    service.state.motd = facts.get("motd", service.config.server.motd)
    service.state.defcon = Defcon(int(facts.get("defcon", "0")))
    service.state.sanctions.start_after(int(facts.get("last_sanction", "0")))
    service.state.owner_code = facts.get("owner_code", "")
    if "owner_code" not in facts and not facts.get("owned"):
        service.state.owner_code = _new_owner_code()
        service.keep(records.put_server("owner_code", service.state.owner_code))


def _new_owner_code() -> str:
    return "-".join("".join(secrets.choice(_CODE_ALPHABET) for _ in range(4)) for _ in range(3))


async def _restore_rooms(service: Service) -> None:
    heads = await service.store.heads()
    kept = await _list(service, records.ROOM, RoomRecord)
    logs = {key for key in heads if not key.startswith(("$", "@"))}
    for key in logs | kept.keys():
        record = kept.get(key, RoomRecord(key))
        shown = heads.get(key, 0)
        keep_events = service.config.limits.backlog_events
        room = Room(record.name, key=key, shown=shown, keep_events=keep_events)
        room.take_up(record)
        room.kept = key in kept
        service.state.directory.add_room(room)
    for key, seq in (await _list(service, records.FLOOR, int)).items():
        room_key, _, identity = key.partition(" ")
        if room_key in service.state.directory.rooms:
            service.state.directory.rooms[room_key].floors[identity] = seq


def _restore_seat(service: Service, key: str, record: SeatRecord) -> None:
    timeouts = service.config.timeouts
    account = service.state.accounts.by_id(record.account) if record.account else None
    if record.account and account is None:  # it was removed
        service.keep(Put(SPACE, key, None))
        return
    member = Member(account.identity, account.name) if account else guest_of(record)
    if account is not None:
        member.account_id = account.id
    seat = service.seats.restore(key, record, member)
    away_seconds = 0.0
    if record.dropped_ms is not None:
        away_seconds = (service.now_ms() - record.dropped_ms) / 1000
    left = timeouts.resume_seconds - away_seconds
    if left <= 0:
        service.attendance.forget(seat)
    elif away_seconds < timeouts.grace_seconds and _take_up(service, seat, account):
        seat.present = True
        service.attendance.begin_grace(seat)
        if seat.dropped_ms is None:  # its server was killed
            seat.dropped_ms = service.now_ms()
            service.keep(put_seat(seat))
    else:
        service.attendance.await_resume(seat, left)


def _take_up(service: Service, seat: Seat, account: Account | None) -> bool:
    """Have the seat's member be in the chat, as if its link had just been lost."""
    try:
        if account is not None:
            seat.member = service.attendance.arrive(account, seat.address)
            return True
        seat.member.address = seat.address
        service.state.directory.enter(seat.member, now=trio.current_time())
    except NameTaken:
        log.warning("two sessions of one nick were kept", nick=seat.member.nick)
        return False
    service.conversations.load(seat)
    service.attendance.reenter(seat.member, seat.rooms)
    return True
