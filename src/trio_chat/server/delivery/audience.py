"""Which sessions hear which room or conversation, and how to tell them all.

Sessions of one wire flavour are given the same bytes. Those whose member ignores somebody are
*picky*: they get bytes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from trio_chat.events import Event
from trio_chat.server.delivery.outbox import Outbox

if TYPE_CHECKING:
    from trio_chat.chat.talks import Talk
    from trio_chat.server.delivery.session import Session

Group: TypeAlias = "dict[Outbox, Session]"
Refused: TypeAlias = "Callable[[Session, int], object]"


class Hearers:
    """The sessions that hear one room: by flavour, and the picky ones.

    Attributes:
        waiting: those whose turn is still to come while a broadcast goes on in slices. Who stops
            hearing the room waits no longer.
        shown_before: the seq up to which those who wait were shown the room.
    """

    __slots__ = ("by_flavour", "picky", "shown_before", "waiting")

    def __init__(self) -> None:
        self.by_flavour: dict[str, Group] = {}
        self.picky: Group = {}
        self.waiting: Group = {}
        self.shown_before = 0

    def __iter__(self) -> Iterator[Session]:
        for group in (*self.by_flavour.values(), self.picky):
            yield from group.values()

    def __bool__(self) -> bool:
        return bool(self.picky) or any(self.by_flavour.values())

    def add(self, session: Session) -> None:
        self._take_out(session)
        if session.picky:
            self.picky[session.outbox] = session
        else:
            self.by_flavour.setdefault(session.wire.flavour, {})[session.outbox] = session

    def discard(self, session: Session) -> None:
        self.waiting.pop(session.outbox, None)
        self._take_out(session)

    def _take_out(self, session: Session) -> None:
        self.picky.pop(session.outbox, None)
        if group := self.by_flavour.get(session.wire.flavour):
            group.pop(session.outbox, None)


class Audience:
    """The hearers of every log, by its key."""

    def __init__(self) -> None:
        self._hearers: dict[str, Hearers] = {}

    def of(self, key: str) -> Hearers | None:
        return self._hearers.get(key)

    def add(self, key: str, session: Session) -> None:
        hearers = self._hearers.get(key)
        if hearers is None:
            hearers = self._hearers[key] = Hearers()
        hearers.add(session)

    def remove(self, key: str, session: Session) -> None:
        hearers = self._hearers.get(key)
        if hearers is not None:
            hearers.discard(session)
            if not hearers:
                del self._hearers[key]

    def shown_to(self, session: Session, talk: Talk) -> int:
        """The seq up to which *session*, which hears the talk, was given it."""
        hearers = self._hearers.get(talk.key)
        if hearers is not None and session.outbox in hearers.waiting:
            return hearers.shown_before
        return talk.shown

    def tell(self, key: str, events: Sequence[Event], *, but: Sequence[Session] = ()) -> None:
        """Show *events*, which are not stored, to everyone who hears *key*."""
        hearers = self._hearers.get(key)
        if hearers is not None:
            tell(hearers, events, but=but)


def tell(
    sessions: Hearers | Sequence[Session], events: Sequence[Event], *, but: Sequence[Session] = ()
) -> None:
    """Show *events*, which are not stored, to *sessions*, encoded once per flavour."""
    encoded: dict[str, bytes] = {}
    for session in sessions:
        if session in but:
            continue
        flavour = session.wire.flavour
        data = encoded.get(flavour)
        if data is None:
            data = encoded[flavour] = session.wire.encode_shared(events)
        if session.outbox.lagging:
            session.presence_missed = True
        elif not session.outbox.deliver(data):
            session.presence_missed = True
            session.lag()


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
