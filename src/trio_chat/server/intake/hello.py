"""Hello: a new session, or one that is taken up again; and a session that logs in or out.

In each case: who is it, have its member be there, and show it what there is.
"""

from __future__ import annotations

from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING, TypeVar

import trio

from trio_chat.chat.accounts import Account
from trio_chat.chat.names import check_nick
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member
from trio_chat.chat.rules import EVERYWHERE, check_nick_free, holding, left, refusal
from trio_chat.chat.sanctions import Defcon
from trio_chat.errors import (
    BadRequest,
    Banned,
    ChatError,
    LoginFailed,
    NotPermitted,
    Unavailable,
)
from trio_chat.events import Done
from trio_chat.requests import Hello
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.logins import Login
from trio_chat.server.hub.seats import guest_identity, new_seat_id, put_seat
from trio_chat.server.intake.identify import Identities
from trio_chat.server.intake.introduce import Introductions
from trio_chat.server.intake.writes import Writes
from trio_chat.server.net.links import throttled_address
from trio_chat.store.api import Put, Write
from trio_chat.text import clean_line
from trio_chat.wire.native import PROTOCOL_VERSION

if TYPE_CHECKING:
    from trio_chat.server.service import Service

T = TypeVar("T")
_CLIENT_CHARACTERS = 64


