"""Commands that give and lift bans and mutes, in a room and on the server, and list them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from ipaddress import ip_network
from typing import NamedTuple

from msgspec.structs import replace

from trio_chat.chat import records
from trio_chat.chat.durations import shown_duration
from trio_chat.chat.masks import Mask, network_mask, parse_address, parse_mask
from trio_chat.chat.records import Change
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.rules import EVERYWHERE, check_rank, left, rank_in, refusal, subject_of
from trio_chat.chat.sanctions import Sanction, SanctionKind, split_sanction
from trio_chat.commands.audit import Act, act
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Dismiss, Line, Tell
from trio_chat.commands.handlers.moderation import kicked, reason_of
from trio_chat.commands.table import Command, Outcome, of_moderators
from trio_chat.commands.targets import (
    find_target,
    here,
    own_rank,
    readable,
    target_of,
)
from trio_chat.errors import BadRequest, NotPermitted
from trio_chat.wire.fitting import fit_rows

_GLOBS_PER_ROOM = 100  # 0.3 µs each, for everybody who enters or speaks
_TOLD_MEMBERS = 100  # of those whom a wide mask mutes, so many are told at once


def ban(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    given = _sanction(context, "ban", room, arguments)
    caught = _caught(context, given.sanction, room.members.values())
    reason = given.sanction.reason
    return Outcome(
        changes=given.changes,
        act=given.act,
        effects=(
            Line(room.key, f"banned {_shown(given.sanction)}", words=bool(reason)),
            *(kicked(room, member, reason) for member in caught),
        ),
    )


def mute(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    given = _sanction(context, "mute", room, arguments)
    words = bool(given.sanction.reason)
    line = Line(room.key, f"muted {_shown(given.sanction)}", words=words)
    tell = _tell(context, given.sanction, room.members.values(), f"you are muted in #{room.name}")
    return Outcome(changes=given.changes, act=given.act, effects=(line, tell))


def sban(context: Context, arguments: tuple[str, ...]) -> Outcome:
    given = _sanction(context, "ban", None, arguments)
    sanction = given.sanction
    caught = _caught(context, sanction, context.state.directory.members.values())
    reason = refusal("you are banned from this server", sanction)
    retry_after = left(sanction, context.now_ms)
    return Outcome(
        text=f"{sanction.shown(context.now_ms)}; {len(caught)} put off the server",
        data={"number": sanction.number, "dismissed": len(caught)},
        changes=given.changes,
        act=given.act,
        effects=tuple(Dismiss(member.identity, reason, "banned", retry_after) for member in caught),
    )


def silence(context: Context, arguments: tuple[str, ...]) -> Outcome:
    given = _sanction(context, "mute", None, arguments)
    everybody = context.state.directory.members.values()
    return Outcome(
        text=given.sanction.shown(context.now_ms),
        data={"number": given.sanction.number},
        changes=given.changes,
        act=given.act,
        effects=(_tell(context, given.sanction, everybody, "you are muted on this server"),),
    )


def unban(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _lift(context, "ban", here(context), arguments[0])


def unmute(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _lift(context, "mute", here(context), arguments[0])


def sunban(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _lift(context, "ban", None, arguments[0])


def unsilence(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _lift(context, "mute", None, arguments[0])


def bans(context: Context, _: tuple[str, ...]) -> Outcome:
    return _list(context, readable(context))


def sbans(context: Context, _: tuple[str, ...]) -> Outcome:
    return _list(context, None)


class _Given(NamedTuple):
    """A sanction that was decided, and what stores it."""

    sanction: Sanction
    changes: tuple[Change, ...]
    act: Act


def _sanction(
    context: Context, kind: SanctionKind, room: Room | None, arguments: Sequence[str]
) -> _Given:
    """Decide that a sanction is to hold.

    Raises:
        NotPermitted: it would catch, or replace the deed of, somebody of no lower rank.
        BadRequest, NoSuchMember: the target makes no mask.
    """
    target, duration_ms, reason = split_sanction(" ".join(arguments))
    mask = _mask(context, target)
    own = own_rank(context, room)
    _check_mask(context, kind, room, mask, own)
    _check_count(context, kind, room, mask)
    sanction = Sanction(
        number=context.state.sanctions.last_number + 1,
        kind=kind,
        room=room.key if room else EVERYWHERE,
        mask=mask,
        by=context.member.nick,
        reason=reason_of(context, reason),
        at_ms=context.now_ms,
        until_ms=None if duration_ms is None else context.now_ms + duration_ms,
        rank=own,
    )
    return _given(context, sanction, room)


def _check_count(context: Context, kind: SanctionKind, room: Room | None, mask: Mask) -> None:
    """Raises NotPermitted: there are as many as there may be."""
    sanctions, place = context.state.sanctions, room.key if room else EVERYWHERE
    limits = context.config.limits
    most = limits.sanctions_per_room if room else limits.sanctions
    if sanctions.matching(kind, place, mask) is None and sanctions.count(place) >= most:
        where = "in one room" if room else "on the server"
        lift = "/unban" if room else "/sunban"
        raise NotPermitted(f"at most {most} bans and mutes hold {where}; {lift} one first")


def _given(context: Context, sanction: Sanction, room: Room | None) -> _Given:
    sanctions = context.state.sanctions
    replaced = sanctions.matching(sanction.kind, sanction.room, sanction.mask)
    undoable = [_change(replaced, None)] if replaced is not None else []
    undoable.append(_change(None, sanction))
    over = [_change(one, None) for one in sanctions.expired(context.now_ms) if one is not replaced]
    number = context.state.fact_changed(records.LAST_SANCTION, str(sanction.number))
    line = act(
        context,
        _name(sanction.kind, room),
        *undoable,
        target=sanction.mask.label,
        room=room,
        reason=sanction.reason,
        until_ms=sanction.until_ms,
    )
    return _Given(sanction, (*over, *undoable, number), line)


def _check_mask(
    context: Context, kind: SanctionKind, room: Room | None, mask: Mask, own: int
) -> None:
    """Raises NotPermitted, BadRequest."""
    sanctions, place = context.state.sanctions, room.key if room else EVERYWHERE
    former = sanctions.matching(kind, place, mask)
    if former is not None and former.rank > own:
        raise NotPermitted(f"that is #{former.number} already, of somebody who stands higher")
    if mask.kind == "account":
        account = context.state.accounts.by_id(mask.value)
        if account is not None:
            check_rank(own, target_of(context, account).rank_in(room), account.name)
    elif mask.kind == "nick" and not mask.is_glob:
        holder = context.state.directory.holder(mask.value)
        if holder is not None:
            check_rank(own, find_target(context, holder.nick).rank_in(room), holder.nick)
    elif mask.is_glob:
        globs = sum(one.mask.is_glob for one in sanctions.listing(place, context.now_ms))
        if globs >= _GLOBS_PER_ROOM:
            raise BadRequest(f"there are {globs} masks here already; /unban one first")


def _mask(context: Context, target: str) -> Mask:
    target = target.removeprefix("@")
    if target.lower().startswith("addr:"):
        holder = context.state.directory.holder(target[5:].removeprefix("@"))
        address = parse_address(holder.address) if holder else None
        if holder is not None and address is not None:
            network = ip_network(f"{address}/{address.max_prefixlen}")
            return replace(network_mask(network), label=f"the address of {holder.nick}")

    def account_of(name: str) -> tuple[str, str] | None:
        holder = context.state.directory.holder(name.removeprefix("@"))
        accounts = context.state.accounts
        account = accounts.by_id(holder.account_id) if holder else accounts.named(name)
        return (account.id, account.name) if account is not None else None

    return parse_mask(target, account_of=account_of)


def _caught(context: Context, sanction: Sanction, members: Iterable[Member]) -> list[Member]:
    """Those of *members* whom the sanction holds, who therefore stand lower."""
    room = context.state.directory.rooms.get(sanction.room) if sanction.room else None
    return [
        member
        for member in members
        if sanction.mask.matches(subject_of(member)) and rank_in(room, member) < sanction.rank
    ]


def _tell(context: Context, sanction: Sanction, members: Iterable[Member], what: str) -> Tell:
    caught = _caught(context, sanction, members)[:_TOLD_MEMBERS]
    text = f"{refusal(what, sanction)} ({_until(sanction)})"
    identities = tuple(member.identity for member in caught)
    return Tell(identities, text, words=bool(sanction.reason))


def _until(sanction: Sanction) -> str:
    if sanction.until_ms is None:
        return "for good"
    return f"for {shown_duration(sanction.until_ms - sanction.at_ms)}"


def _shown(sanction: Sanction) -> str:
    """For the whole room, which is not told where somebody comes from."""
    reason = f": {sanction.reason}" if sanction.reason else ""
    return f"{_public(sanction.mask)} ({_until(sanction)}, #{sanction.number}){reason}"


def _public(mask: Mask) -> str:
    return "an address" if parse_address(mask.label.partition("/")[0]) else mask.label


def _lift(context: Context, kind: SanctionKind, room: Room | None, what: str) -> Outcome:
    sanction = _find(context, kind, room, what)
    if sanction.rank > own_rank(context, room):
        raise NotPermitted(f"#{sanction.number} is of somebody who stands higher")
    change = _change(sanction, None)
    label, name = sanction.mask.label, f"un{_name(kind, room)}"
    line = act(context, name, change, target=label, room=room)
    if room is None:
        return Outcome(text=f"{label} is free again", changes=(change,), act=line)
    text = f"lifted the {kind} of {_public(sanction.mask)} (#{sanction.number})"
    effects = (Line(room.key, text, words=False),)
    return Outcome(changes=(change,), act=line, effects=effects)


def _find(context: Context, kind: SanctionKind, room: Room | None, what: str) -> Sanction:
    """By its number, which is written `#3`, or by just its mask. Raises BadRequest."""
    sanctions, place = context.state.sanctions, room.key if room else EVERYWHERE
    if _NUMBER.fullmatch(what):
        found = sanctions.get(int(what[1:]))
    else:
        found = sanctions.matching(kind, place, _mask(context, what))
    if found is None or found.kind != kind or found.room != place:
        where = f"in #{room.name}" if room else "on the server"
        raise BadRequest(
            f"there is no {kind} of {what} {where}; /{'' if room else 's'}bans lists them"
        )
    return found


def _list(context: Context, room: Room | None) -> Outcome:
    now_ms = context.now_ms
    found = context.state.sanctions.listing(room.key if room else EVERYWHERE, now_ms)
    rows, lines, more = fit_rows((_row(sanction), sanction.shown(now_ms)) for sanction in found)
    if more:
        lines.append(f"and {len(found) - len(rows)} more")
    text = "\n".join(lines) or "nobody is banned or muted here"
    return Outcome(text=text, data={"sanctions": rows, "more": more})


def _row(sanction: Sanction) -> dict[str, str | int | None]:
    return {
        "number": sanction.number,
        "kind": sanction.kind,
        "target": sanction.mask.label,
        "by": sanction.by,
        "reason": sanction.reason,
        "at_ms": sanction.at_ms,
        "until_ms": sanction.until_ms,
    }


def _change(before: Sanction | None, after: Sanction | None) -> Change:
    sanction = after or before
    assert sanction is not None
    return Change(records.SANCTION, str(sanction.number), before, after)


def _name(kind: SanctionKind, room: Room | None) -> str:
    if room is not None:
        return kind
    return "sban" if kind == "ban" else "silence"


_NUMBER = re.compile(r"#[0-9]{1,17}")
_TARGET = "TARGET [DURATION] [REASON]"
_on_server = partial(Command, role=Role.MODERATOR)
COMMANDS = [
    of_moderators(
        "ban",
        _TARGET,
        "Keep a nick, an account, an address or a mask out of this room: /ban bob 2d spam.",
        ban,
        least=1,
        most=3,
    ),
    of_moderators(
        "unban",
        "TARGET",
        "Lift a ban of this room, by its number, #3, or its target.",
        unban,
        least=1,
        most=1,
    ),
    of_moderators(
        "mute", _TARGET, "Keep somebody from speaking in this room.", mute, least=1, most=3
    ),
    of_moderators(
        "unmute",
        "TARGET",
        "Lift a mute of this room, by its number, #3, or its target.",
        unmute,
        least=1,
        most=1,
    ),
    of_moderators(
        "bans", "", "List the bans and mutes of this room.", bans, ("mutes",), reads=True
    ),
    _on_server("sban", _TARGET, "Keep somebody off the server.", sban, ("gline",), least=1, most=3),
    _on_server("sunban", "TARGET", "Lift a ban of the server.", sunban, least=1, most=1),
    _on_server(
        "silence",
        _TARGET,
        "Keep somebody from speaking anywhere.",
        silence,
        ("shun",),
        least=1,
        most=3,
    ),
    _on_server("unsilence", "TARGET", "Lift a silence.", unsilence, ("unshun",), least=1, most=1),
    _on_server("sbans", "", "List the bans and silences of the server.", sbans, reads=True),
]
