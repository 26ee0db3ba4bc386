"""Finding the mask that would catch somebody, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.chat.masks import Mask, Subject
from trio_chat.chat.roles import Role
from trio_chat.chat.rules import subject_of
from trio_chat.chat.sanctions import how_to_catch
from trio_chat.commands.context import Context
from trio_chat.commands.table import Outcome, of_moderators
from trio_chat.commands.targets import here, lower_target
from trio_chat.errors import NoSuchMember

_HOWTO_OTHERS = 20


def howtoban(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    target = lower_target(context, arguments[0], room)
    if target.member is None:
        text = f"{target.nick} is not here; /ban {target.nick} bans the account"
        raise NoSuchMember(text, nick=target.nick)
    others: list[tuple[str, Subject]] = [
        (member.nick, subject_of(member))
        for member in room.members.values()
        if member is not target.member
    ]
    name = target.account.name if target.account else ""
    found = how_to_catch(subject_of(target.member), others, account_name=name)
    # Where somebody comes from is shown to those who run the server alone.
    masks = [
        (f"addr:{target.nick}", one.others)
        if one.mask.kind == "address" and context.role < Role.MODERATOR
        else (typed_mask(one.mask), one.others)
        for one in found
    ]
    masks = list({typed: (typed, who) for typed, who in reversed(masks)}.values())[::-1]
    rows = [
        {"target": typed, "others": list(who[:_HOWTO_OTHERS]), "count": len(who)}
        for typed, who in masks
    ]
    lines = [f"/ban {typed} catches {target.nick}{_others(who)}" for typed, who in masks]
    return Outcome(text="\n".join(lines), data={"nick": target.nick, "masks": rows})


def typed_mask(mask: Mask) -> str:
    """How the mask is typed."""
    if mask.kind == "account":
        return f"account:{mask.label.removeprefix('account ')}"
    return f"nick:{mask.value}" if mask.kind == "nick" else mask.value


def _others(others: Sequence[str]) -> str:
    if not others:
        return " and nobody else here"
    shown = ", ".join(others[:_HOWTO_OTHERS])
    rest = f" and {len(others) - _HOWTO_OTHERS} more" if len(others) > _HOWTO_OTHERS else ""
    return f", and also {shown}{rest}"


COMMANDS = [
    of_moderators(
        "howtoban",
        "NICK",
        "Show which masks would catch somebody, and whom else.",
        howtoban,
        least=1,
        most=1,
        reads=True,
    ),
]
