"""Records stored beside the talk: those that merely follow a member, and those that must be
durable first."""

from __future__ import annotations

from collections.abc import Callable

import structlog
import trio

from trio_chat.chat.accounts import Accounts, profile_of
from trio_chat.chat.rooms import Member
from trio_chat.commands.records import put_profile
from trio_chat.errors import Unavailable
from trio_chat.server.hub.seats import Seats, put_seat
from trio_chat.store.api import Log, Put, Write

log = structlog.get_logger()


class Records:
    def __init__(
        self, store: Log, accounts: Accounts, seats: Seats, start_soon: Callable[..., object]
    ) -> None:
        """*start_soon* starts a task that ends before the store is closed."""
        self._store = store
        self._accounts = accounts
        self._seats = seats
        self._start_soon = start_soon

    def keep(self, *puts: Put) -> None:
        """Store *puts* without anybody waiting for it."""
        if not puts:
            return
        write = Write(puts=puts)
        try:
            self._store.submit_nowait(write)
        except trio.WouldBlock:
            self._start_soon(self._keep_later, write)
        except trio.ClosedResourceError:
            log.warning("too late to keep a session")

    async def _keep_later(self, write: Write) -> None:
        try:
            await self._store.submit(write)
        except trio.ClosedResourceError:
            log.warning("too late to keep a session")

    def keep_member(self, member: Member) -> None:
        self.keep(*self.member_puts(member))

    def member_puts(self, member: Member) -> tuple[Put, ...]:
        """The changes that keep the member as it is now: with its account, or with a guest's
        seat."""
        if member.account_id:
            if self._accounts.by_id(member.account_id) is None:
                return ()  # it was removed
            profile = profile_of(member)
            self._accounts.put_profile(member.account_id, profile)
            return (put_profile(member.account_id, profile),)
        seat = self._seats.of_guest(member)
        return (put_seat(seat),) if seat is not None else ()

    async def commit(self, write: Write) -> None:
        """Store *write*, which is shown in no room; return when it is durable.

        Raises:
            Unavailable: it is not, or perhaps not.
        """
        done = trio.Event()
        write.then = done.set
        try:
            await self._store.submit(write)
        except trio.ClosedResourceError:
            raise Unavailable("the server is shutting down") from None
        await done.wait()
        if write.error is not None:
            raise write.error

    def apply(self, write: Write) -> None:
        """Do what follows from *write*; see `Broadcaster`."""
        if write.then is not None:
            write.then()
