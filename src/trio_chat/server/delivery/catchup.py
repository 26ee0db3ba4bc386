"""The writer task of a session that reads the log: because it lagged, or because it resumes.

A session is a cursor into each of its rooms' logs. Here the cursors run until they have reached
what everyone has been shown; at that moment, with no await between, the session is live again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.rooms import Room
from trio_chat.chat.talks import Talk
from trio_chat.errors import Unavailable
from trio_chat.events import Event, Gap
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import View
from trio_chat.server.settings import Settings
from trio_chat.store.api import Entry, Log

log = structlog.get_logger()

_PAGE_EVENTS = 200  # x at most 4 KiB: what one turn may add to an outbox
_RETRY_SECONDS = 1.0  # the store cannot be read now


@dataclass(frozen=True, slots=True)
class Source:
    """What a session that is behind reads, and what is needed to show it."""

    store: Log
    accounts: Accounts
    settings: Settings


async def serve(session: Session, source: Source, went_live: Callable[[Session], object]) -> None:
    """Send what waits for the session and, while it is behind, what the log has for it, until
    nothing is left. *went_live* is called when it has caught up.

    Raises:
        trio.TooSlowError: the peer took nothing for `timeouts.stall_seconds`.
        OSError, trio.BrokenResourceError, trio.ClosedResourceError: the link is gone.
    """
    read = partial(_read, session, source, went_live)
    await session.outbox.write(read, source.settings.config.timeouts.stall_seconds)


async def _read(session: Session, source: Source, went_live: Callable[[Session], object]) -> bytes:
    """Return what comes next, b"" when the session is live again."""
    while talks := _unfinished(session):
        for talk in talks:
            if not talk.sending:
                return await _next(session, talk, source)
        # All are being shown to the others just now; who went live would get it twice.
        await trio.lowlevel.checkpoint()
    session.catch_up()
    went_live(session)
    if session.presence_missed:
        session.presence_missed = False
        for room in tuple(session.member.rooms.values() if session.member else ()):
            session.send(room.roster(source.settings.config.rooms.presence_members))
    return b""


def _unfinished(session: Session) -> list[Talk]:
    found: list[Talk] = []
    cursors, resuming = session.cursors or {}, session.resuming or {}
    for key, cursor in tuple(cursors.items()):
        talk = session.talk(key)
        if talk is None:  # left meanwhile
            del cursors[key]
            resuming.pop(key, None)
        elif cursor != talk.shown or talk.sending or key in resuming:
            found.append(talk)
    return found


async def _next(session: Session, talk: Talk, source: Source) -> bytes:
    cursors = session.cursors
    assert cursors is not None
    cursor, shown = cursors[talk.key], talk.shown
    entries = await _page(session, source.store, talk.key, cursor, shown)
    last = entries[-1].seq if entries else shown
    # A member that left meanwhile has no cursor any more.
    if talk.key in cursors:
        cursors[talk.key] = last
    view = View(session, talk, source.accounts)
    more = last < talk.shown
    events = _gaps(view.label, cursor, entries, last if entries else talk.shown)
    if session.resuming and talk.key in session.resuming:
        events += _resumed(session, talk, view, entries, source, more=more)
    else:
        events += map(view.event, entries)
    return b"".join(map(session.wire.show, events))


async def _page(session: Session, store: Log, key: str, after: int, shown: int) -> list[Entry]:
    if after >= shown:
        return []
    while True:
        try:
            return await store.page(key, after=after, before=shown + 1, limit=_PAGE_EVENTS)
        except Unavailable:
            log.warning("the log cannot be read for a session", session=session.number)
            await trio.sleep(_RETRY_SECONDS)


def _resumed(
    session: Session,
    talk: Talk,
    view: View,
    entries: Sequence[Entry],
    source: Source,
    *,
    more: bool,
) -> list[Event]:
    """The entries as a backlog, after the room's members if those are still due."""
    assert session.resuming is not None
    events: list[Event] = []
    if session.resuming[talk.key] and isinstance(talk, Room):
        events.append(talk.roster(source.settings.config.rooms.presence_members))
    events += view.hidden(entries)
    events.append(view.backlog(entries, more=more))
    if more:
        session.resuming[talk.key] = False
    else:
        del session.resuming[talk.key]
    return events


def _gaps(label: str, cursor: int, entries: Sequence[Entry], last: int) -> list[Event]:
    """A gap in place of what the log has no longer, or never had: the cursor is of another time."""
    if cursor > last:
        return [Gap(room=label, first=last + 1, last=cursor)]
    first = entries[0].seq if entries else last + 1
    if cursor + 1 < first:
        return [Gap(room=label, first=cursor + 1, last=first - 1)]
    return []
