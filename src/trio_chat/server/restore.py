"""Taking up, at the start, what the former run of the server left in the store."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
import structlog
import trio

from trio_chat.chat import records
from trio_chat.chat.accounts import ACCOUNT_IDENTITY, Account
from trio_chat.chat.names import check_room
from trio_chat.chat.profiles import Profile, entries_of, profile_from
from trio_chat.chat.rooms import Member, Room
from trio_chat.config import Config
from trio_chat.errors import BadRequest, ConfigError, NameTaken, StoreError
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.hub.hub import Hub
from trio_chat.server.hub.records import entry_puts
from trio_chat.server.hub.seats import SPACE, SeatRecord, guest_of, put_seat
from trio_chat.store.api import Put, Write

log = structlog.get_logger()

# What is lost with a record of these belongs to one person.
_PERSONAL = frozenset((records.TOKEN, records.PROFILE, records.FLOOR))
# Of 32 characters that nobody takes for one another: 12 of them are 60 random bits.
_CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def check_auto_join(config: Config) -> None:
    """Raises ConfigError."""
    for name in config.rooms.auto_join:
        try:
            check_room(name, config.limits)
        except BadRequest as exc:
            raise ConfigError(f"rooms.auto_join: {name!r}: {exc.message}") from exc


async def restore(hub: Hub) -> None:
    """Take up accounts, sanctions, rooms and sessions.

    Raises:
        ConfigError: everybody is to start in a room that cannot be.
        StoreError: a record cannot be read, and nobody alone is concerned by it.
    """
    check_auto_join(hub.settings.config)
    for space in (records.ACCOUNT, records.TOKEN, records.SERVER):
        for key, (record, version) in (await _decoded(hub, space)).items():
            hub.state.restore(space, key, record, version)
    await _restore_profiles(hub)
    await _restore_sanctions(hub)
    await _make_owner_code(hub)
    await _restore_rooms(hub)
    for key, record in (await hub.store.list(SPACE)).items():
        _restore_seat(hub, key, record.value)
    for room in hub.state.directory.rooms.values():
        if not room.members:
            hub.vacancies.note(room)


async def _decoded(hub: Hub, space: str) -> dict[str, tuple[Any, int]]:
    """The records of a space with their versions. One that belongs to one person and cannot be
    read is passed over.

    Raises:
        StoreError: naming the record.
    """
    found: dict[str, tuple[Any, int]] = {}
    for key, stored in (await hub.store.list(space)).items():
        try:
            found[key] = records.decode(space, stored.value), stored.version
        except msgspec.MsgspecError as exc:
            if space not in _PERSONAL:
                raise _unreadable(space, key, exc) from exc
            log.error("a record cannot be read and is passed over", space=space, key=key)
    return found


def _unreadable(space: str, key: str, exc: Exception) -> StoreError:
    return StoreError(
        f"the record {space}/{key} cannot be read ({exc}); a backup of the data folder has it, or"
        f" delete it: DELETE FROM record WHERE space = '{space}' AND key = '{key}'"
    )


async def _restore_profiles(hub: Hub) -> None:
    """Entries are kept one by one; a former version kept whole profiles, under the id alone."""
    entries: dict[str, dict[str, Any]] = {}
    for key, (value, _) in sorted((await _decoded(hub, records.PROFILE)).items()):
        owner, _, entry = key.partition(" ")
        id = owner.removeprefix(ACCOUNT_IDENTITY)
        own = {entry: value} if entry else _former_entries(hub, value)
        entries.setdefault(id, {}).update(own)
        if not entry:
            hub.records.keep(
                Put(records.PROFILE, key, None), *entry_puts(ACCOUNT_IDENTITY + id, own)
            )
    for id, own in entries.items():
        try:
            hub.state.restore_profile(id, profile_from(own.items()))
        except msgspec.ValidationError:
            log.error("a profile cannot be read and is passed over", account=id)


def _former_entries(hub: Hub, value: Any) -> dict[str, Any]:
    """The entries of a profile that was kept whole: rooms were a list, and who was ignored was
    known by the folded nick."""
    if not isinstance(value, dict):
        return {}
    rooms, ignores = value.pop("rooms", []), value.pop("ignores", {})
    accounts = hub.state.accounts
    authors = {
        account.id: nick
        for key, nick in ignores.items()
        if (account := accounts.by_key(key)) is not None
    }
    numbered = {key: number for number, key in enumerate(rooms, 1)}
    whole = {**value, "rooms": numbered, "ignores": authors}
    return entries_of(msgspec.convert(whole, Profile, strict=False))


async def _restore_sanctions(hub: Hub) -> None:
    stored = (await _decoded(hub, records.SANCTION)).items()
    for key, (sanction, version) in sorted(stored, key=lambda item: item[1][0].number):
        if sanction.is_over(hub.now_ms()):
            hub.records.keep(Put(records.SANCTION, key, None))
        else:
            hub.state.restore(records.SANCTION, key, sanction, version)


async def _make_owner_code(hub: Hub) -> None:
    """A server that has no owner, and no code yet that makes one, gets a code."""
    facts = hub.state.facts
    if records.OWNER_CODE not in facts and not facts.get(records.OWNED):
        change = hub.state.fact_changed(records.OWNER_CODE, _new_owner_code())
        await hub.records.commit(Write(), [change])


def _new_owner_code() -> str:
    return "-".join("".join(secrets.choice(_CODE_ALPHABET) for _ in range(4)) for _ in range(3))


async def _restore_rooms(hub: Hub) -> None:
    """A room is known by its record, its log, or both."""
    heads = await hub.store.heads()
    kept = await _decoded(hub, records.ROOM)
    for key, (record, version) in kept.items():
        hub.state.restore(records.ROOM, key, record, version)
        hub.state.directory.rooms[key].found_shown(heads.get(key, 0))
    keep_events = hub.settings.config.limits.backlog_events
    for key, shown in heads.items():
        if key not in kept and not key.startswith(("$", "@")):
            hub.state.directory.add_room(Room(key, key=key, shown=shown, keep_events=keep_events))
    for key, (seq, version) in (await _decoded(hub, records.FLOOR)).items():
        hub.state.restore(records.FLOOR, key, seq, version)


def _restore_seat(hub: Hub, key: str, data: bytes) -> None:
    try:
        record = msgspec.json.decode(data, type=SeatRecord)
    except msgspec.MsgspecError:
        log.error("a session's record cannot be read and is passed over", key=key)
        return
    timeouts = hub.settings.config.timeouts
    account = hub.state.accounts.by_id(record.account) if record.account else None
    if record.account and account is None:  # it was removed
        hub.records.keep(Put(SPACE, key, None))
        return
    member = Member(account.identity, account.name) if account else guest_of(record)
    if account is not None:
        member.account_id = account.id
    seat = hub.seats.restore(key, record, member)
    away_seconds = 0.0
    if record.dropped_ms is not None:
        away_seconds = (hub.now_ms() - record.dropped_ms) / 1000
    left = timeouts.resume_seconds - away_seconds
    if left <= 0:
        hub.departures.forget(seat)
    elif away_seconds < timeouts.grace_seconds and _take_up(hub, seat, account):
        seat.present = True
        hub.departures.begin_grace(seat)
        if seat.dropped_ms is None:  # its server was killed
            seat.dropped_ms = hub.now_ms()
            hub.records.keep(put_seat(seat))
    else:
        hub.departures.await_resume(seat, left)


def _take_up(hub: Hub, seat: Seat, account: Account | None) -> bool:
    """Have the seat's member be in the chat, as if its link had just been lost."""
    try:
        if account is not None:
            seat.member = hub.arrivals.arrive(account, seat.address)
            return True
        seat.member.address = seat.address
        hub.state.directory.enter(seat.member, now=trio.current_time())
    except NameTaken:
        log.warning("two sessions of one nick were kept", nick=seat.member.nick)
        return False
    hub.conversations.load(seat)
    hub.membership.reenter(seat.member, seat.rooms)
    return True
