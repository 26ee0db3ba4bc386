"""Taking back the last act of moderation, as long as nobody has changed what it changed."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from trio_chat.chat import records
from trio_chat.chat.records import Change
from trio_chat.chat.roles import Role, RoomRole, rank
from trio_chat.chat.rooms import Room
from trio_chat.chat.rules import check_rank
from trio_chat.chat.sanctions import Sanction
from trio_chat.commands.audit import Act, Difference, act, fields_of
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Effect, Line
from trio_chat.commands.table import Outcome, of_moderators
from trio_chat.commands.targets import check_lets_in, own_rank
from trio_chat.errors import BadRequest, NotPermitted
from trio_chat.store.api import AUDIT_ROOM, Entry

_LOOK_BACK = 1000  # lines of the audit room
_PAGE = 200
# About the account itself, or nobody's doing: passed over.
_PERSONAL = frozenset(("register", "passwd", "token", "revoke token", "claim", "report"))
# What a room's moderators may change; all else is for its owner and the server's admins.
_OF_MODERATORS = frozenset(("roles", "invited", "locked", "slow_seconds"))
_CHANGED = "somebody has changed that since; it has to be mended by hand"


class _Last(NamedTuple):
    """The member's last act that can be taken back.

    Attributes:
        passed: the later ones that cannot, the newest first.
    """

    entry: Entry
    act: Act
    passed: tuple[Act, ...]


async def undo(context: Context, _: tuple[str, ...]) -> Outcome:
    entry, last, passed = await _last_act(context)
    for one in last.changes:
        _check(context, last, one)
    changes = tuple(_reverted(context, one) for one in reversed(last.changes))
    room = context.state.directory.named(last.room) if last.room else None
    text = f"took back: {last.act} {last.target}"
    effects: tuple[Effect, ...] = (Line(room.key, text, words=False),) if room else ()
    over = "".join(f"; passed over, because it cannot be taken back: {one.deed}" for one in passed)
    return Outcome(
        text=f"taken back: {last.deed}{over}",
        data={
            "act": last.act,
            "target": last.target,
            "room": last.room,
            "passed": [one.deed for one in passed],
        },
        changes=changes,
        act=act(context, "undo", target=last.act, reason=last.deed, undoes=entry.seq, room=room),
        effects=effects,
    )


async def _last_act(context: Context) -> _Last:
    """Raises BadRequest: there is none."""
    account = context.member.account_id
    undone: set[int] = set()
    passed: list[Act] = []
    before = context.history.head(AUDIT_ROOM) + 1
    lowest = before - _LOOK_BACK
    while account and before > max(1, lowest):
        entries = await context.history.page(AUDIT_ROOM, before=before, limit=_PAGE)
        for entry in reversed(entries):
            if entry.account != account:
                continue
            line = msgspec.json.decode(entry.text, type=Act)
            if line.undoes is not None:
                undone.add(line.undoes)
            elif entry.seq in undone or line.act in _PERSONAL:
                continue
            elif line.changes:
                return _Last(entry, line, tuple(passed))
            else:
                passed.append(line)
        if not entries:
            break
        before = entries[0].seq
    if passed:
        raise BadRequest(f"that cannot be taken back: {passed[0].deed}")
    raise BadRequest("there is nothing of yours to take back")


def _check(context: Context, last: Act, one: Difference) -> None:
    """Refuse where it is not as the act left it, or the member may not change it now.

    Raises:
        BadRequest, NotPermitted.
    """
    if _current(context, one) != one.after:
        raise BadRequest(_CHANGED)
    match one.space:
        case records.SANCTION:
            _check_sanction(context, last, one)
        case records.ROOM:
            _check_room(context, one)
        case records.ACCOUNT:
            own = rank(context.role)
            for fields in (one.before, one.after):
                if fields and "role" in fields:
                    check_rank(own, rank(Role(fields["role"])), "somebody")


def _check_sanction(context: Context, last: Act, one: Difference) -> None:
    sanction = msgspec.convert(one.after or one.before, Sanction)
    room = context.state.directory.rooms.get(sanction.room) if sanction.room else None
    if one.after is None:
        sanctions = context.state.sanctions
        other = sanctions.matching(sanction.kind, sanction.room, sanction.mask)
        # The one that took its place in the same act goes with it.
        added = {change.key for change in last.changes if change.before is None}
        if other is not None and str(other.number) not in added:
            raise BadRequest(_CHANGED)
    own = own_rank(context, room)
    least = RoomRole.MODERATOR.value if room else rank(Role.MODERATOR)
    if own < max(least, sanction.rank if one.after else 0):
        raise NotPermitted("you have no longer the role for that")


def _check_room(context: Context, one: Difference) -> None:
    room = context.state.directory.rooms[one.key]
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
            account = context.state.accounts.of_identity(identity)
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


def _current(context: Context, one: Difference) -> dict[str, Any] | None:
    """The record now: of its fields, those that the difference is about."""
    fields = fields_of(context.state.current(one.space, one.key))
    if fields is None or one.after is None:
        return fields
    return {name: _part(fields[name], wanted) for name, wanted in one.after.items()}


def _part(value: Any, wanted: Any) -> Any:
    """Of a mapping, the entries that the difference is about; see `audit.difference`."""
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return value
    return {key: value.get(key) for key in wanted}


def _reverted(context: Context, one: Difference) -> Change:
    """The change back."""
    record = context.state.current(one.space, one.key)
    if one.before is None:
        return Change(one.space, one.key, record, None)
    fields = fields_of(record)
    whole = one.before if fields is None else _restored(fields, one.before)
    restored = msgspec.convert(whole, records.DECIDED[one.space])
    return Change(one.space, one.key, record, restored)


def _restored(fields: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    for name, value in before.items():
        if isinstance(value, dict):
            merged = {**(fields.get(name) or {}), **value}
            fields[name] = {key: entry for key, entry in merged.items() if entry is not None}
        else:
            fields[name] = value
    return fields


COMMANDS = [of_moderators("undo", "", "Take back your last act of moderation.", undo)]
