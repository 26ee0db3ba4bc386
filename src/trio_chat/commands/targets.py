"""Whom a command means, and whether the member may do it to them."""

from __future__ import annotations

from typing import NamedTuple

from trio_chat.chat.accounts import Account
from trio_chat.chat.roles import Role, RoomRole, rank
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.rules import check_rank
from trio_chat.commands.context import Context
from trio_chat.errors import NotInRoom, NotPermitted


class Target(NamedTuple):
    """Somebody who is here, or has an account, or both."""

    identity: str
    nick: str
    member: Member | None
    account: Account | None

    @property
    def author(self) -> str:
        """See `Member.author`."""
        return self.account.id if self.account is not None else self.identity

    @property
    def role(self) -> Role:
        if self.account is not None:
            return Role(self.account.role)
        return self.member.role if self.member is not None else Role.GUEST

    def rank_in(self, room: Room | None) -> int:
        return rank(self.role, room.role_of(self.identity) if room else RoomRole.PLAIN)


def find_owner(context: Context, name: str) -> Target:
    """Whose account *name* is, or who is called so if it is nobody's: for what is given, which a
    guest who goes by the nick for a moment shall not get.

    Raises:
        NoSuchMember, naming the nearest nick.
    """
    account = context.state.accounts.named(name)
    if account is None:
        return find_target(context, name)
    return target_of(context, account)


def target_of(context: Context, account: Account) -> Target:
    return Target(
        account.identity, account.name, context.state.directory.of_account(account.id), account
    )


def partner_of(context: Context, nick: str) -> Member | None:
    """Who is written to as *nick*, if here: a nick that belongs to an account means that account,
    whoever goes by it just now.

    Raises:
        NoSuchMember, naming the nearest nick.
    """
    account = context.state.accounts.named(nick)
    if account is None:
        return context.state.directory.find_member(nick)
    return context.state.directory.of_account(account.id)


def find_target(context: Context, name: str) -> Target:
    """Who is called *name* now, or whose account is.

    Raises:
        NoSuchMember, naming the nearest nick.
    """
    accounts = context.state.accounts
    member = context.state.directory.holder(name.removeprefix("@"))
    if member is not None:
        account = accounts.by_id(member.account_id)
        return Target(member.identity, member.nick, member, account)
    account = accounts.named(name)
    if account is None:
        member = context.state.directory.find_member(name)
        return Target(member.identity, member.nick, member, None)
    return target_of(context, account)


def own_rank(context: Context, room: Room | None) -> int:
    """How high the member stands in the room, or on the server."""
    if room is None or not context.moderates:
        return rank(context.role)
    return rank(context.role, room.role_of(context.member.identity))


def settable(context: Context) -> Room:
    """The room where the line was typed, which is not archived.

    Raises:
        NotInRoom, NotPermitted.
    """
    room = here(context)
    if room.record.archived:
        text = f"#{room.name} is archived: nothing changes there any more"
        raise NotPermitted(text, room=room.name)
    return room


def check_lets_in(context: Context, room: Room) -> None:
    """Whether the member may let somebody into the room: into a private one only who runs it, so
    that no role of the server opens it.

    Raises:
        NotPermitted.
    """
    if room.record.private and room.role_of(context.member.identity) < RoomRole.MODERATOR:
        text = f"#{room.name} is private: only who runs it lets somebody in"
        raise NotPermitted(text, room=room.name)


def readable(context: Context) -> Room:
    """The room where the line was typed, if the member may know how it is set up: of a private one
    no role of the server shows more than that it is there.

    Raises:
        NotInRoom, NotPermitted.
    """
    room = here(context)
    if not room.is_listed_for(context.member):
        text = f"#{room.name} is private: how it is set up is for those in it"
        raise NotPermitted(text, room=room.name)
    return room


def lower_target(context: Context, name: str, room: Room | None) -> Target:
    """Like `find_target`, for what is only done to somebody of a lower rank.

    Raises:
        NoSuchMember, NotPermitted.
    """
    target = find_target(context, name)
    check_rank(own_rank(context, room), target.rank_in(room), target.nick)
    return target


def here(context: Context) -> Room:
    """The room where the line was typed.

    Raises:
        NotInRoom.
    """
    if isinstance(context.place, Room):
        return context.place
    raise NotInRoom("in which room? Type it there, or name it first, as in /kick #room NICK")
