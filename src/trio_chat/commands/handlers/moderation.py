"""Commands that keep order at once: out of the room, off the server, warnings, reports, panic."""

from __future__ import annotations

from functools import partial

from trio_chat.chat import records
from trio_chat.chat.names import check_line
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.sanctions import Defcon
from trio_chat.commands.audit import act
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Announce, Dismiss, Line, Tell
from trio_chat.commands.table import Command, Outcome, of_moderators
from trio_chat.commands.targets import find_target, here, lower_target
from trio_chat.errors import NoSuchMember, UsageError


def kick(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    target = lower_target(context, arguments[0], room)
    if target.identity not in room.members:
        text = f"{target.nick} is not in #{room.name}"
        raise NoSuchMember(text, nick=target.nick, room=room.name)
    reason = reason_of(context, " ".join(arguments[1:]))
    return Outcome(
        act=act(context, "kick", target=target.nick, room=room, reason=reason),
        effects=(kicked(room, room.members[target.identity], reason),),
    )


def kicked(room: Room, member: Member, reason: str, *, words: bool = True) -> Line:
    """The line that puts the member out of the room."""
    return Line(
        room.key,
        reason,
        kind="kicked",
        words=words and bool(reason),
        target=member.nick,
        expels=member.identity,
    )


def reason_of(context: Context, text: str) -> str:
    """Raises TooLong."""
    return check_line(text, "reason", context.config.limits.reason_characters)


def kill(context: Context, arguments: tuple[str, ...]) -> Outcome:
    target = lower_target(context, arguments[0], None)
    if target.member is None:
        raise NoSuchMember(f"{target.nick} is not here", nick=target.nick)
    reason = reason_of(context, " ".join(arguments[1:]))
    why = f"put off by {context.member.nick}{f': {reason}' if reason else ''}"
    return Outcome(
        text=f"{target.nick} is put off the server",
        act=act(context, "kill", target=target.nick, reason=reason),
        effects=(Dismiss(target.identity, why, "killed"),),
    )


def warn(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    target = lower_target(context, arguments[0], room)
    if target.identity not in room.members:
        text = f"{target.nick} is not in #{room.name}"
        raise NoSuchMember(text, nick=target.nick, room=room.name)
    reason = reason_of(context, arguments[1])
    text = f"warning from {context.member.nick} in #{room.name}: {reason}"
    return Outcome(
        text=f"{target.nick} is warned",
        act=act(context, "warn", target=target.nick, room=room, reason=reason),
        effects=(Tell((target.identity,), text),),
    )


def report(context: Context, arguments: tuple[str, ...]) -> Outcome:
    target = find_target(context, arguments[0])
    room = context.place if isinstance(context.place, Room) else None
    reason = reason_of(context, arguments[1])
    where = f" in #{room.name}" if room else ""
    text = f"{context.member.nick} reports {target.nick}{where}: {reason}"
    in_charge = tuple(
        member.identity
        for member in context.state.directory.members.values()
        if member.role >= Role.MODERATOR
        or (room is not None and room.role_of(member.identity) >= RoomRole.MODERATOR)
    )
    return Outcome(
        text="thank you; the moderators are told",
        act=act(context, "report", target=target.nick, room=room, reason=reason),
        effects=(Tell(in_charge, text),),
    )


def defcon(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if not arguments:
        level = context.state.defcon
        return Outcome(text=f"{level.value}: {level.sentence}", data={"level": level.value})
    if arguments[0] not in {"off", *(str(level.value) for level in Defcon)}:
        raise UsageError("usage: /defcon [LEVEL]; 0 or off is normal, 5 is the hardest")
    level = Defcon.NORMAL if arguments[0] == "off" else Defcon(int(arguments[0]))
    fact = context.state.fact_changed(records.DEFCON, str(level.value) if level else "")
    return Outcome(
        text=f"{level.value}: {level.sentence}",
        data={"level": level.value},
        changes=(fact,),
        act=act(context, "defcon", target=str(level.value), reason=level.sentence),
        effects=(Announce(f"from now on {level.sentence}"),),
    )


_on_server = partial(Command, role=Role.MODERATOR)
COMMANDS = [
    of_moderators("kick", "NICK [REASON]", "Put somebody out of this room.", kick, least=1, most=2),
    of_moderators(
        "warn", "NICK REASON", "Warn somebody in this room, for the record.", warn, least=2, most=2
    ),
    Command(
        "report", "NICK REASON", "Tell the moderators about somebody.", report, least=2, most=2
    ),
    _on_server(
        "kill", "NICK [REASON]", "Put somebody off the server, once.", kill, least=1, most=2
    ),
    Command(
        "defcon",
        "[LEVEL]",
        "Shut the server: 1 no new accounts, 2 no guests, 3 voiced only, 4 nobody new, "
        "5 read-only, 0 normal.",
        defcon,
        most=1,
        role=Role.ADMIN,
    ),
]