class Hellos:
    """Attributes:
    introductions: say what a session is told of itself.
    """

    def __init__(self, service: Service, writes: Writes) -> None:
        self._service = service
        self._writes = writes
        self._identities = Identities(service.state.accounts, service.seats, service.logins)
        self.introductions = Introductions(service)

    async def hello(self, session: Session, request: Hello) -> None:
        """Accept the peer, under a fresh session or the one that its token names.

        Raises:
            BadRequest, LoginFailed, TooFast, NotPermitted, Banned, NameInvalid, NameTaken.
        """
        if request.protocol != PROTOCOL_VERSION:
            raise BadRequest(f"this server speaks protocol {PROTOCOL_VERSION}")
        address = throttled_address(session.peer)
        identify = self._identities.identify(request, address, resumable=session.wire.resumable)
        seat, login = await self._patiently(session, request, identify)
        if seat is not None:
            if await self._took_up(session, request, seat):
                return
            log_in = self._identities.log_in(request, address)
            login = login or await self._patiently(session, request, log_in)
        await self._begin(session, request, login)

    async def _patiently(self, session: Session, request: Hello, work: Awaitable[T]) -> T:
        """In a storm of logins by password the wait is not the peer's doing."""
        if request.password is None:
            return await work
        session.hello_by = inf
        try:
            return await work
        finally:
            hello_seconds = self._service.config.timeouts.hello_seconds
            session.hello_by = trio.current_time() + hello_seconds

    async def _load(self, account: Account | None) -> None:
        """Have the last lines of the rooms there that everybody, or the account, comes to."""
        service = self._service
        for name in service.config.rooms.auto_join:
            await service.make_room(None, name)
        profile = service.state.profile(account.id) if account else None
        for key in profile.rooms if profile else ():
            room = service.state.directory.rooms.get(key)
            if room is not None:
                await service.load_room(room)

    async def _finish(self, session: Session, request: Hello, puts: tuple[Put, ...]) -> None:
        """Store what changed; `done` follows."""
        if puts:
            # No key: a repeated hello is another session.
            await self._writes.submit(session, Write(puts=puts))
        if request.id:
            await session.settle()
            session.send(Done(id=request.id))

    # --- a fresh session

    async def _begin(self, session: Session, request: Hello, login: Login | None) -> None:
        service = self._service
        nick = check_nick(request.nick, service.config.limits) if login is None else ""
        account = login.account if login else None
        await self._load(account)
        account = self._still(account)
        self._check_welcome(session, nick, account)
        id = new_seat_id()
        if account is not None:
            member = service.attendance.arrive(account, session.peer)
        else:
            member = self._guest(session, id, nick)
        token = self._seat(session, request, login, member, id)
        session.hello_by = inf
        service.link(session)
        puts = self.introductions.introduce(session, token)
        if session.seat is not None:
            puts = (*puts, put_seat(session.seat))
        await self._finish(session, request, puts)

    def _seat(
        self, session: Session, request: Hello, login: Login | None, member: Member, id: str
    ) -> str:
        """Have *member* speak here, with a seat if the peer can come back. Return its token."""
        session.member, session.scopes = member, login.scopes if login else None
        if not session.wire.resumable:
            return ""
        seat, token = self._service.seats.new(member, id)
        if login is not None:
            seat.scopes, seat.token = login.scopes, login.token
        seat.client = clean_line(request.client)[:_CLIENT_CHARACTERS]
        seat.address, seat.since_ms = session.peer, self._service.now_ms()
        session.seat = seat
        self._service.attendance.make_room(seat)
        return token

    def _still(self, account: Account | None) -> Account | None:
        """The account as it is now, after a wait. Raises LoginFailed: it was removed."""
        if account is None:
            return None
        account = self._service.state.accounts.by_id(account.id)
        if account is None:
            raise LoginFailed("the account was removed")
        return account

    def _guest(self, session: Session, id: str, nick: str) -> Member:
        """Raises NameTaken."""
        member = Member(guest_identity(id), nick, since_ms=self._service.now_ms())
        member.address = session.peer
        self._service.state.directory.enter(member, now=trio.current_time())
        return member

    def _check_welcome(self, session: Session, nick: str, account: Account | None) -> None:
        """Raises Banned, NotPermitted: the server takes nobody like this now."""
        service = self._service
        self._check_not_banned(session, nick, account)
        role = Role(account.role) if account else Role.GUEST
        if role >= Role.MODERATOR:
            return
        if account is None and not service.config.accounts.guests:
            raise NotPermitted("this server is for those with an account: log in")
        if account is None and service.state.defcon >= Defcon.ACCOUNTS_ONLY:
            raise NotPermitted("for now only those with an account come in: log in")
        is_here = account is not None and service.attendance.of_account(account.id) is not None
        if service.state.defcon >= Defcon.NOBODY_NEW and not is_here:
            raise NotPermitted("for now the server takes nobody new")

    def _check_not_banned(self, session: Session, nick: str, account: Account | None) -> None:
        """Raises Banned."""
        service = self._service
        if account is not None:  # what it was called last, it will be called again
            nick = service.state.profile(account.id).nick or account.name
        somebody = Member("", nick)
        somebody.address = session.peer
        if account is not None:
            somebody.account_id, somebody.role = account.id, Role(account.role)
        now_ms = service.now_ms()
        ban = holding(service.state.sanctions, "ban", None, somebody, now_ms)
        if ban is not None:
            assert ban.room == EVERYWHERE
            text = refusal("you are banned from this server", ban)
            raise Banned(text, retry_after=left(ban, now_ms))

    # --- a session that was there before

    async def _took_up(self, session: Session, request: Hello, seat: Seat) -> bool:
        """Resume *seat*, unless meanwhile somebody with the same token has quit."""
        resume = request.resume
        assert resume is not None
        await self._load(self._identities.account_of(seat))
        if self._service.seats.find(resume.session) is not seat:
            return False
        self._take_over(session, request, seat)
        self.introductions.reintroduce(session, resume)
        await self._finish(session, request, (put_seat(seat),))
        return True

    def _take_over(self, session: Session, request: Hello, seat: Seat) -> None:
        """The session goes on in place of the one that left *seat*.

        Raises:
            Banned, NameTaken, NameInvalid.
        """
        service = self._service
        account = self._identities.account_of(seat)
        self._check_not_banned(session, seat.member.nick, account)
        old = service.session_in(seat)
        if old is not None:
            service.unlink(old)
            old.close("this session was resumed elsewhere")
        if account is not None:
            seat.member = service.attendance.arrive(account, session.peer)
        elif not seat.present:
            self._return(seat, request.nick)
        seat.dropped_ms = None
        seat.address = session.peer
        self._sit(session, seat)
        session.hello_by = inf
        service.link(session)

    def _sit(self, session: Session, seat: Seat) -> None:
        session.seat = seat
        session.member, session.scopes = seat.member, seat.scopes

    def _return(self, seat: Seat, nick: str) -> None:
        """The grace was over: the guest comes back into its rooms, with its old nick or, if
        somebody took that meanwhile, with *nick*.

        Raises:
            NameTaken, NameInvalid.
        """
        service, member = self._service, seat.member
        service.conversations.load(seat)
        old_nick = member.nick
        try:
            if service.state.directory.is_taken(old_nick):
                nick = check_nick(nick, service.config.limits)
                check_nick_free(member, nick, service.state.sanctions, service.now_ms())
                member.call(nick)
            service.state.directory.enter(member, now=trio.current_time())
        except ChatError:
            member.call(old_nick)
            for direct in tuple(member.directs.values()):
                direct.unlink(member)
            raise
        seat.present = True
        member.since_ms = member.called_ms = service.now_ms()
        service.attendance.reenter(member, seat.rooms)

    # --- logging in and out

    async def switch(self, session: Session, account: Account | None) -> tuple[Put, ...]:
        """The session, which goes on, speaks for the account, or for a guest. Return what has to
        be stored.

        Raises:
            NotPermitted, Banned, Unavailable.
        """
        service = self._service
        await self._load(account)
        account = self._still(account)
        if account is not None:
            self._check_not_banned(session, "", account)
        else:
            self._check_welcome(session, "", None)
        old, seat = session.member, session.seat
        if old is None:
            raise Unavailable("this session goes on elsewhere")
        rooms = tuple(old.rooms)
        service.attendance.swap(session, "logged in" if account else "logged out")
        if account is not None:
            member = service.attendance.arrive(account, session.peer)
        else:
            id = seat.id if seat else new_seat_id()
            member = self._guest(session, id, service.attendance.free_nick())
        if seat is not None:
            service.seats.move(seat, member, now_ms=service.now_ms())
            self._sit(session, seat)
        else:
            session.member = member
        if account is not None:
            new_rooms = tuple(key for key in rooms if key not in member.rooms)
            service.attendance.reenter(member, new_rooms)
        service.link(session)
        puts = self.introductions.introduce(session, session.token)
        return (*puts, put_seat(seat)) if seat is not None else puts
