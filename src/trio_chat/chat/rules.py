"""Who may do what to whom, and who may enter, read and speak where. Pure rules: they look at
members, rooms and sanctions, and refuse; the time is an argument.

1. Nobody acts on somebody whose rank is not lower.
2. No sanction holds somebody whose rank is not lower than that of who set it.
3. A private room is read by those who were let in, and by nobody else whatever the role.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from trio_chat.chat.masks import Subject
from trio_chat.chat.roles import Role, RoomRole, rank
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.chat.sanctions import Defcon, Sanction, SanctionKind, Sanctions
from trio_chat.errors import Banned, Muted, NotPermitted, RoomFull, TooFast
from trio_chat.text import fold

_SPOKE_SPARE = 100  # entries of those who left, before they are looked through
EVERYWHERE = ""  # the room of a sanction that holds on the whole server


def rank_in(room: Room | None, member: Member) -> int:
    return rank(member.role, room.role_of(member.identity) if room else RoomRole.PLAIN)


def check_rank(own: int, other: int, name: str) -> None:
    """Raises NotPermitted: *name* does not stand lower."""
    if own <= other:
        raise NotPermitted(f"you cannot do that to {name}, who stands no lower than you", nick=name)


def subject_of(member: Member) -> Subject:
    """The member as masks see it."""
    return Subject(member.key, member.account_id, member.address)


def holding(
    sanctions: Sanctions, kind: SanctionKind, room: Room | None, member: Member, now_ms: int
) -> Sanction | None:
    """The sanction that keeps the member from entering (`ban`) or speaking (`mute`) there."""
    places = (EVERYWHERE,) if room is None else (room.key, EVERYWHERE)
    for place in places:
        if sanctions.is_empty(kind, place):
            continue
        own_rank = rank_in(room if place else None, member)
        found = sanctions.find(kind, place, subject_of(member), now_ms, rank=own_rank)
        if found is not None:
            return found
    return None


def check_enter(
    room: Room,
    member: Member,
    key: str,
    sanctions: Sanctions,
    now_ms: int,
    *,
    counts: bool = True,
) -> None:
    """Whether the member may come into the room, having said *key*. Not *counts*: it has a place
    there, so that the room's limit does not matter.

    Raises:
        Banned, NotPermitted, RoomFull.
    """
    record = room.record
    belongs = member.identity in record.roles or member.identity in record.invited
    if record.private and not belongs:  # nothing else about it is told, its spelling included
        name = fold(room.name)
        text = f"#{name} is private; somebody who runs it can /invite you"
        raise NotPermitted(text, room=name)
    ban = holding(sanctions, "ban", room, member, now_ms)
    if ban is not None:
        raise _banned(room, ban, now_ms)
    if record.key and key != record.key and not belongs:
        text = f"#{room.name} needs a key: /join {room.name} KEY"
        raise NotPermitted(text, room=room.name)
    is_full = counts and 0 < record.limit <= len(room.members)
    if is_full and not room.role_of(member.identity):
        text = f"#{room.name} has place for {record.limit}, and they are there"
        raise RoomFull(text, room=room.name)


def check_speak(
    place: Room | Direct,
    member: Member,
    sanctions: Sanctions,
    defcon: Defcon,
    now_ms: int,
    now: float,
    *,
    mends: int | None = None,
) -> None:
    """Refuse where the member may not say something there now. It has to be quick: it is asked for
    every line.

    *now*: seconds on a clock that nobody sets, for what has to wait. *mends*: the seq of the
    member's own last line, which may be mended once without waiting in a slow room.

    Raises:
        Muted, Banned, NotPermitted, TooFast.
    """
    room = place if isinstance(place, Room) else None
    if not sanctions.is_quiet or defcon:
        _check_sanctions(room, member, sanctions, defcon, now_ms)
    if room is not None and room.quiet:
        _check_quiet(room, member, now, mends)
    if room is None and isinstance(place, Direct):
        _check_blocked(place, member)


def check_direct(member: Member, sanctions: Sanctions, defcon: Defcon, now_ms: int) -> None:
    """Whether the member may begin a conversation now.

    Raises:
        Muted, NotPermitted.
    """
    _check_sanctions(None, member, sanctions, defcon, now_ms)


def check_words(
    member: Member, sanctions: Sanctions, now_ms: int, *, rooms: Iterable[Room] = ()
) -> None:
    """Refuse words of somebody who is muted on the server or in one of *rooms*, where they would
    be shown: a reason, a description, a notice. Talk is asked about by `check_speak`.

    Raises:
        Muted.
    """
    if sanctions.is_quiet:
        return
    for room in (None, *rooms):
        mute = holding(sanctions, "mute", room, member, now_ms)
        if mute is not None:
            name = room.name if mute.room and room else None
            where = "on this server" if name is None else f"in #{name}"
            text = refusal(f"you are muted {where}", mute)
            raise Muted(text, retry_after=left(mute, now_ms), room=name)


def check_nick_free(member: Member, nick: str, sanctions: Sanctions, now_ms: int) -> None:
    """Refuse a nick under which the member would be banned: on the server, or from a room it is
    in.

    Raises:
        Banned.
    """
    if sanctions.is_quiet:
        return
    called = subject_of(member)._replace(key=fold(nick))
    for room in (None, *member.rooms.values()):
        place = EVERYWHERE if room is None else room.key
        own_rank = rank_in(room, member)
        ban = sanctions.find("ban", place, called, now_ms, rank=own_rank)
        if ban is not None:
            name = None if room is None else room.name
            where = "on this server" if name is None else f"in #{name}"
            text = refusal(f"that nick is banned {where}", ban)
            raise Banned(text, retry_after=left(ban, now_ms), nick=nick, room=name)


def check_renames(member: Member, sanctions: Sanctions, now_ms: int) -> None:
    """Refuse another name to somebody who is muted, who would get out of it like that.

    Raises:
        Muted.
    """
    if not sanctions.is_quiet:
        for room in (None, *member.rooms.values()):
            mute = holding(sanctions, "mute", room, member, now_ms)
            if mute is not None:
                text = refusal("who is muted keeps the name", mute)
                raise Muted(text, retry_after=left(mute, now_ms))


def _check_sanctions(
    room: Room | None, member: Member, sanctions: Sanctions, defcon: Defcon, now_ms: int
) -> None:
    check_words(member, sanctions, now_ms, rooms=() if room is None else (room,))
    ban = holding(sanctions, "ban", room, member, now_ms) if room else None
    if ban is not None and room is not None:
        raise _banned(room, ban, now_ms)
    standing = rank_in(room, member)
    if defcon >= Defcon.READ_ONLY and member.role < Role.ADMIN:
        raise NotPermitted("the server is read-only for now")
    if defcon >= Defcon.VOICED_ONLY and room is not None and standing < RoomRole.VOICED:
        raise NotPermitted("for now only those speak who are voiced", room=room.name)


def _check_quiet(room: Room, member: Member, now: float, mends: int | None) -> None:
    standing = rank_in(room, member)
    if room.record.archived:
        text = f"#{room.name} is archived: it can be read, and nothing more"
        raise NotPermitted(text, room=room.name)
    if room.record.locked and standing < RoomRole.VOICED:
        text = f"#{room.name} is locked: only those speak who are voiced"
        raise NotPermitted(text, room=room.name)
    is_free = mends is not None and room.mended.get(member.identity) != mends
    if room.record.slow_seconds and standing < RoomRole.MODERATOR and not is_free:
        wait = room.spoke.get(member.identity, -inf) + room.record.slow_seconds - now
        if wait > 0:
            text = f"#{room.name} is slow: one message in {room.record.slow_seconds:g} s"
            raise TooFast(text, retry_after=wait, room=room.name)


def _check_blocked(direct: Direct, member: Member) -> None:
    if direct.partner_of(member.identity) in direct.blocked_by:
        name = direct.label_for(member.identity).removeprefix("@")
        raise NotPermitted(f"{name} takes no messages from you", nick=name)


def note_spoke(
    place: Room | Direct, member: Member, now: float, *, mends: int | None = None
) -> None:
    """Note that the member speaks: in a slow room the next message has to wait; in a conversation
    the other one's `/reply` answers it. *now* and *mends*: see `check_speak`."""
    if isinstance(place, Direct):
        place.wrote(member)
    elif place.record.slow_seconds and mends is not None:
        place.mended[member.identity] = mends
    elif place.record.slow_seconds:
        place.spoke[member.identity] = now
        place.mended.pop(member.identity, None)
        if len(place.spoke) > 2 * len(place.members) + _SPOKE_SPARE:
            since = now - place.record.slow_seconds
            place.spoke = {who: at for who, at in place.spoke.items() if at > since}


def _banned(room: Room, ban: Sanction, now_ms: int) -> Banned:
    text = refusal(f"you are banned from #{room.name}", ban)
    return Banned(text, retry_after=left(ban, now_ms), room=room.name)


def refusal(what: str, sanction: Sanction) -> str:
    return f"{what}: {sanction.reason}" if sanction.reason else what


def left(sanction: Sanction, now_ms: int) -> float | None:
    """The seconds after which it is over, if it ever is."""
    left_ms = sanction.left_ms(now_ms)
    return None if left_ms is None else left_ms / 1000
