"""Taking back the last act of moderation, as long as nobody has changed what it changed."""

from __future__ import annotations

from typing import Any

import msgspec

from trio_chat.chat.accounts import Account
from trio_chat.chat.roles import Role, RoomRole, rank
from trio_chat.chat.rooms import Room, RoomRecord
from trio_chat.chat.rules import check_rank
from trio_chat.chat.sanctions import Sanction
from trio_chat.commands import records
from trio_chat.commands.audit import Act, Change, act, fields_of, write
from trio_chat.commands.table import Context, Outcome, of_moderators
from trio_chat.commands.targets import check_lets_in, own_rank
from trio_chat.errors import BadRequest, NotPermitted
from trio_chat.store.api import AUDIT_ROOM, Entry, Put

_LOOK_BACK = 1000  # lines of the audit room
_PAGE = 200
# About the account itself, or nobody's doing: passed over.
_PERSONAL = frozenset(("register", "passwd", "token", "revoke token", "claim", "report"))
# What a room's moderators may change; all else is for its owner and the server's admins.
_OF_MODERATORS = frozenset(("roles", "invited", "locked", "slow_seconds"))
_CHANGED = "somebody has changed that since; it has to be mended by hand"


async def undo(context: Context, _: tuple[str, ...]) -> Outcome:
    entry, last = await _last_act(context)
    for one in last.changes:
        _check(context, one)
    puts = [_revert(context, one) for one in reversed(last.changes)]
    room = context.directory.named(last.room) if last.room else None
    audit = act(context, "undo", target=last.act, reason=last.deed, undoes=entry.seq, room=room)
    return Outcome(
        text=f"taken back: {last.deed}",
        data={"act": last.act, "target": last.target, "room": last.room},
        write=write(context, audit, *puts, room=room, text=f"took back: {last.act} {last.target}"),
    )


async def _last_act(context: Context) -> tuple[Entry, Act]:
    """The member's last act that changed something and was not taken back.

    Raises:
        BadRequest: there is none.
    """
    account = context.member.account_id
    undone: set[int] = set()
    before = context.store.head(AUDIT_ROOM) + 1
    lowest = before - _LOOK_BACK
    while account and before > max(1, lowest):
        entries = await context.store.page(AUDIT_ROOM, before=before, limit=_PAGE)
        for entry in reversed(entries):
            if entry.account != account:
                continue
            line = msgspec.json.decode(entry.text, type=Act)
            if line.undoes is not None:
                undone.add(line.undoes)
            elif entry.seq in undone or line.act in _PERSONAL:
                continue
            elif line.changes:
                return entry, line
            else:
                raise BadRequest(f"that cannot be taken back: {line.deed}")
        if not entries:
            break
        before = entries[0].seq
    raise BadRequest("there is nothing of yours to take back")


def _check(context: Context, one: Change) -> None:
    """Whether it is as the act left it, and the member may change it now.

    Raises:
        BadRequest, NotPermitted.
    """
    if _current(context, one) != one.after:
        raise BadRequest(_CHANGED)
    match one.space:
        case records.SANCTION:
            _check_sanction(context, one)
        case records.ROOM:
            _check_room(context, one)
        case records.ACCOUNT:
            own = rank(context.role)
            for fields in (one.before, one.after):
                if fields and "role" in fields:
                    check_rank(own, rank(Role(fields["role"])), "somebody")


def _check_sanction(context: Context, one: Change) -> None:
    sanction = msgspec.convert(one.after or one.before, Sanction)
    room = context.directory.rooms.get(sanction.room) if sanction.room else None
    if one.after is None:
        other = context.server.sanctions.matching(sanction.kind, sanction.room, sanction.mask)
        if other is not None:
            raise BadRequest(_CHANGED)
    own = own_rank(context, room)
    least = RoomRole.MODERATOR.value if room else rank(Role.MODERATOR)
    if own < max(least, sanction.rank if one.after else 0):
        raise NotPermitted("you have no longer the role for that")


def _check_room(context: Context, one: Change) -> None:
    room = context.directory.rooms[one.key]
    own, before, after = own_rank(context, room), one.before or {}, one.after or {}
    owns = room.role_of(context.member.identity) is RoomRole.OWNER or context.role >= Role.ADMIN
    if own < RoomRole.MODERATOR or not (owns or before.keys() <= _OF_MODERATORS):
        raise NotPermitted("you have no longer the role for that")
    if "archived" not in before and _lets_in(room, before):
        check_lets_in(context, room)
    old, new = before.get("roles", {}), after.get("roles", {})
    for identity in old.keys() | new.keys():
        roles = old.get(identity) or 0, new.get(identity) or 0
        if roles[0] != roles[1]:
            account = context.server.accounts.of_identity(identity)
            standing = rank(Role(account.role)) if account else 0
            check_rank(own, max(*roles, standing), account.name if account else "somebody")


def _lets_in(room: Room, before: dict[str, Any]) -> bool:
    """Whether somebody may enter by it who may not now."""
    if before.get("private") is False:
        return True
    given = (before.get(name, {}).items() for name in ("roles", "invited"))
    invited = {who for entries in given for who, entry in entries if entry}
    record = room.record
    return not invited <= {*room.members, *record.roles, *record.invited}


def _current(context: Context, one: Change) -> dict[str, Any] | None:
    """The record now: of its fields, those that the change is about."""
    record: msgspec.Struct | None = None
    match one.space:
        case records.SANCTION:
            record = context.server.sanctions.get(int(one.key))
        case records.ROOM:
            room = context.directory.rooms.get(one.key)
            record = room.record if room else None
        case records.ACCOUNT:
            record = context.server.accounts.named(one.key)
    fields = fields_of(record)
    if fields is None or one.after is None:
        return fields
    return {name: _part(fields[name], wanted) for name, wanted in one.after.items()}


def _part(value: Any, wanted: Any) -> Any:
    """Of a mapping, the entries that the change is about; see `acts.change`."""
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return value
    return {key: value.get(key) for key in wanted}


def _revert(context: Context, one: Change) -> Put:
    match one.space:
        case records.SANCTION:
            return _revert_sanction(context, one)
        case records.ROOM:
            room = context.directory.rooms[one.key]
            fields = _restored(fields_of(room.record) or {}, one.before or {})
            context.directory.take_up(room, msgspec.convert(fields, RoomRecord))
            return records.put_room(room)
        case _:
            account = context.server.accounts.named(one.key)
            fields = {**(fields_of(account) or {}), **(one.before or {})}
            restored = msgspec.convert(fields, Account)
            context.server.accounts.put(restored)
            member = context.server.present(restored)
            if member is not None:
                member.role = Role(restored.role)
                context.server.refresh(member)
            return records.put_account(restored)


def _restored(fields: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    for name, value in before.items():
        if isinstance(value, dict):
            merged = {**fields[name], **value}
            fields[name] = {key: entry for key, entry in merged.items() if entry is not None}
        else:
            fields[name] = value
    return fields


def _revert_sanction(context: Context, one: Change) -> Put:
    sanctions, number = context.server.sanctions, int(one.key)
    if one.before is None:
        sanctions.remove(number)
        return records.put_sanction(number, None)
    sanction = msgspec.convert(one.before, Sanction)
    sanctions.add(sanction)
    return records.put_sanction(number, sanction)


COMMANDS = [of_moderators("undo", "", "Take back your last act of moderation.", undo)]
