"""The view of one session: of an event, of a stretch of the log, and of what became of its own
writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.directory import Directory
from trio_chat.chat.talks import LogLine, stored_event
from trio_chat.errors import ChatError, Conflict
from trio_chat.events import Backlog, Done, Error, Event, Gap, StoredEvent, error_for
from trio_chat.server.delivery.session import Session
from trio_chat.store.api import Write

# Shown also to those who ignore whose doing it is: they would miss what became of a line, of a
# member, of the room.
_NO_WORDS = frozenset(("deleted", "kicked", "topic"))


def visible(session: Session, label: str, line: LogLine, accounts: Accounts) -> StoredEvent | Gap:
    """The event that *line* records, or a gap in its place when the session's member ignores whose
    words it carries."""
    if session.hears(line.account) or line.kind in _NO_WORDS:
        return stored_event(label, line, accounts.name_of)
    return Gap(room=label, first=line.seq, last=line.seq, reason="ignored")


def backlog_for(
    session: Session, label: str, lines: Iterable[LogLine], accounts: Accounts, *, more: bool
) -> Backlog:
    """The lines of a log that the session's member wants to see."""
    events = (visible(session, label, line, accounts) for line in lines)
    shown = tuple(event for event in events if not isinstance(event, Gap))
    return Backlog(room=label, events=shown, more=more)


def hidden(session: Session, label: str, lines: Iterable[LogLine], accounts: Accounts) -> list[Gap]:
    """The gaps that stand for what the session's member does not want to see."""
    if not session.filtered:
        return []
    events = (visible(session, label, line, accounts) for line in lines)
    return [event for event in events if isinstance(event, Gap)]


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
        return Done(id=write.key)
    return Done(id=write.key, room=talk.label_for(session.identity), seq=write.seq)
