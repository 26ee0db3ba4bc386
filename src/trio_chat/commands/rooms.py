"""Commands about rooms: who is where, and what a room is about."""

from __future__ import annotations

import msgspec

from trio_chat.chat.names import check_line
from trio_chat.chat.rooms import Room
from trio_chat.commands.table import Command, Context, Outcome
from trio_chat.errors import NotInRoom, NotPermitted
from trio_chat.store import Put, Write

WHO_MEMBERS = 500  # one answer; a line on the wire has an end
ROOMS_LISTED = 200


class RoomRecord(msgspec.Struct, frozen=True):
    """What is kept of a room beside its log: record space `room`, by key."""

    name: str
    topic: str = ""


async def join(context: Context, arguments: tuple[str, ...]) -> Outcome:
    limit = context.config.limits.rooms_per_session
    if len(context.member.rooms) >= limit:
        raise NotPermitted(f"one can be in at most {limit} rooms; /leave one first")
    await context.host.join(arguments[0])
    return Outcome()


async def leave(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = context.hub.room_of(context.member, arguments[0]) if arguments else _here(context)
    reason = arguments[1] if len(arguments) > 1 else ""
    context.host.leave(room, check_line(reason, "reason", context.config.limits.reason_characters))
    return Outcome()


async def who(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = context.hub.find_room(arguments[0]) if arguments else _here(context)
    members = [member.info() for member in room.members.values()]
    shown = sorted(members[:WHO_MEMBERS], key=lambda info: info.nick.casefold())
    names = ", ".join(info.nick + (" (away)" if info.away is not None else "") for info in shown)
    count = len(members)
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return Outcome(
        text=f"#{room.name}, {count} here: {names}{more}",
        data={"room": room.name, "total": count, "members": shown},
    )


async def rooms(context: Context, arguments: tuple[str, ...]) -> Outcome:
    part = arguments[0].casefold().removeprefix("#") if arguments else ""
    found = [room for room in context.hub.rooms.values() if part in room.key]
    found.sort(key=lambda room: (-len(room.members), room.key))
    rows = [
        {"room": room.name, "members": len(room.members), "topic": room.topic}
        for room in found[:ROOMS_LISTED]
    ]
    lines = [f"#{row['room']} ({row['members']}) {row['topic']}".rstrip() for row in rows]
    if len(found) > ROOMS_LISTED:
        lines.append(f"and {len(found) - ROOMS_LISTED} more; /rooms PART finds them")
    return Outcome(text="\n".join(lines) or "no such rooms", data={"rooms": rows})


async def topic(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = _here(context)
    if not arguments:
        return Outcome(
            text=f"#{room.name}: {room.topic}" if room.topic else f"#{room.name} has no topic",
            data={"room": room.name, "topic": room.topic},
        )
    text = check_line(arguments[0], "topic", context.config.limits.topic_characters)
    member = context.member
    return Outcome(
        write=Write(
            room=room.key,
            kind="topic",
            sender=member.nick,
            account=member.account or "",
            text=text,
            puts=(put_room(room, text),),
        )
    )


def put_room(room: Room, topic: str) -> Put:
    """The record that remembers the room and its topic."""
    return Put("room", room.key, msgspec.json.encode(RoomRecord(room.name, topic)))


def _here(context: Context) -> Room:
    if isinstance(context.place, Room):
        return context.place
    raise NotInRoom("you are in no room here; name one")


COMMANDS = [
    Command("join", "ROOM", "Enter a room, made if there is none.", join, ("j",), least=1, most=1),
    Command("leave", "[ROOM] [REASON]", "Leave a room.", leave, ("part",), most=2),
    Command("who", "[ROOM]", "Show who is in a room.", who, ("names",), most=1, reads=True),
    Command("rooms", "[PART]", "List the rooms.", rooms, ("list",), most=1, reads=True),
    Command("topic", "[TEXT]", "Show the room's topic, or set it.", topic, most=1),
]
