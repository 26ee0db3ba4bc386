"""What a handler asks of its session: to check a password, to show a part of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from trio_chat.chat.accounts import Account
from trio_chat.commands.context import SessionRow
from trio_chat.errors import TooFast, Unavailable
from trio_chat.events import Notice, Result
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.logins import Logins
from trio_chat.server.hub.seats import Seats
from trio_chat.server.net.addresses import counted_address
from trio_chat.server.settings import Settings
from trio_chat.store.api import Hits, Store

_SEARCH_RETRY_SECONDS = 1.0


class SessionPasswords:
    """Satisfies `commands.context.Passwords` for a session."""

    def __init__(self, logins: Logins, session: Session, settings: Settings) -> None:
        self._logins = logins
        self._session = session
        self._settings = settings

    async def check(self, name: str, password: str) -> Account:
        return (await self._logins.by_password(name, password, self._session.peer)).account

    async def hash(self, password: str) -> str:
        return await self._logins.hash(password)

    def guess(self) -> None:
        self._logins.guess(self._session.speaker().account_id, self._session.peer)

    def register(self) -> None:
        session, limits = self._session, self._settings.config.limits
        self._logins.register(counted_address(session.peer, session.source, limits))


class SessionHistory:
    """Satisfies `commands.context.History` for a member: it searches one thing at a time."""

    def __init__(self, store: Store, identity: str, searching: set[str]) -> None:
        """*searching*: the identities of the members whose search is under way."""
        self._store = store
        self._identity = identity
        self._searching = searching
        self.head, self.page, self.said_by = store.head, store.page, store.said_by

    async def search(self, query: str, **conditions: Any) -> Hits:
        """Like `store.api.Search.search`.

        Raises:
            TooFast: another search of the member is under way.
        """
        if self._identity in self._searching:
            text = "one search at a time: your other session is searching just now"
            raise TooFast(text, retry_after=_SEARCH_RETRY_SECONDS)
        self._searching.add(self._identity)
        try:
            return await self._store.search(query, **conditions)
        finally:
            self._searching.discard(self._identity)


class SessionAsker:
    """Satisfies `commands.context.Asker` for one command of a session."""

    def __init__(
        self, devices: Devices, seats: Seats, session: Session, id: str | None, command: str
    ) -> None:
        self._devices = devices
        self._seats = seats
        self._session = session
        self._id = id
        self._command = command

    def sessions(self) -> Sequence[SessionRow]:
        session = self._session
        member = session.member
        if member is None:
            raise Unavailable("this session goes on elsewhere")
        plain = [
            SessionRow(
                id=link_id(one),
                client="a plain peer",
                address=one.peer,
                since_ms=member.since_ms,
                linked=True,
                own=one is session,
            )
            for one in self._devices.of(member)
            if one.seat is None
        ]
        return plain + [
            SessionRow(
                id=seat.id,
                client=seat.client,
                address=seat.address,
                since_ms=seat.since_ms,
                linked=self._devices.session_in(seat) is not None,
                own=seat is session.seat,
            )
            for seat in self._seats.of_account(member.account_id)
        ]

    def notice(self, text: str) -> None:
        # Who waits for a command is not read from, and so not silent.
        self._session.heard_at = trio.current_time()
        self._session.send(Notice(text=text))

    async def show(self, data: Any, text: str) -> None:
        session = self._session
        session.send(Result(id=self._id, command=self._command, data=data, text=text))
        await session.outbox.drained()


def link_id(session: Session) -> str:
    """What a session without a seat is called in `/sessions`."""
    return f"link-{session.number}"
