"""From the log's batches to the members' links: the commit batch is the broadcast batch.

A batch is shown room by room. Each room's share is encoded once per flavour and sent once per
member; the answers to those who wrote follow what they caused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import trio

from trio_chat.chat.rooms import Direct, Room
from trio_chat.chat.talks import LogLine, Talk, stored_event
from trio_chat.errors import ChatError, Conflict
from trio_chat.events import Done, Error, Event, Gap, StoredEvent
from trio_chat.server.delivery.audience import Group, Hearers, send_to_all
from trio_chat.server.net.fence import run_fenced
from trio_chat.store.api import Write

if TYPE_CHECKING:
    from trio_chat.server.delivery.session import Session
    from trio_chat.server.service import Service

# Shown also to those who ignore whose doing it is: what became of a line, of a member, of the
# room.
_NO_WORDS = frozenset(("deleted", "kicked", "topic"))

# After so many sends the other tasks get a turn: 1,000 x 4.5 µs are 4.5 ms.
_SLICE_SESSIONS = 1000
# Shown at once; what is more waits its turn, and the talkers with it.
_MOST_WRITES = 2048
# Of a send that carries so many lines, each costs little more than its bytes.
_FULL_SHARE_LINES = 32
# How long the next batch waits, in parts of the time that this one took; and after full shares,
# while the next one is being committed.
_PAUSE = 2.0
_PAUSE_FOR_COMMIT = 0.2


class Broadcaster:
    """Reads what the store committed and shows it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def run(self) -> None:
        """Until the store closes its channel.

        After a batch of several writes the next one waits: more gathers meanwhile, and goes out in
        the same sends. A message on its own never waits.
        """
        next_flush = 0.0
        async for batch in self._service.store.committed:
            if trio.current_time() < next_flush:
                await trio.sleep_until(next_flush)
            writes = self._gather(batch)
            started = trio.current_time()
            shares = await self.publish(writes)
            now = trio.current_time()
            next_flush = now + self._pause_seconds(len(writes), shares, now - started)

    def _pause_seconds(self, writes: int, shares: int, took_seconds: float) -> float:
        """How long to wait after a batch of *writes* in *shares* rooms."""
        if writes < 2:
            return 0.0
        pause = _PAUSE
        if writes >= _FULL_SHARE_LINES * shares:  # there is little to gain
            pause = _PAUSE_FOR_COMMIT if self._service.store.committing else 0.0
        return min(pause * took_seconds, self._service.config.timeouts.flush_seconds)

    def _gather(self, batch: Sequence[Write]) -> Sequence[Write]:
        """*batch*, and what was committed since."""
        writes = list(batch)
        try:
            while len(writes) < _MOST_WRITES:
                writes += self._service.store.committed.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            pass
        return writes

    async def publish(self, batch: Sequence[Write]) -> int:
        """Show one committed batch, then answer its writers; return how many rooms had a share."""
        by_room: dict[str, list[Write]] = {}
        by_writer: dict[Session, list[Write]] = {}
        for write in batch:
            holds = write.error is None and not write.repeated
            if holds and write.changes:
                self._service.records.apply(write)
            if holds and write.room:
                by_room.setdefault(write.room, []).append(write)
            else:
                self._settle(write, holds=holds)
            if write.origin is not None:
                by_writer.setdefault(write.origin, []).append(write)
                write.origin = None  # the room's recent lines keep the write
        answers = {session: _answers(own, session) for session, own in by_writer.items()}
        for session in answers:
            session.outbox.cork()
        for key, writes in by_room.items():
            talk = self._service.talk(key)
            if talk is not None:
                await self._show(talk, writes)
            for write in writes:
                if write.settled is not None:
                    self._settle(write, holds=True)
        for session, own in by_writer.items():
            session.outbox.uncork(session.wire.encode_shared(answers[session]))
            session.written(len(own))
        return len(by_room)

    def _settle(self, write: Write, *, holds: bool) -> None:
        """Do what follows, once the event of *write* was shown."""
        if holds:
            for effect in write.effects:
                run_fenced(partial(self._service.performer.perform, effect))
            self._service.records.apply(write, late=True)
        self._service.records.settle(write)

    async def _show(self, talk: Talk, writes: Sequence[Write]) -> None:
        self._service.presence.flush(talk.key)
        before = talk.shown
        talk.show(writes)
        self._service.shown_events += len(writes)
        hearers = self._service.audience.of(talk.key)
        if hearers is None:
            return
        share = _Share(talk, writes, before)
        if isinstance(talk, Direct):
            for session in tuple(hearers):
                share.send_own(session, talk.label_for(session.identity))
        else:
            assert isinstance(talk, Room)
            await self._send(share, hearers, talk.name)

    async def _send(self, share: _Share, hearers: Hearers, label: str) -> None:
        share.events = [stored_event(label, write) for write in share.writes]
        for session in tuple(hearers.picky.values()):
            share.send_own(session, label)
        groups = list(hearers.by_flavour.values())
        if sum(map(len, groups)) <= _SLICE_SESSIONS:
            for group in groups:
                share.send(group)
        else:
            await self._send_in_slices(share, hearers)

    async def _send_in_slices(self, share: _Share, hearers: Hearers) -> None:
        """Sessions may come and go between two slices. Who comes has it in the backlog, who goes
        waits no longer, and who catches up with the log waits until `sending` is over."""
        groups = [tuple(group) for group in hearers.by_flavour.values()]
        for group in hearers.by_flavour.values():
            hearers.waiting.update(group)
        hearers.shown_before = share.before
        share.talk.sending = True
        waiting = hearers.waiting
        for outboxes in groups:
            for start in range(0, len(outboxes), _SLICE_SESSIONS):
                some = outboxes[start : start + _SLICE_SESSIONS]
                share.send({outbox: waiting.pop(outbox) for outbox in some if outbox in waiting})
                await trio.lowlevel.checkpoint()
        share.talk.sending = False


