"""What slash commands ask of the server as a whole: satisfies `commands.table.Server`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.chat.accounts import Account, Accounts
from trio_chat.chat.rooms import Member, Room, RoomRecord
from trio_chat.chat.sanctions import Defcon, Sanctions
from trio_chat.events import Announced, Notice

if TYPE_CHECKING:
    from trio_chat.server.intake.introduce import Introductions
    from trio_chat.server.operations import Operations
    from trio_chat.server.service import Service


class ServerActions:
    """See `commands.table.Server`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def _introductions(self) -> Introductions:
        return self._service.requests.hellos.introductions

    @property
    def accounts(self) -> Accounts:
        return self._service.state.accounts

    @property
    def sanctions(self) -> Sanctions:
        return self._service.state.sanctions

    @property
    def operations(self) -> Operations:
        return self._service.operations

    @property
    def defcon(self) -> Defcon:
        return self._service.state.defcon

    @defcon.setter
    def defcon(self, level: Defcon) -> None:
        self._service.state.defcon = level

    @property
    def motd(self) -> str:
        return self._service.state.motd

    @motd.setter
    def motd(self, text: str) -> None:
        self._service.state.motd = text

    @property
    def owner_code(self) -> str:
        return self._service.state.owner_code

    @owner_code.setter
    def owner_code(self, code: str) -> None:
        self._service.state.owner_code = code

    def present(self, account: Account) -> Member | None:
        return self._service.attendance.of_account(account.id)

    def tell(self, member: Member, text: str) -> None:
        for own in self._service.linked(member):
            own.send(Notice(text=text))

    def announce(self, text: str) -> None:
        listening = [session for session in self._service.sessions if session.member]
        self._service.audience.tell_sessions(listening, [Announced(text=text)])

    def refresh(self, member: Member) -> None:
        for own in self._service.linked(member):
            own.send(self._introductions.welcome(own, own.token, resumed=False))

    def show_settings(self, member: Member) -> None:
        for own in self._service.linked(member):
            own.send(self._introductions.settings(own))

    def expel(self, room: Room, member: Member) -> None:
        here = room.members.get(member.identity)
        if here is None:
            return  # it left meanwhile
        left = room.remove(here, "kicked")
        for own in self._service.linked(here):
            if own.cursors is not None:  # it will not read the kick any more
                own.send(left)
            self._service.unhear(own, room)
        self._service.keep(*self._service.forget_floor(here, room))
        self._service.keep_member(here)

    def dismiss(self, member: Member, reason: str, retry_after: float | None = None) -> None:
        self._service.attendance.dismiss(member, reason, retry_after)

    def close_room(self, room: Room, record: RoomRecord) -> None:
        for member in tuple(room.members.values()):
            self._service.keep(*self._service.leave(member, room, "archived"))
            self._service.keep_member(member)
        self._service.state.directory.take_up(room, record)
