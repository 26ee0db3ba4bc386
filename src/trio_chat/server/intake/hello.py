"""Hello: a new session, or one that is taken up again; and a session that logs in or out.

In each case: who is it (`identify`), have its member be here (`hub.arrivals`), and show it what
there is (`introduce`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import TypeVar

import trio

from trio_chat.chat.accounts import Account
from trio_chat.chat.names import check_nick
from trio_chat.chat.rooms import Member
from trio_chat.errors import UnknownProtocol
from trio_chat.events import Done
from trio_chat.requests import Hello, Resume
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.arrivals import Arrivals
from trio_chat.server.hub.departures import Departures
from trio_chat.server.hub.logins import Login
from trio_chat.server.hub.seats import Seats, new_seat_id, put_seat
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.identify import Identities
from trio_chat.server.intake.introduce import Introductions
from trio_chat.server.intake.unread import Found, Unreads
from trio_chat.server.intake.writes import Writes
from trio_chat.server.settings import Settings
from trio_chat.store.api import Put, Write
from trio_chat.text import clean_line
from trio_chat.wire.native import PROTOCOL_VERSION

T = TypeVar("T")
_CLIENT_CHARACTERS = 64


class Hellos:
    def __init__(
        self,
        identities: Identities,
        arrivals: Arrivals,
        departures: Departures,
        seats: Seats,
        introductions: Introductions,
        unreads: Unreads,
        writes: Writes,
        flood: Flood,
        settings: Settings,
        now_ms: Callable[[], int],
    ) -> None:
        self._identities = identities
        self._arrivals = arrivals
        self._departures = departures
        self._seats = seats
        self._introductions = introductions
        self._unreads = unreads
        self._writes = writes
        self._flood = flood
        self._settings = settings
        self._now_ms = now_ms

    async def hello(self, session: Session, request: Hello) -> None:
        """Accept the peer, under a fresh session or the one that its token names.

        Raises:
            UnknownProtocol, BadRequest, LoginFailed, TooFast, NotPermitted, Banned,
            NameInvalid, NameTaken.
        """
        if request.protocol != PROTOCOL_VERSION:
            raise UnknownProtocol(f"this server speaks protocol {PROTOCOL_VERSION}")
        await self._flood.check_hello(session)
        peer = session.peer
        identify = self._identities.identify(request, peer, resumable=session.wire.resumable)
        seat, login = await self._patiently(session, request, identify)
        if seat is not None:
            if await self._took_up(session, request, seat):
                return
            log_in = self._identities.log_in(request, peer)
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
            hello_seconds = self._settings.config.timeouts.hello_seconds
            session.hello_by = trio.current_time() + hello_seconds

    # --- a fresh session

    async def _begin(self, session: Session, request: Hello, login: Login | None) -> None:
        arrivals, address = self._arrivals, session.peer
        nick = check_nick(request.nick, self._settings.config.limits) if login is None else ""
        account = login.account if login else None
        await arrivals.load(account)
        unread = await self._unreads.of_account(account)
        account = arrivals.still(account)
        arrivals.check_welcome(account, nick, address)
        id = new_seat_id()
        if account is not None:
            member = arrivals.arrive(account, address)
        else:
            member = arrivals.guest(nick, address, id)
        session.member, session.scopes = member, login.scopes if login else None
        token = self._take_seat(session, request, login, member, id)
        await self._settle_in(session, request, token, unread)

    def _take_seat(
        self, session: Session, request: Hello, login: Login | None, member: Member, id: str
    ) -> str:
        """A seat for the session, if its peer can come back. Return the seat's token."""
        if not session.wire.resumable:
            return ""
        seat, token = self._seats.new(member, id)
        if login is not None:
            seat.scopes, seat.token = login.scopes, login.token
        seat.client = clean_line(request.client)[:_CLIENT_CHARACTERS]
        seat.address, seat.since_ms = session.peer, self._now_ms()
        session.seat = seat
        self._departures.displace(seat)
        return token

    async def _settle_in(self, session: Session, request: Hello, token: str, unread: Found) -> None:
        session.hello_by = inf
        self._arrivals.attach(session)
        puts = self._introduce(session, token, unread, request.resume)
        await self._finish(session, request, puts)

    def _introduce(
        self, session: Session, token: str, unread: Found, resume: Resume | None = None
    ) -> tuple[Put, ...]:
        puts = self._introductions.introduce(session, token, unread, resume)
        self._arrivals.warn(session)
        return puts if session.seat is None else (*puts, put_seat(session.seat))

    async def _finish(self, session: Session, request: Hello, puts: tuple[Put, ...]) -> None:
        """Store what changed; `done` follows."""
        if puts:
            # No key: a repeated hello is another session.
            await self._writes.submit(session, Write(puts=puts))
        if request.id:
            await session.settle()
            session.send(Done(id=request.id))

    # --- a session that was there before

    async def _took_up(self, session: Session, request: Hello, seat: Seat) -> bool:
        """Resume *seat*, unless meanwhile somebody with the same token has quit."""
        resume = request.resume
        assert resume is not None
        account = self._identities.account_of(seat)
        await self._arrivals.load(account)
        unread = await self._unreads.of_seat(seat, account)
        if self._seats.find(resume.session) is not seat:
            return False
        account = self._identities.account_of(seat)
        self._arrivals.check_not_banned(account, seat.member.nick, session.peer)
        self._departures.hand_over(seat)
        self._arrivals.come_back(seat, account, request.nick, session.peer)
        session.seat, session.member, session.scopes = seat, seat.member, seat.scopes
        session.hello_by = inf
        self._arrivals.attach(session)
        self._introductions.reintroduce(session, resume, unread)
        self._arrivals.warn(session)
        await self._finish(session, request, (put_seat(seat),))
        return True

    # --- logging in and out

    async def switch(self, session: Session, account: Account | None) -> tuple[Put, ...]:
        """The session, which goes on, speaks for the account, or for a guest. Return what has to
        be stored.

        Raises:
            NotPermitted, Banned, Unavailable.
        """
        arrivals = self._arrivals
        await arrivals.load(account)
        unread = await self._unreads.of_account(account)
        account = arrivals.still(account)
        if account is not None:
            arrivals.check_not_banned(account, "", session.peer)
        else:
            arrivals.check_welcome(None, "", session.peer)
        arrivals.switch(session, account)
        return self._introduce(session, session.token, unread)