class _Share:
    """One room's share of a batch."""

    def __init__(self, talk: Talk, writes: Sequence[Write], before: int) -> None:
        self.talk = talk
        self.writes = writes
        self.before = before
        self.events: list[StoredEvent] = []

    def send(self, group: Group) -> None:
        """Give all of *group* the same bytes."""
        if not group:
            return
        wire = next(iter(group.values())).wire
        events = self.events
        data = wire.encode_shared(events)

        def refused(session: Session, sent: int) -> None:
            # Finish the event that is begun; the log has the others.
            end, seq = 0, self.before
            while end < sent:
                event = events[seq - self.before]
                end += len(wire.encode_shared([event]))
                seq = event.seq
            if end > sent:
                session.outbox.keep(data[:end], sent)
            session.lag(self.talk.key, seq)

        send_to_all(group, data, refused)

    def send_own(self, session: Session, label: str) -> None:
        """Give *session* what it wants to see of this share."""
        if session.outbox.lagging:
            return
        events = [visible(session, label, write) for write in self.writes]
        if not session.outbox.deliver(session.wire.encode_shared(events)):
            session.lag(self.talk.key, self.before)


def _answers(writes: Sequence[Write], session: Session) -> list[Event]:
    """What the session is told of its own *writes*."""
    return [
        _failed(write, write.error) if write.error is not None else done(write, session)
        for write in writes
        if write.key or write.error is not None
    ]


def _failed(write: Write, error: ChatError | Conflict) -> Error:
    id = write.key or None
    if isinstance(error, Conflict):
        return Error(id=id, code="internal", message="somebody was faster; try again")
    return Error(id=id, code=error.code, message=error.message, retry_after=error.retry_after)


def done(write: Write, session: Session) -> Done:
    """The answer to what is stored: where, unless that was a conversation that has ended."""
    talk = session.service.talk(write.room) if write.seq else None
    if talk is None:
        return Done(id=write.key)
    return Done(id=write.key, room=talk.label_for(session.identity), seq=write.seq)


def visible(session: Session, label: str, line: LogLine) -> StoredEvent | Gap:
    """The event that *line* records, or a gap in its place when the session's member ignores whose
    words it carries."""
    if session.hears(line.account) or line.kind in _NO_WORDS:
        return stored_event(label, line)
    return Gap(room=label, first=line.seq, last=line.seq, reason="ignored")
