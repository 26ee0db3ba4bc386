"""The sessions that hear each room or conversation, and how to tell them all.

Sessions of one wire flavour are given the same bytes. Those whose member ignores somebody are
*filtered*: they get bytes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import structlog

from trio_chat.chat.talks import Talk
from trio_chat.events import Shown
from trio_chat.server.delivery.outbox import Outbox
from trio_chat.server.delivery.session import Session

log = structlog.get_logger()

Group: TypeAlias = dict[Outbox, Session]
Refused: TypeAlias = Callable[[Session, int], object]


class Hearers:
    """The sessions that hear one room: by flavour, and the filtered ones.

    Attributes:
        waiting: those whose turn is still to come while a broadcast goes on in slices. Who stops
            hearing the room waits no longer.
        shown_before: the seq up to which those who wait were shown the room.
    """

    __slots__ = ("by_flavour", "filtered", "shown_before", "waiting")

    def __init__(self) -> None:
        self.by_flavour: dict[str, Group] = {}
        self.filtered: Group = {}
        self.waiting: Group = {}
        self.shown_before = 0

    def __iter__(self) -> Iterator[Session]:
        for group in (*self.by_flavour.values(), self.filtered):
            yield from group.values()

    def __len__(self) -> int:
        return sum(map(len, self.by_flavour.values())) + len(self.filtered)

    def __bool__(self) -> bool:
        return bool(self.filtered) or any(self.by_flavour.values())

    def add(self, session: Session) -> None:
        self._take_out(session)
        if session.filtered:
            self.filtered[session.outbox] = session
        else:
            self.by_flavour.setdefault(session.flavour, {})[session.outbox] = session

    def discard(self, session: Session) -> None:
        self.waiting.pop(session.outbox, None)
        self._take_out(session)

    def _take_out(self, session: Session) -> None:
        # Its flavour has perhaps changed since it came: look into each group, there are few.
        for group in (self.filtered, *self.by_flavour.values()):
            group.pop(session.outbox, None)


class AudienceStatistics(NamedTuple):
    """The figures of an audience now.

    Attributes:
        logs: rooms and conversations that somebody hears.
        subscriptions: each of one session to one log.
    """

    logs: int
    subscriptions: int


class Audience:
    """The hearers of every log, by its key."""

    def __init__(self) -> None:
        self._hearers: dict[str, Hearers] = {}

    def statistics(self) -> AudienceStatistics:
        return AudienceStatistics(len(self._hearers), sum(map(len, self._hearers.values())))

    def of(self, key: str) -> Hearers | None:
        return self._hearers.get(key)

    # --- who hears what

    def subscribe(self, key: str, session: Session) -> None:
        """Show the session what happens in the room or conversation *key*, if it may read."""
        if not session.allows("read"):
            return
        hearers = self._hearers.get(key)
        if hearers is None:
            hearers = self._hearers[key] = Hearers()
        hearers.add(session)

    def unsubscribe(self, key: str, session: Session) -> None:
        hearers = self._hearers.get(key)
        if hearers is not None:
            hearers.discard(session)
            if not hearers:
                del self._hearers[key]

    def subscribe_to_all(self, session: Session) -> None:
        """Show the session what happens in each place its member is in. Again: its flavour, or
        whom its member ignores, has changed."""
        for talk in session.talks():
            self.subscribe(talk.key, session)

    def unsubscribe_from_all(self, session: Session) -> None:
        """Show the session nothing more of what happens."""
        for talk in session.talks():
            self.unsubscribe(talk.key, session)

    # --- who cannot follow

    def lag(self, session: Session, key: str = "", seq: int = 0) -> None:
        """Have the session read from the log, later, what it cannot take now. The room *key* was
        shown to it up to *seq*, all others as far as to everyone."""
        if session.silent:
            return
        if session.cursors is None:
            talks = session.talks() if session.allows("read") else ()
            cursors = {talk.key: self._shown_to(session, talk) for talk in talks}
            if key in cursors:
                cursors[key] = seq
            log.info("session lags", session=session.number, room=key, seq=seq)
            session.fall_behind(cursors)
        session.outbox.lag()

    def _shown_to(self, session: Session, talk: Talk) -> int:
        """The seq up to which *session*, which hears the talk, was given it."""
        hearers = self._hearers.get(talk.key)
        if hearers is not None and session.outbox in hearers.waiting:
            return hearers.shown_before
        return talk.shown

    # --- what is not stored

    def tell(self, key: str, events: Sequence[Shown], *, but: Sequence[Session] = ()) -> None:
        """Show *events*, which are not stored, to everyone who hears *key*."""
        hearers = self._hearers.get(key)
        if hearers is not None:
            self.tell_sessions(hearers, events, but=but)

    def tell_sessions(
        self, sessions: Iterable[Session], events: Sequence[Shown], *, but: Sequence[Session] = ()
    ) -> None:
        """Show *events*, which are not stored, to *sessions*, encoded once per flavour."""
        encoded: dict[str, bytes | None] = {}
        for session in sessions:
            if session in but:
                continue
            flavour = session.flavour
            if flavour not in encoded:
                encoded[flavour] = session.encode(events)
            data = encoded[flavour]
            if data is None or session.outbox.lagging or not session.outbox.deliver(data):
                session.presence_missed = True
                self.lag(session)


def send_to_all(group: Group, data: bytes, refused: Refused) -> None:
    """Give every session of *group* the same bytes. This is the hot loop: one send each.

    What a link takes in part is queued if it is small. Else, and when the outbox is full,
    ``refused(session, sent)`` is called with the number of bytes already sent.
    """
    size = len(data)
    for outbox in group:
        if not outbox.idle:
            if outbox.deliver(data):
                continue
            if not outbox.idle:
                refused(group[outbox], 0)
                continue
        try:
            sent = outbox.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            outbox.fail()
            continue
        if sent != size and not outbox.keep(data, sent):
            refused(group[outbox], sent)
