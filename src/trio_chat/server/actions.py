"""What slash commands ask of the server as a whole: satisfies `commands.table.Server`."""

from __future__ import annotations

from trio_chat.chat.accounts import Account, Accounts
from trio_chat.chat.rooms import Member, Room, RoomRecord
from trio_chat.chat.sanctions import Defcon, Sanctions
from trio_chat.commands.operations import Operations
from trio_chat.events import Notice
from trio_chat.server.delivery.sessions import Sessions
from trio_chat.server.hub.hub import Hub
from trio_chat.server.intake.introduce import Introductions


class ServerActions:
    """See `commands.table.Server`."""

    def __init__(
        self,
        hub: Hub,
        introductions: Introductions,
        sessions: Sessions,
        operations: Operations,
    ) -> None:
        self._hub = hub
        self._introductions = introductions
        self._sessions = sessions
        self.operations = operations

    @property
    def accounts(self) -> Accounts:
        return self._hub.state.accounts

    @property
    def sanctions(self) -> Sanctions:
        return self._hub.state.sanctions

    @property
    def defcon(self) -> Defcon:
        return self._hub.state.defcon

    @defcon.setter
    def defcon(self, level: Defcon) -> None:
        self._hub.state.defcon = level

    @property
    def motd(self) -> str:
        return self._hub.state.motd

    @motd.setter
    def motd(self, text: str) -> None:
        self._hub.state.motd = text

    @property
    def owner_code(self) -> str:
        return self._hub.state.owner_code

    @owner_code.setter
    def owner_code(self, code: str) -> None:
        self._hub.state.owner_code = code

    def present(self, account: Account) -> Member | None:
        return self._hub.state.directory.of_account(account.id)

    def tell(self, member: Member, text: str) -> None:
        for own in self._hub.devices.of(member):
            own.send(Notice(text=text))

    def announce(self, text: str) -> None:
        self._sessions.announce(text)

    def refresh(self, member: Member) -> None:
        for own in self._hub.devices.of(member):
            own.send(self._introductions.welcome(own, own.token, resumed=False))

    def show_settings(self, member: Member) -> None:
        for own in self._hub.devices.of(member):
            own.send(self._introductions.wishes(own))

    def expel(self, room: Room, member: Member) -> None:
        self._hub.membership.expel(room, member)

    def dismiss(self, member: Member, reason: str, retry_after: float | None = None) -> None:
        self._hub.departures.dismiss(member, reason, retry_after)

    def close_room(self, room: Room, record: RoomRecord) -> None:
        self._hub.membership.close_room(room, record)
