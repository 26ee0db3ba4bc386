"""The view of one session: of an event, of a stretch of the log, and of what became of its own
writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.directory import Directory
from trio_chat.chat.talks import LogLine, Talk, stored_event
from trio_chat.errors import ChatError, Conflict
from trio_chat.events import Backlog, Done, Error, Event, Gap, StoredEvent, error_for
from trio_chat.server.delivery.session import Session
from trio_chat.store.api import Write

# Shown also to those who ignore whose doing it is: they would miss what became of a line, of a
# member, of the room.
NO_WORDS = frozenset(("deleted", "kicked", "topic"))


class View:
    """How one session sees a log: under which name, from where on, and without whose words."""

    def __init__(self, session: Session, talk: Talk, accounts: Accounts) -> None:
        self.label = talk.label_for(session.identity)
        self._session = session
        self._accounts = accounts
        self._visible_from = talk.floor(session.identity)

    def event(self, line: LogLine) -> StoredEvent | Gap:
        """The event that *line* records, or a gap in its place: when the session's member ignores
        whose words it carries, or may not read the line that was edited or deleted."""
        if line.kind in ("edited", "deleted") and int(line.target or 0) <= self._visible_from:
            return self._gap(line.seq, line.seq, "earlier")
        if self._session.hears(line.account) or line.kind in NO_WORDS:
            return stored_event(self.label, line, self._accounts.name_of)
        return self._gap(line.seq, line.seq, "ignored")

    def backlog(self, lines: Iterable[LogLine], *, more: bool) -> Backlog:
        """The lines of the log that the session's member wants to see, and may."""
        events = map(self.event, lines)
        shown = tuple(event for event in events if not isinstance(event, Gap))
        return Backlog(room=self.label, events=shown, more=more)

    def hidden(self, lines: Iterable[LogLine]) -> list[Gap]:
        """The gaps that stand for the others; of neighbours there is one."""
        gaps: list[Gap] = []
        for event in map(self.event, lines):
            if not isinstance(event, Gap):
                continue
            if gaps and gaps[-1].last + 1 == event.first and gaps[-1].reason == event.reason:
                gaps[-1] = self._gap(gaps[-1].first, event.last, event.reason)
            else:
                gaps.append(event)
        return gaps

    def holes(self, lines: Sequence[LogLine], first: int, last: int) -> list[Gap]:
        """The gaps between *lines*, which were read without those whose words are ignored, from
        seq *first* to *last*."""
        gaps: list[Gap] = []
        for seq in (*(line.seq for line in lines), last + 1):
            if seq > first:
                gaps.append(self._gap(first, seq - 1, "ignored"))
            first = seq + 1
        return gaps

    def _gap(self, first: int, last: int, reason: str) -> Gap:
        return Gap(room=self.label, first=first, last=last, reason=reason)


def answers(writes: Sequence[Write], session: Session, directory: Directory) -> list[Event]:
    """Return what the session is told of its own *writes*."""
    return [
        _failed(write, write.error) if write.error is not None else done(write, session, directory)
        for write in writes
        if write.key or write.error is not None
    ]


def _failed(write: Write, error: ChatError | Conflict) -> Error:
    id = write.key or None
    if isinstance(error, Conflict):
        return Error(id=id, code="internal", message="somebody was faster; try again")
    return error_for(error, id)


def done(write: Write, session: Session, directory: Directory) -> Done:
    """The answer to what is stored: where, unless that was a conversation that has ended."""
    talk = directory.talk(write.room) if write.seq else None
    if talk is None:
        return Done(id=write.key, repeated=write.repeated)
    label = talk.label_for(session.identity)
    return Done(id=write.key, room=label, seq=write.seq, repeated=write.repeated)
