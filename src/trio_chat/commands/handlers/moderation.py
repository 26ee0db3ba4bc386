"""Commands that keep order at once: out of the room, off the server, warnings, reports, panic."""

from __future__ import annotations

from functools import partial

from trio_chat.chat.names import check_line
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.sanctions import Defcon
from trio_chat.commands import records
from trio_chat.commands.audit import act, write
from trio_chat.commands.table import Command, Context, Outcome, of_moderators
from trio_chat.commands.targets import find_target, here, lower_target
from trio_chat.errors import NoSuchMember, UsageError
from trio_chat.store.api import Write


async def kick(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    target = lower_target(context, arguments[0], room)
    if target.member is None or target.identity not in room.members:
        raise NoSuchMember(f"{target.nick} is not in #{room.name}")
    reason = reason_of(context, " ".join(arguments[1:]))
    audit = act(context, "kick", target=target.nick, room=room, reason=reason)
    return Outcome(write=kicked(context, room, target.member, reason, audit))


def kicked(context: Context, room: Room, member: Member, reason: str, audit: str = "") -> Write:
    shown = write(context, audit, room=room, kind="kicked", text=reason, target=member.nick)
    shown.then = lambda: context.server.expel(room, member)
    return shown


def reason_of(context: Context, text: str) -> str:
    return check_line(text, "reason", context.config.limits.reason_characters)


async def kill(context: Context, arguments: tuple[str, ...]) -> Outcome:
    target = lower_target(context, arguments[0], None)
    if target.member is None:
        raise NoSuchMember(f"{target.nick} is not here")
    reason = reason_of(context, " ".join(arguments[1:]))
    why = f"put off by {context.member.nick}{f': {reason}' if reason else ''}"
    context.server.dismiss(target.member, why)
    audit = act(context, "kill", target=target.nick, reason=reason)
    return Outcome(text=f"{target.nick} is put off the server", write=write(context, audit))


async def warn(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    target = lower_target(context, arguments[0], room)
    if target.member is None or target.identity not in room.members:
        raise NoSuchMember(f"{target.nick} is not in #{room.name}")
    reason = reason_of(context, arguments[1])
    context.server.tell(
        target.member, f"warning from {context.member.nick} in #{room.name}: {reason}"
    )
    audit = act(context, "warn", target=target.nick, room=room, reason=reason)
    return Outcome(text=f"{target.nick} is warned", write=write(context, audit))


async def report(context: Context, arguments: tuple[str, ...]) -> Outcome:
    target = find_target(context, arguments[0])
    room = context.place if isinstance(context.place, Room) else None
    reason = reason_of(context, arguments[1])
    where = f" in #{room.name}" if room else ""
    for member in tuple(context.directory.members.values()):
        in_charge = room is not None and room.role_of(member.identity) >= RoomRole.MODERATOR
        if member.role >= Role.MODERATOR or in_charge:
            text = f"{context.member.nick} reports {target.nick}{where}: {reason}"
            context.server.tell(member, text)
    audit = act(context, "report", target=target.nick, room=room, reason=reason)
    return Outcome(text="thank you; the moderators are told", write=write(context, audit))


async def defcon(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if not arguments:
        level = context.server.defcon
        return Outcome(text=f"{level.value}: {level.sentence}", data={"level": level.value})
    if arguments[0] not in {"off", *(str(level.value) for level in Defcon)}:
        raise UsageError("usage: /defcon [LEVEL]; 0 or off is normal, 5 is the hardest")
    level = Defcon.NORMAL if arguments[0] == "off" else Defcon(int(arguments[0]))
    context.server.defcon = level
    context.server.announce(f"from now on {level.sentence}")
    put = records.put_server("defcon", str(level.value) if level else "")
    audit = act(context, "defcon", target=str(level.value), reason=level.sentence)
    return Outcome(
        text=f"{level.value}: {level.sentence}",
        data={"level": level.value},
        write=write(context, audit, put),
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
