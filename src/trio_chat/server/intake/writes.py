"""The writes of sessions: in their order, a bounded number at a time, and answered as the first
time when an id comes again."""

from __future__ import annotations

import msgspec
import trio

from trio_chat.chat.directory import Directory
from trio_chat.errors import Unavailable
from trio_chat.events import Result
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import done
from trio_chat.server.settings import Settings
from trio_chat.store.api import Store, Write


class Writes:
    def __init__(self, store: Store, directory: Directory, settings: Settings) -> None:
        self._store = store
        self._directory = directory
        self._settings = settings

    def submit_nowait(self, session: Session, write: Write) -> bool:
        """Give *write* to the store if it has a place for it; the answer follows its commit."""
        write.origin = session
        try:
            self._store.submit_nowait(write)
        except (trio.WouldBlock, trio.ClosedResourceError):
            return False
        session.pending += 1
        return True

    async def submit(self, session: Session, write: Write) -> None:
        """Give *write* to the store; the answer follows its commit.

        Raises:
            Unavailable: the store is closing.
        """
        most = self._settings.config.limits.pipeline
        if session.pending >= most:
            await session.settle(most)
        write.origin = session
        session.pending += 1
        try:
            self._store.submit_nowait(write)
        except trio.WouldBlock:
            await self._submit_later(session, write)
        except trio.ClosedResourceError:
            session.written(1)
            raise self._shutting_down() from None

    async def _submit_later(self, session: Session, write: Write) -> None:
        try:
            await self._store.submit(write)
        except trio.ClosedResourceError:
            session.written(1)
            raise self._shutting_down() from None
        except trio.Cancelled:
            session.written(1)
            raise

    def _shutting_down(self) -> Unavailable:
        retry_seconds = self._settings.config.timeouts.retry_seconds
        return Unavailable("the server is shutting down", retry_after=retry_seconds)

    async def answered_before(self, session: Session, id: str | None) -> bool:
        """Answer an id that has happened as it was answered the first time."""
        await session.settle()
        if not id:
            return False
        first = await self._store.recall(session.scope, id)
        if first is None:
            first = await self._recall_former(session, id)
        if first is None:
            return False
        if first.answer:
            session.send(msgspec.json.decode(first.answer, type=Result))
        session.send(done(first, session, self._directory))
        return True

    async def _recall_former(self, session: Session, id: str) -> Write | None:
        """Return what this session said under the id before it logged in or out, if it did."""
        seat = session.seat
        if seat is None or not seat.former:
            return None
        first = await self._store.recall(seat.former, id)
        return first if first is not None and first.at_ms <= seat.switched_ms else None
