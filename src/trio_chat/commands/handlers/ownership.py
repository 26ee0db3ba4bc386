"""Commands with which a room is made and set up: who enters, who speaks, who reads what."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from trio_chat.chat import records
from trio_chat.chat.durations import parse_duration, shown_duration
from trio_chat.chat.names import check_line, check_room
from trio_chat.chat.profiles import EMPTY, member_of
from trio_chat.chat.records import Change, room_changed
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.chat.rooms import Room, RoomRecord
from trio_chat.chat.rules import holding
from trio_chat.commands.audit import act
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Archive, Enter, Line, Tell
from trio_chat.commands.table import Command, Outcome, of_moderators, of_owners
from trio_chat.commands.targets import Target, check_lets_in, find_owner, here, readable, settable
from trio_chat.errors import BadRequest, NotPermitted, UsageError

NOTHING = "-"
_KEY_CHARACTERS = 64
_SLOW_SECONDS_MAX = 86_400
_ARCHIVE_DIGITS = 4  # of the number behind an archived room's name


def create(context: Context, arguments: tuple[str, ...]) -> Outcome:
    limits, directory = context.config.limits, context.state.directory
    name = check_room(arguments[0], limits)
    if context.state.is_room(name):
        raise BadRequest(f"there is a room #{name} already")
    directory.check_new_room(name)
    if len(context.member.rooms) >= limits.rooms_per_session:
        most = limits.rooms_per_session
        raise NotPermitted(f"one can be in at most {most} rooms; /leave one first")
    if directory.owned(context.member) >= limits.rooms_owned:
        raise NotPermitted(f"one can own at most {limits.rooms_owned} rooms")
    description = check_line(" ".join(arguments[1:]), "description", limits.topic_characters)
    record = RoomRecord(
        name,
        created_ms=context.now_ms,
        description=description,
        roles={context.member.identity: RoomRole.OWNER.value},
    )
    key = directory.new_key(name)
    text = "made this room" + (f": {description}" if description else "")
    return Outcome(
        changes=(Change(records.ROOM, key, None, record),),
        act=act(context, "create", room=Room(name, key=key)),
        effects=(Line(key, text), Enter(key)),
    )


def describe(context: Context, arguments: tuple[str, ...]) -> Outcome:
    if not arguments:
        room = readable(context)
        return Outcome(text=_described(room), data=_settings(room))
    text = "" if arguments[0] == NOTHING else arguments[0]
    text = check_line(text, "description", context.config.limits.topic_characters)
    said = f"described this room: {text}" if text else "took the description of this room away"
    return _set(context, "describe", said, words=bool(text), description=text)


def private(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    if not _switch(arguments, "private"):
        check_lets_in(context, room)
        return _set(context, "private off", "opened this room to everybody", private=False)
    # Who is here may come back.
    here_now = {member.identity: member.nick for member in room.members.values()}
    invited = {**room.record.invited, **here_now}
    return _set(context, "private", "made this room private", private=True, invited=invited)


def invite(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = settable(context)
    check_lets_in(context, room)
    target = find_owner(context, arguments[0])
    if target.identity in room.members:
        raise NotPermitted(f"{target.nick} is in #{room.name} already")
    _check_not_banned(context, room, target)
    if len(room.record.invited) >= context.config.limits.invited_per_room:
        raise NotPermitted("a room has so many invitations at most; /uninvite somebody first")
    tell: tuple[Tell, ...] = ()
    if target.member is not None and context.member.identity not in target.member.blocks:
        text = (
            f"{context.member.nick} invites you to #{room.name}: /join {room.name} takes you there"
        )
        tell = (Tell((target.identity,), text),)
    invited = {**room.record.invited, target.identity: target.nick}
    said = f"invited {target.nick}"
    outcome = _set(context, "invite", said, target=target.nick, invited=invited)
    return dataclasses.replace(outcome, effects=(*outcome.effects, *tell))


def _check_not_banned(context: Context, room: Room, target: Target) -> None:
    """Raises BadRequest: an invitation would not let them in."""
    member = target.member
    if member is None and target.account is not None:
        member = member_of(target.account, EMPTY, now_ms=context.now_ms)
    if member is None:
        return
    ban = holding(context.state.sanctions, "ban", room, member, context.now_ms)
    if ban is not None:
        raise BadRequest(
            f"{target.nick} is banned (#{ban.number}) and could not come in;"
            f" /unban #{ban.number} lifts it"
        )


def uninvite(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    target = find_owner(context, arguments[0])
    invited = dict(room.record.invited)
    if invited.pop(target.identity, None) is None:
        raise BadRequest(f"{target.nick} is not invited to #{room.name}")
    said = f"took back the invitation of {target.nick}"
    return _set(context, "uninvite", said, target=target.nick, invited=invited)


def key(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = settable(context)
    if not arguments:
        readable(context)
        shown = f"the key is {room.record.key}" if room.record.key else "this room has no key"
        return Outcome(text=shown, data={"key": room.record.key})
    text = "" if arguments[0] == NOTHING else check_line(arguments[0], "key", _KEY_CHARACTERS)
    if " " in text:
        raise BadRequest("a key has no blanks")
    said = "locked the door of this room with a key" if text else "took the key away"
    # The key itself is in no audit line, so it cannot be undone either.
    return Outcome(
        changes=(room_changed(room.key, room.record, key=text),),
        act=act(context, "key" if text else "key off", room=room),
        effects=(Line(room.key, said, words=False),),
    )


def limit(context: Context, arguments: tuple[str, ...]) -> Outcome:
    count = 0 if arguments[0] == NOTHING else _number(arguments[0], _LIMIT)
    said = f"limited this room to {count} members" if count else "took away the limit of this room"
    return _set(context, "limit", said, reason=str(count), limit=count)


def lock(context: Context, arguments: tuple[str, ...]) -> Outcome:
    locked = _switch(arguments, "lock")
    said = "locked this room: only who is voiced speaks" if locked else "unlocked this room"
    return _set(context, "lock" if locked else "unlock", said, locked=locked)


def slow(context: Context, arguments: tuple[str, ...]) -> Outcome:
    text = arguments[0]
    duration_ms = parse_duration(text) if text not in (NOTHING, "off") else 0
    seconds = _number(text, _SLOW) if duration_ms is None else duration_ms // 1000
    if seconds > _SLOW_SECONDS_MAX:
        raise BadRequest("slower than one message a day is a /lock")
    said = (
        f"slowed this room down: one message in {shown_duration(seconds * 1000)}"
        if seconds
        else "let this room go at its own pace"
    )
    return _set(context, "slow", said, reason=str(seconds), slow_seconds=float(seconds))


def backlog(context: Context, arguments: tuple[str, ...]) -> Outcome:
    room = here(context)
    wanted = arguments[0].lower()
    if wanted == room.record.backlog:
        raise BadRequest(f"that is so already: {wanted}")
    if wanted == "joined":
        said = "now who enters reads what is said from then on"
        outcome = _set(context, "backlog", said, reason=wanted, backlog="joined")
        # Who is here now has read everything, and may, also on coming back.
        floors = [_floor(room, who, 0) for who in room.members if who not in room.floors]
    elif wanted == "all":
        check_lets_in(context, room)
        said = "now who enters reads everything from the beginning"
        outcome = _set(context, "backlog", said, reason=wanted, backlog="all")
        floors = [_floor(room, who, None) for who in room.floors]
    else:
        raise UsageError("usage: /backlog all/joined")
    return dataclasses.replace(outcome, changes=(*outcome.changes, *floors))


def _floor(room: Room, identity: str, seq: int | None) -> Change:
    key = records.floor_key(room.key, identity)
    return Change(records.FLOOR, key, room.floors.get(identity), seq)


def archive(context: Context, _: tuple[str, ...]) -> Outcome:
    """The room's history stays, under another name and for those who were in it; its name is
    free, and a room made later has a history of its own."""
    room = here(context)
    if room.record.archived:
        raise NotPermitted(f"#{room.name} is archived already")
    name = _archive_name(context, room.name)
    was_here = {member.identity: member.nick for member in room.members.values()}
    invited = {**room.record.invited, **was_here}
    change = room_changed(
        room.key, room.record, name=name, archived=True, private=True, invited=invited
    )
    # Everybody is shown the line under the name that the room has for them.
    late = msgspec.structs.replace(change, late=True)
    text = f"archived this room; its history stays in #{name}"
    return Outcome(
        changes=(late,),
        act=act(context, "archive", change, room=room, reason=f"as #{name}"),
        effects=(Line(room.key, text, words=False), Archive(room.key)),
    )


def _archive_name(context: Context, name: str) -> str:
    room_left = context.config.limits.room_characters - _ARCHIVE_DIGITS - 1
    for number in range(1, 10**_ARCHIVE_DIGITS):
        archived = f"{name[:room_left]}.{number}"
        if not context.state.is_room(archived):
            return archived
    raise BadRequest(f"there are too many archives of #{name}")


def _set(
    context: Context,
    name: str,
    said: str,
    *,
    target: str = "",
    reason: str = "",
    words: bool = False,
    **fields: Any,
) -> Outcome:
    """Change the room's record, for the audit and before everybody's eyes. *words*: what is *said*
    holds words that the member chose."""
    room = settable(context)
    change = room_changed(room.key, room.record, **fields)
    return Outcome(
        changes=(change,),
        act=act(context, name, change, target=target, room=room, reason=reason),
        effects=(Line(room.key, said, words=words),),
    )


def _described(room: Room) -> str:
    record = room.record
    facts = [record.description or "nothing is said about this room"]
    facts += ["private"] * record.private + ["needs a key"] * bool(record.key)
    facts += [f"at most {record.limit} members"] * bool(record.limit)
    facts += ["locked"] * record.locked
    if record.slow_seconds:
        facts.append(f"one message in {shown_duration(int(record.slow_seconds * 1000))}")
    if record.backlog == "joined":
        facts.append("who enters reads what is said from then on")
    return "; ".join([*facts, *(["archived"] * record.archived)])


def _settings(room: Room) -> dict[str, Any]:
    record: RoomRecord = room.record
    return {
        "room": room.name,
        "description": record.description,
        "private": record.private,
        "has_key": bool(record.key),
        "limit": record.limit,
        "locked": record.locked,
        "slow_seconds": record.slow_seconds,
        "backlog": record.backlog,
        "archived": record.archived,
    }


def _switch(arguments: tuple[str, ...], name: str) -> bool:
    """Whether it is to be on. Raises UsageError."""
    word = arguments[0].lower() if arguments else "on"
    if word not in ("on", "off"):
        raise UsageError(f"usage: /{name} [on/off]")
    return word == "on"


def _number(text: str, command: Command) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise UsageError(f"usage: {command.synopsis}")
    return int(text)


_LIMIT = of_owners(
    "limit", "N", "Let at most so many into this room; - takes it away.", limit, least=1, most=1
)
_SLOW = of_moderators(
    "slow",
    "N",
    "Let each say one thing in N seconds in this room; - takes it away.",
    slow,
    least=1,
    most=1,
)
COMMANDS = [
    Command(
        "create",
        "ROOM [DESCRIPTION]",
        "Make a room that is yours.",
        create,
        least=1,
        most=2,
        role=Role.MEMBER,
    ),
    of_owners(
        "describe",
        "[TEXT]",
        "Show what this room is for and how it is set up, or say so; - says nothing.",
        describe,
        most=1,
    ),
    of_owners(
        "private", "[on/off]", "Let only those into this room who are invited.", private, most=1
    ),
    of_moderators("invite", "NICK", "Let somebody into this room.", invite, least=1, most=1),
    of_moderators("uninvite", "NICK", "Take an invitation back.", uninvite, least=1, most=1),
    of_owners(
        "key",
        "[KEY]",
        "Show the key that one needs to enter this room, or set it; - takes it away.",
        key,
        most=1,
    ),
    _LIMIT,
    of_moderators(
        "lock", "[on/off]", "Let only those speak in this room who are voiced.", lock, most=1
    ),
    _SLOW,
    of_owners(
        "backlog",
        "all/joined",
        "Let who enters read everything, or what is said from then on.",
        backlog,
        least=1,
        most=1,
    ),
    of_owners("archive", "", "Close this room; its history stays, its name is free.", archive),
]
