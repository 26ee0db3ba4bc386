"""Reading the log for one session: because it lagged, or because it resumes.

A session is a cursor into each of its rooms' logs. Here the cursors run until they have reached
what everyone has been shown; at that moment, with no await between, the session is live again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import structlog
import trio

from trio_chat.chat.rooms import Room
from trio_chat.chat.talks import LogLine, Talk
from trio_chat.errors import Unavailable
from trio_chat.events import Backlog, Event, Gap
from trio_chat.server.delivery.broadcast import visible
from trio_chat.store.api import Entry

if TYPE_CHECKING:
    from trio_chat.server.delivery.session import Session

log = structlog.get_logger()

_PAGE_EVENTS = 200  # x at most 4 KiB: what one turn may add to an outbox
_RETRY_SECONDS = 1.0  # the store cannot be read now


class CatchUp:
    """Attributes:
    cursors: by log key, the seq up to which the session has everything.
    resuming: the rooms whose events come as `backlog`; True while one still needs its `members`
        before that. A session that only lagged gets events as if they happened now.
    """

    def __init__(self, session: Session, cursors: dict[str, int]) -> None:
        self._session = session
        self.cursors = cursors
        self.resuming: dict[str, bool] = {}

    async def read(self) -> bytes:
        """Return what comes next, b"" when the session is live again."""
        while talks := self._unfinished():
            for talk in talks:
                if not talk.sending:
                    return await self._next(talk)
            # All are being shown to the others just now; who went live would get it twice.
            await trio.lowlevel.checkpoint()
        self._go_live()
        return b""

    def _unfinished(self) -> list[Talk]:
        found: list[Talk] = []
        for key, cursor in tuple(self.cursors.items()):
            talk = self._session.service.talk_of(self._session, key)
            if talk is None:  # left meanwhile
                del self.cursors[key]
                self.resuming.pop(key, None)
            elif cursor != talk.shown or talk.sending or key in self.resuming:
                found.append(talk)
        return found

    def _go_live(self) -> None:
        session = self._session
        session.catch_up = None
        session.outbox.caught_up()
        session.service.conversations.end_lonely(session)
        if session.presence_missed:
            session.presence_missed = False
            for room in tuple(session.member.rooms.values() if session.member else ()):
                session.send(session.service.roster(room))

    async def _next(self, talk: Talk) -> bytes:
        cursor, shown = self.cursors[talk.key], talk.shown
        entries = await self._page(talk.key, cursor, shown)
        last = entries[-1].seq if entries else shown
        # A member that left meanwhile has no cursor any more.
        if talk.key in self.cursors:
            self.cursors[talk.key] = last
        return self._show(talk, cursor, entries, more=last < talk.shown)

    async def _page(self, key: str, after: int, shown: int) -> list[Entry]:
        if after >= shown:
            return []
        while True:
            try:
                return await self._session.service.store.page(
                    key, after=after, before=shown + 1, limit=_PAGE_EVENTS
                )
            except Unavailable:
                log.warning("the log cannot be read for a session", session=self._session.number)
                await trio.sleep(_RETRY_SECONDS)

    def _show(self, talk: Talk, cursor: int, entries: Sequence[Entry], *, more: bool) -> bytes:
        session = self._session
        label = session.service.label(talk.key, session)
        last = entries[-1].seq if entries else talk.shown
        shown = _gaps(label, cursor, entries, last)
        if talk.key in self.resuming:
            if self.resuming[talk.key] and isinstance(talk, Room):
                shown.append(session.service.roster(talk))
            shown.extend(hidden(session, label, entries))
            shown.append(backlog_for(session, label, entries, more=more))
            if more:
                self.resuming[talk.key] = False
            else:
                del self.resuming[talk.key]
        else:
            shown.extend(visible(session, label, entry) for entry in entries)
        return b"".join(map(session.wire.encode, shown))


def _gaps(label: str, cursor: int, entries: Sequence[Entry], last: int) -> list[Event]:
    """What the log no longer has, or never had: a cursor of another time."""
    if cursor > last:
        return [Gap(room=label, first=last + 1, last=cursor)]
    first = entries[0].seq if entries else last + 1
    if cursor + 1 < first:
        return [Gap(room=label, first=cursor + 1, last=first - 1)]
    return []


def backlog_for(session: Session, label: str, lines: Iterable[LogLine], *, more: bool) -> Backlog:
    """The lines of a log that the session's member wants to see."""
    events = (visible(session, label, line) for line in lines)
    shown = tuple(event for event in events if not isinstance(event, Gap))
    return Backlog(room=label, events=shown, more=more)


def hidden(session: Session, label: str, lines: Iterable[LogLine]) -> list[Gap]:
    """The gaps that stand for what the session's member does not want to see."""
    if not session.picky:
        return []
    events = (visible(session, label, line) for line in lines)
    return [event for event in events if isinstance(event, Gap)]
