"""All sessions of this server, those included that have not said hello."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from trio_chat.events import Announced
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.session import Session
from trio_chat.server.net.addresses import source_of


class SessionStatistics(NamedTuple):
    """The figures of all sessions now.

    Attributes:
        sessions: as many as there are links.
        by_flavour: how many speak each wire; "": they have not said hello.
        lagging: how many read from the log what their links did not take.
        queued_bytes: what waits for the links.
    """

    sessions: int
    by_flavour: dict[str, int]
    lagging: int
    queued_bytes: int


class Sessions:
    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._sessions: dict[Session, None] = {}
        self._by_source: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions)

    def __len__(self) -> int:
        return len(self._sessions)

    def statistics(self) -> SessionStatistics:
        """Looks at every session."""
        flavours = Counter(one.flavour if one.member else "" for one in self._sessions)
        return SessionStatistics(
            sessions=len(self._sessions),
            by_flavour=dict(flavours),
            lagging=sum(one.outbox.lagging for one in self._sessions),
            queued_bytes=sum(one.outbox.queued_bytes for one in self._sessions),
        )

    def add(self, session: Session) -> None:
        self._sessions[session] = None
        self._by_source[session.source] += 1

    def discard(self, session: Session) -> None:
        del self._sessions[session]
        source = session.source
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]

    def count_from(self, peer: str) -> int:
        """Return how many sessions come from the address *peer*, or from its household."""
        return self._by_source[source_of(peer)]

    def announce(self, text: str) -> None:
        """Show everybody a notice of the server."""
        listening = [session for session in self._sessions if session.member]
        self._audience.tell_sessions(listening, [Announced(text=text)])

    def close(self, reason: str, *, retry_after: float) -> None:
        """Say `bye` to everybody."""
        for session in tuple(self._sessions):
            session.close(reason, retry_after=retry_after)
