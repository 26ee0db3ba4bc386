"""Commands that give and take roles: in a room, and on the server."""

from __future__ import annotations

from functools import partial

from trio_chat.chat.accounts import Account
from trio_chat.chat.records import room_changed
from trio_chat.chat.roles import Role, RoomRole, rank
from trio_chat.chat.rooms import Room
from trio_chat.chat.rules import check_rank
from trio_chat.commands.audit import act
from trio_chat.commands.changes import give_role
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Line, Tell
from trio_chat.commands.table import Command, Outcome, of_moderators, of_owners
from trio_chat.commands.targets import (
    Target,
    check_lets_in,
    find_owner,
    lower_target,
    own_rank,
    settable,
)
from trio_chat.errors import NoSuchMember, NotPermitted, UsageError


def op(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _give(context, arguments[0], RoomRole.MODERATOR, "made {} a moderator of this room")


def deop(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _take(context, arguments[0], RoomRole.MODERATOR, "took {}'s role of moderator")


def voice(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _give(context, arguments[0], RoomRole.VOICED, "gave {} voice")


def unvoice(context: Context, arguments: tuple[str, ...]) -> Outcome:
    return _take(context, arguments[0], RoomRole.VOICED, "took {}'s voice")


def transfer(context: Context, arguments: tuple[str, ...]) -> Outcome:
    """The room has another owner; the former one stays as a moderator."""
    room = settable(context)
    target = find_owner(context, arguments[0])
    _check_account(target)
    if target.identity not in room.members:
        check_lets_in(context, room)
    roles = dict(room.record.roles)
    for identity, role in room.record.roles.items():
        if role == RoomRole.OWNER and identity != target.identity:
            _check_owner(context, room, identity)
            roles[identity] = RoomRole.MODERATOR.value
    roles[target.identity] = RoomRole.OWNER.value
    return set_roles(context, room, target, roles, "transfer", "made {} the owner of this room")


def _check_owner(context: Context, room: Room, identity: str) -> None:
    """Whether the room may be taken from this owner. Raises NotPermitted."""
    account = context.state.accounts.of_identity(identity)
    if account is not None and identity != context.member.identity:
        owner_rank = rank(Role(account.role), RoomRole.OWNER)
        check_rank(own_rank(context, room), owner_rank, account.name)


def _give(context: Context, name: str, role: RoomRole, said: str) -> Outcome:
    room = settable(context)
    target = find_owner(context, name)
    check_rank(own_rank(context, room), target.rank_in(room), target.nick)
    if role > RoomRole.VOICED:
        _check_account(target)
    if target.identity not in room.members:
        check_lets_in(context, room)
    check_rank(own_rank(context, room), rank(Role.GUEST, role), f"a {role.title}")
    if room.role_of(target.identity) >= role:
        raise NotPermitted(f"{target.nick} is {room.role_of(target.identity).title} already")
    most = context.config.limits.roles_per_room
    if len(room.record.roles) >= most and target.identity not in room.record.roles:
        raise NotPermitted(f"at most {most} have a role in one room; /unvoice or /deop one first")
    roles = {**room.record.roles, target.identity: role.value}
    name = "op" if role is RoomRole.MODERATOR else "voice"
    return set_roles(context, room, target, roles, name, said)


def _take(context: Context, name: str, role: RoomRole, said: str) -> Outcome:
    room = settable(context)
    target = lower_target(context, name, room)
    if room.role_of(target.identity) is not role:
        raise NotPermitted(f"{target.nick} is not {role.title} here")
    roles = {who: had for who, had in room.record.roles.items() if who != target.identity}
    name = "deop" if role is RoomRole.MODERATOR else "unvoice"
    return set_roles(context, room, target, roles, name, said)


def _check_account(target: Target) -> None:
    if target.account is None:
        text = f"{target.nick} has no account, and so cannot run a room"
        raise NoSuchMember(text, nick=target.nick)


def set_roles(
    context: Context, room: Room, target: Target, roles: dict[str, int], name: str, said: str
) -> Outcome:
    change = room_changed(room.key, room.record, roles=roles)
    return Outcome(
        changes=(change,),
        act=act(context, name, change, target=target.nick, room=room),
        effects=(Line(room.key, said.format(target.nick), words=False),),
    )


def role(context: Context, arguments: tuple[str, ...]) -> Outcome:
    """Show or give what somebody may do on the server."""
    target = find_owner(context, arguments[0])
    if len(arguments) == 1:
        return Outcome(
            text=f"{target.nick} is {target.role.title}",
            data={"nick": target.nick, "role": target.role.title},
        )
    try:
        wanted = Role[arguments[1].upper()]
    except KeyError:
        names = ", ".join(one.title for one in Role if one is not Role.GUEST)
        raise UsageError(f"{arguments[1]} is no role; the roles are {names}") from None
    account = _check_may_give(context, target, wanted)
    change, *owned = give_role(context.state, account, wanted)
    tell = Tell((target.identity,), f"{context.member.nick} made you {wanted.title}", words=False)
    return Outcome(
        text=f"{account.name} is {wanted.title}",
        data={"account": account.name, "role": wanted.title},
        changes=(change, *owned),
        act=act(context, "role", change, target=account.name, reason=wanted.title),
        effects=(tell,),
    )


def _check_may_give(context: Context, target: Target, wanted: Role) -> Account:
    """The account that the member may give the role. Raises NotPermitted."""
    if context.role < Role.ADMIN:
        raise NotPermitted("/role needs the role admin")
    own = rank(context.role)
    check_rank(own, rank(target.role), target.nick)
    if wanted is Role.GUEST or target.account is None:
        raise NotPermitted(f"a role needs an account, and {target.nick} has none")
    # An owner may make owners, so that a server can be handed on.
    if context.role is not Role.OWNER:
        check_rank(own, rank(wanted), f"a {wanted.title}")
    return target.account


_of_owners_or_moderators = partial(Command, role=Role.MODERATOR, room_role=RoomRole.OWNER)
COMMANDS = [
    _of_owners_or_moderators(
        "op", "NICK", "Make somebody a moderator of this room.", op, least=1, most=1
    ),
    _of_owners_or_moderators(
        "deop", "NICK", "Take the role of a moderator of this room.", deop, least=1, most=1
    ),
    of_moderators(
        "voice", "NICK", "Let somebody speak while this room is locked.", voice, least=1, most=1
    ),
    of_moderators(
        "unvoice",
        "NICK",
        "Take somebody's voice in this room.",
        unvoice,
        ("devoice",),
        least=1,
        most=1,
    ),
    of_owners("transfer", "NICK", "Give this room another owner.", transfer, least=1, most=1),
    Command(
        "role",
        "NICK [ROLE]",
        "Show somebody's role on the server, or give another one.",
        role,
        least=1,
        most=2,
        role=Role.MEMBER,
    ),
]
