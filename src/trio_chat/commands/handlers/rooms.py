"""Commands about rooms: who is where, and what a room is about."""

from __future__ import annotations

from itertools import islice

from trio_chat.chat.names import check_line
from trio_chat.chat.records import room_changed
from trio_chat.chat.rooms import Room
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Join, Leave, Say
from trio_chat.commands.table import Command, Outcome
from trio_chat.errors import NotInRoom, NotPermitted
from trio_chat.text import fold
from trio_chat.wire.fitting import fit_rows

NO_TOPIC = "-"
# One list looks at the fullest so many, as many as there may be by default: 3 ms.
_ROOMS_LOOKED_AT = 20_000


def join(context: Context, arguments: tuple[str, ...]) -> Outcome:
    limit = context.config.limits.rooms_per_session
    own, room = context.member.rooms, context.state.directory.named(arguments[0])
    if len(own) >= limit and (room is None or room.key not in own):
        raise NotPermitted(f"one can be in at most {limit} rooms; /leave one first")
    return Outcome(effects=(Join(*arguments),))


def leave(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if arguments:
        room = context.state.directory.room_of(context.member, arguments[0])
    else:
        room = _here(context)
    reason = arguments[1] if len(arguments) > 1 else ""
    reason = check_line(reason, "reason", context.config.limits.reason_characters)
    return Outcome(effects=(Leave(room.key, reason),))


def who(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if arguments:
        room = context.state.directory.find_room(arguments[0], context.member)
    else:
        room = _here(context)
    members = sorted(room.members.values(), key=lambda member: member.key)
    shown, names, more = fit_rows(
        (member.info(), member.nick + (" (away)" if member.away is not None else ""))
        for member in members
    )
    total = len(members)
    rest = f" and {total - len(shown)} more" if more else ""
    return Outcome(
        text=f"#{room.name}, {total} here: {', '.join(names)}{rest}",
        data={"room": room.name, "total": total, "members": shown},
    )


def rooms(context: Context, arguments: tuple[str, ...]) -> Outcome:
    part = fold(arguments[0].removeprefix("#")) if arguments else ""
    found = [
        room
        for room in islice(context.state.directory.listing, _ROOMS_LOOKED_AT)
        if part in room.folded and (not room.record.private or room.is_listed_for(context.member))
    ]
    rows, lines, more = fit_rows(map(_row, found))
    if more:
        lines.append(f"and {len(found) - len(rows)} more; /rooms PART finds them")
    return Outcome(
        text="\n".join(lines) or "no such rooms", data={"total": len(found), "rooms": rows}
    )


def _row(room: Room) -> tuple[dict[str, str | int], str]:
    count = len(room.members)
    row: dict[str, str | int] = {"room": room.name, "members": count, "topic": room.topic}
    return row, f"#{room.name} ({count}) {room.topic}".rstrip()


def topic(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = _here(context)
    if not arguments:
        return Outcome(
            text=f"#{room.name}: {room.topic}" if room.topic else f"#{room.name} has no topic",
            data={"room": room.name, "topic": room.topic},
        )
    text = "" if arguments[0] == NO_TOPIC else arguments[0]
    text = check_line(text, "topic", context.config.limits.topic_characters)
    change = room_changed(room.key, room.record, topic=text)
    return Outcome(changes=(change,), effects=(Say(text, key=room.key, kind="topic"),))


def _here(context: Context) -> Room:
    if isinstance(context.place, Room):
        return context.place
    raise NotInRoom("you are in no room here; name one")


COMMANDS = [
    Command(
        "join", "ROOM [KEY]", "Enter a room, made if there is none.", join, ("j",), least=1, most=2
    ),
    Command("leave", "[ROOM] [REASON]", "Leave a room.", leave, ("part",), most=2),
    Command("who", "[ROOM]", "Show who is in a room.", who, ("names",), most=1, reads=True),
    Command("rooms", "[PART]", "List the rooms.", rooms, ("list",), most=1, reads=True),
    Command("topic", "[TEXT]", "Show the room's topic, or set it; - removes it.", topic, most=1),
]
