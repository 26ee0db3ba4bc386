"""Two people of every role, together in the room #dev, and everything as it was after each deed."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import trio

from support_accounts import PASSWORD, give_role, hold, registered
from support_server import ChatServer, Event, Peer
from trio_chat.chat import records
from trio_chat.chat.masks import nick_mask
from trio_chat.chat.records import Change
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.sanctions import Sanction, SanctionKind

GUEST, MEMBER, VOICED = "guest", "member", "voiced"
ROOM_MODERATOR, ROOM_OWNER = "room moderator", "room owner"
MODERATOR, ADMIN, OWNER = "moderator", "admin", "owner"
ROLES = (GUEST, MEMBER, VOICED, ROOM_MODERATOR, ROOM_OWNER, MODERATOR, ADMIN, OWNER)

_SERVER_ROLES = {MODERATOR: Role.MODERATOR, ADMIN: Role.ADMIN, OWNER: Role.OWNER}
_ROOM_ROLES = {
    VOICED: RoomRole.VOICED,
    ROOM_MODERATOR: RoomRole.MODERATOR,
    ROOM_OWNER: RoomRole.OWNER,
}
OUTSIDER = "zoe"  # a member who is not in #dev, and invited
OWNER_CODE = "AAAA-BBBB-CCCC"


def nick_of(role: str, number: int) -> str:
    return f"{role.replace(' ', '-')}-{number}"


class Cast:
    """Attributes:
    peers: by nick.
    room: where they are; `record` is how it is before each deed.
    """

    def __init__(self, server: ChatServer) -> None:
        self.server = server
        self.peers: dict[str, Peer] = {}
        self.roles = {nick_of(role, n): role for role in ROLES for n in (1, 2)}
        self.roles[OUTSIDER] = MEMBER

    async def gather(self) -> None:
        """Everybody comes."""
        for nick, role in self.roles.items():
            if role == GUEST:
                self.peers[nick] = await self.server.native(nick)
            else:
                self.peers[nick] = await registered(self.server, nick, self._server_role(nick))
        await self.peers[nick_of(ROOM_OWNER, 1)].input("/create dev")
        self.room = self.server.state.directory.find_room("dev")
        accounts = self.server.state.accounts
        outsider = accounts.find(OUTSIDER).identity
        roles = {
            accounts.find(nick).identity: _ROOM_ROLES[role].value
            for nick, role in self.roles.items()
            if role in _ROOM_ROLES and nick != nick_of(ROOM_OWNER, 2)
        }
        self.room.change(roles=roles, invited={outsider: OUTSIDER})
        self.record = self.room.record
        await self.put_back()

    async def put_back(self, *, second_owner: bool = False) -> None:
        """Have all be as it was; with *second_owner* the room has two owners."""
        state = self.server.state
        for key, value in ((records.DEFCON, ""), (records.OWNER_CODE, OWNER_CODE)):
            hold(self.server, state.fact_changed(key, value))
        for kind in ("ban", "mute"):
            self._forget_sanctions(kind, self.room.key)
            self._forget_sanctions(kind, "")
        self._put_room_back(self.room)
        if second_owner:
            identity = state.accounts.find(nick_of(ROOM_OWNER, 2)).identity
            roles = {**self.record.roles, identity: RoomRole.OWNER.value}
            self.room.change(roles=roles)
        for nick in self.roles:
            await self._put_person_back(nick)

    def _forget_sanctions(self, kind: SanctionKind, place: str) -> None:
        sanctions = self.server.state.sanctions
        for one in sanctions.listing(place, 0, kind):
            hold(self.server, Change(records.SANCTION, str(one.number), one, None))

    def _put_room_back(self, room: Room) -> None:
        directory = self.server.state.directory
        namesake = directory.named("dev")
        if namesake is not None and namesake is not room:
            hold(self.server, Change(records.ROOM, namesake.key, namesake.record, None))
            directory.remove_room(namesake)
        directory.take_up(room, self.record)

    async def _put_person_back(self, nick: str) -> None:
        hub = self.server.hub
        member = self._present(nick)
        if member is None or not hub.devices.of(member):
            await self._bring(nick)
            member = self._present(nick)
        assert member is not None
        hub.membership.rename(member, nick)
        if self.roles[nick] != GUEST and member.role is not self._server_role(nick):
            give_role(self.server, nick, self._server_role(nick))
        if nick != OUTSIDER and self.room.key not in member.rooms:
            assert (await self.type(nick, "/join dev"))["type"] == "done"
        if nick == OUTSIDER and self.room.key in member.rooms:
            hub.membership.leave(member, self.room, "")

    def _server_role(self, nick: str) -> Role:
        return _SERVER_ROLES.get(self.roles[nick], Role.MEMBER)

    def _present(self, nick: str) -> Member | None:
        state = self.server.state
        if self.roles[nick] != GUEST:
            return state.directory.of_account(state.accounts.find(nick).id)
        member = state.directory.holder(nick)
        return member if member is not None and member.account is None else None

    async def _bring(self, nick: str) -> None:
        """The person has left, or is somebody else now: let it come anew."""
        self.peers[nick].reset()
        peer = self.peers[nick] = Peer(self.server.dial())
        proof = {} if self.roles[nick] == GUEST else {"account": nick, "password": PASSWORD}
        answers = await peer.hello(nick, **proof)
        assert answers[0]["type"] == "welcome", answers

    def give_room_to(self, nick: str) -> None:
        """From now on the person owns the room, beside the one who made it."""
        identity = self.server.state.accounts.find(nick).identity
        roles = {**self.record.roles, identity: RoomRole.OWNER.value}
        self.record = msgspec.structs.replace(self.record, roles=roles)

    def sanction(self, kind: SanctionKind, number: int, *, everywhere: bool, rank: int) -> None:
        """Somebody of that rank has banned or muted `nobody`."""
        place = "" if everywhere else self.room.key
        one = Sanction(number, kind, place, nick_mask("nobody"), "somebody", "", 0, None, rank)
        self.server.state.sanctions.add(one)

    async def type(self, nick: str, text: str) -> Event:
        """The answer to *text*, typed in #dev."""
        return (await self.peers[nick].input(text, "dev"))[-1]

    async def settle(self, nick: str) -> None:
        """Wait until all has happened that the person asked for."""
        with suppress(EOFError, trio.BrokenResourceError):  # it has quit
            await self.peers[nick].sync()


async def gathered(server: ChatServer) -> Cast:
    cast = Cast(server)
    await cast.gather()
    return cast
