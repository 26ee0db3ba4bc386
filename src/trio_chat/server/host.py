"""What slash commands ask of the session they run for: satisfies `commands.table.Host`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from trio_chat.chat.accounts import Account
from trio_chat.chat.names import check_room
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.chat.rules import check_enter
from trio_chat.commands.table import SessionRow
from trio_chat.errors import NotPermitted, Unavailable
from trio_chat.events import Notice, Result
from trio_chat.server.net.links import throttled_address
from trio_chat.store.api import Put

if TYPE_CHECKING:
    from trio_chat.server.delivery.session import Session
    from trio_chat.server.service import Service


class SessionHost:
    """Lives for one command.

    Attributes:
        quitting: the reason, once the command asked to end the session.
    """

    def __init__(self, service: Service, session: Session, id: str | None, command: str) -> None:
        self._service = service
        self._session = session
        self._id = id
        self._command = command
        self._puts: list[Put] = []
        self._changed = False
        self.quitting: str | None = None

    def puts(self) -> tuple[Put, ...]:
        """What has to be stored after the command."""
        member = self._session.member
        if self._changed and member is not None:
            return (*self._puts, *self._service.member_puts(member))
        return tuple(self._puts)

    async def join(self, name: str, key: str = "") -> None:
        service = self._service
        known = service.state.directory.named(name)
        if known is None:
            self._check_new_room(name)
        await service.load(name)
        room = service.state.directory.open_room(name)
        member = self.member
        if room.key not in member.rooms:
            check_enter(room, member, key, service.state.sanctions, service.now_ms())
        self._puts += service.enter(self._session, name)
        self._changed = True

    def _check_new_room(self, name: str) -> None:
        check_room(name, self._service.config.limits)
        if self._session.scopes is not None and "write" not in self._session.scopes:
            raise NotPermitted("this token may not make rooms")

    def leave(self, room: Room, reason: str) -> None:
        self._puts += self._service.leave(self.member, room, reason)
        self._changed = True

    def rename(self, nick: str) -> None:
        self._service.rename(self.member, nick)
        self._changed = True

    def direct(self, nick: str) -> Direct:
        return self._service.conversations.open(self.member, nick)

    def remember(self) -> None:
        self._changed = True
        self._service.resubscribe(self.member)

    def quit(self, reason: str) -> None:
        self.quitting = reason

    # --- accounts

    async def check_password(self, name: str, password: str) -> Account:
        session = self._session
        logins = self._service.logins
        return (await logins.by_password(name, password, throttled_address(session.peer))).account

    async def hash(self, password: str) -> str:
        return await self._service.logins.hash(password)

    def guess(self) -> None:
        self._service.logins.guess()

    def check_still(self, member: Member) -> None:
        if self.member is not member:
            raise Unavailable("this session goes on otherwise")

    async def become(self, account: Account | None) -> None:
        self._puts += await self._service.requests.hellos.switch(self._session, account)

    def notice(self, text: str) -> None:
        # Who waits for a command is not read from, and so not silent.
        self._session.heard_at = trio.current_time()
        self._session.send(Notice(text=text))

    def sessions(self) -> list[SessionRow]:
        member, service = self.member, self._service
        own = self._session.seat
        plain = [
            SessionRow(
                id=f"link-{session.number}",
                client="a plain peer",
                address=session.peer,
                since_ms=member.since_ms,
                linked=True,
                own=session is self._session,
            )
            for session in service.linked(member)
            if session.seat is None
        ]
        return plain + [
            SessionRow(
                id=seat.id,
                client=seat.client,
                address=seat.address,
                since_ms=seat.since_ms,
                linked=service.session_in(seat) is not None,
                own=seat is own,
            )
            for seat in service.seats.of_account(member.account_id)
        ]

    def end_session(self, id: str) -> bool:
        service = self._service
        for session in service.linked(self.member):
            if session.seat is None and id == f"link-{session.number}":
                service.attendance.end_link(session)
                return True
        for seat in service.seats.of_account(self.member.account_id):
            if seat.id == id:
                service.attendance.end_device(seat)
                return True
        return False

    def end_others(self) -> None:
        session, service = self._session, self._service
        for seat in service.seats.of_account(self.member.account_id):
            if seat is not session.seat:
                service.attendance.end_device(seat)
        for other in tuple(service.linked(self.member)):
            if other is not session:
                service.attendance.end_link(other)

    def end_token(self, id: str) -> None:
        service = self._service
        for seat in service.seats.of_account(self.member.account_id):
            if seat.token == id:
                service.attendance.end_device(seat)

    async def show(self, data: Any, text: str) -> None:
        session = self._session
        session.send(Result(id=self._id, command=self._command, data=data, text=text))
        await session.outbox.drained()

    @property
    def member(self) -> Member:
        """Raises Unavailable: while this waited, the session was resumed on another link."""
        member = self._session.member
        if member is None:
            raise Unavailable("this session goes on elsewhere")
        return member
