"""Accepting streams: each is given a connection; when the server is full it is refused politely."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from trio_chat.server.delivery.sessions import Sessions
from trio_chat.server.intake.connection import Connection, Shared
from trio_chat.server.net.addresses import counted_address, source_of
from trio_chat.server.net.encryption import Terms
from trio_chat.server.net.fence import attempt, fence
from trio_chat.server.net.links import Link
from trio_chat.server.net.listeners import TlsListener, accept
from trio_chat.server.settings import Settings

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness  # where there is epoll

log = structlog.get_logger()

_FULL_RETRY_SECONDS = 30.0
_ACCEPT_RETRY_SECONDS = 0.1  # keeps the loop from spinning meanwhile


class Admission:
    def __init__(
        self,
        shared: Shared,
        sessions: Sessions,
        settings: Settings,
        readiness: Readiness | None = None,
    ) -> None:
        self._shared = shared
        self._sessions = sessions
        self._settings = settings
        self._readiness = readiness

    async def accept(self, listener: trio.abc.Listener[trio.abc.Stream]) -> None:
        """Accept until cancelled. Like `trio.serve_listeners`, but a connection takes its stream
        over, so that nothing of trio's own stream is kept for each: a kilobyte and a half of some
        seven."""
        terms = listener.terms if isinstance(listener, TlsListener) else None
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as exc:  # most often there are no more files: somebody closes one
                    log.error("no connection can be accepted", reason=exc.strerror)
                    await trio.sleep(_ACCEPT_RETRY_SECONDS)
                else:
                    await self._begin(stream, terms)

    async def _begin(self, stream: trio.abc.Stream, terms: Terms | None) -> None:
        """Start a connection. A bug in making one is the end of the stream alone."""
        link = attempt(self._take_over, stream, terms)
        connection = None if link is None else attempt(self.admit, link)
        if connection is not None:
            self._shared.start_soon(connection.run)
        else:
            await fence(
                partial(_discard, stream if link is None else link), "a stream without a connection"
            )

    def _take_over(self, stream: trio.abc.Stream, terms: Terms | None) -> Link:
        return accept(stream, self._settings.config, self._readiness, terms)

    def admit(self, link: Link) -> Connection:
        """The connection of a link, for `Connection.run`. When the server is full it says so and
        ends."""
        connection = Connection(self._shared, link)
        full = self._full(link.peer)
        self._sessions.add(connection.session)
        if full:
            connection.session.close(full, retry_after=_FULL_RETRY_SECONDS)
        return connection

    def _full(self, peer: str) -> str:
        """Return why no further connection from this address is served now, or ""."""
        limits = self._settings.config.limits
        if len(self._sessions) >= limits.connections:
            return f"the server serves at most {limits.connections} connections"
        count = self._sessions.count_from(peer)
        address = counted_address(peer, source_of(peer), limits)
        if count >= limits.connections_per_address and address:
            return f"at most {limits.connections_per_address} connections come from one address"
        return ""


async def _discard(resource: Link | trio.abc.Stream) -> None:
    """Close at once, without a word."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await resource.aclose()
