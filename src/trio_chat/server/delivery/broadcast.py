"""From the log's batches to the members' links: the commit batch is the broadcast batch.

A batch is shown room by room. Each room's share is encoded once per flavour and sent once per
member; the answers to those who wrote follow what they caused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import trio

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.rooms import Direct, Room
from trio_chat.chat.state import State
from trio_chat.chat.talks import Talk, stored_event
from trio_chat.events import Event, StoredEvent
from trio_chat.server.delivery.audience import Audience, Group, Hearers, send_to_all
from trio_chat.server.delivery.pause import Pace
from trio_chat.server.delivery.presence import Presence
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import View, answers
from trio_chat.server.net.fence import attempt
from trio_chat.server.settings import Settings
from trio_chat.store.api import Log, Write

# After so many sends the other tasks get a turn: 1,000 x 4.5 µs are 4.5 ms.
_SLICE_SESSIONS = 1000
# Bytes of one's own cost as much as so many sends of shared ones.
_OWN_SENDS = 5
# Shown at once; what is more waits its turn, and the talkers with it.
_MOST_WRITES = 2048


class Facts(Protocol):
    """What a write that somebody waits for changes, and what follows from it. Raises nothing."""

    def apply(self, write: Write) -> None:
        """The write was committed: have its changes hold. Its event is shown next."""

    def settle(self, write: Write, *, holds: bool) -> None:
        """The event of the write, if any, was shown; or, not *holds*, the write was refused, or
        had happened before. Do the rest, and let go of who waits for it."""


class BroadcastStatistics(NamedTuple):
    """The figures of a broadcaster since the start.

    Attributes:
        batches: of writes, shown at once.
        events: that were stored and shown.
        sends: shares of a room's events, each to one session.
    """

    batches: int
    events: int
    sends: int


class Broadcaster:
    """Reads what the store committed and shows it.

    A wire that fails to show something costs the sessions that speak it, and nobody else: they
    read the log instead, each behind its own fence.

    Attributes:
        pace: how long the next batch waits.
    """

    def __init__(
        self,
        store: Log,
        state: State,
        audience: Audience,
        presence: Presence,
        settings: Settings,
        facts: Facts,
    ) -> None:
        self._store = store
        self._directory = state.directory
        self._accounts = state.accounts
        self._audience = audience
        self._presence = presence
        self._settings = settings
        self._facts = facts
        self._batches = self._events = self._sends = 0
        self.pace = Pace()

    def statistics(self) -> BroadcastStatistics:
        return BroadcastStatistics(self._batches, self._events, self._sends)

    async def run(self) -> None:
        """Until the store closes its channel.

        After a batch of several writes the next one waits while much is said (`pace`): more gathers
        meanwhile, and goes out in the same sends. A message on its own never waits.
        """
        next_flush = 0.0
        async for batch in self._store.committed:
            if trio.current_time() < next_flush:
                await trio.sleep_until(next_flush)
            writes = self._gather(batch)
            self.pace.begin()
            shares = await self.publish(writes)
            most_seconds = self._settings.config.timeouts.flush_seconds
            committing = self._store.committing
            next_flush = trio.current_time() + self.pace.pause_seconds(
                len(writes), shares, most_seconds, committing=committing
            )

    def _gather(self, batch: Sequence[Write]) -> Sequence[Write]:
        """*batch*, and what was committed since."""
        writes = list(batch)
        try:
            while len(writes) < _MOST_WRITES:
                writes += self._store.committed.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            pass
        return writes

    async def publish(self, batch: Sequence[Write]) -> int:
        """Show one committed batch, then answer its writers; return how many rooms had a share."""
        self._batches += 1
        by_room: dict[str, list[Write]] = {}
        by_writer: dict[Session, list[Write]] = {}
        for write in batch:
            holds = write.error is None and not write.repeated
            if holds and write.changes:
                self._facts.apply(write)
            if holds and write.room:
                by_room.setdefault(write.room, []).append(write)
            elif write.settled is not None:
                self._facts.settle(write, holds=holds)
            if write.origin is not None:
                by_writer.setdefault(write.origin, []).append(write)
                write.origin = None  # the room's recent lines keep the write
        # Now, since a conversation may end when its last line is shown.
        told = {
            session: attempt(answers, own, session, self._directory, session=session.number)
            for session, own in by_writer.items()
        }
        for session in told:
            session.outbox.cork()
        for key, writes in by_room.items():
            await self._show(key, writes)
            for write in writes:
                if write.settled is not None:
                    self._facts.settle(write, holds=True)
        for session, own in by_writer.items():
            self._answer(session, told[session])
            session.written(len(own))
        return len(by_room)

    def _answer(self, session: Session, events: Sequence[Event] | None) -> None:
        data = None if events is None else session.encode(events)
        session.outbox.uncork(data or b"")
        if data is None:
            session.fail()

    async def _show(self, key: str, writes: Sequence[Write]) -> None:
        talk = self._directory.talk(key)
        if talk is None:
            return
        self._presence.flush(key)
        before = talk.shown
        talk.show(writes)
        self._events += len(writes)
        hearers = self._audience.of(key)
        if hearers is None:
            return
        self._sends += len(hearers)
        share = _Share(talk, writes, before, self._audience, self._accounts)
        if isinstance(talk, Direct) or share.amends_for_some:
            for session in tuple(hearers):
                share.send_own(session)
        else:
            assert isinstance(talk, Room)
            await self._send(share, hearers, talk.name)

    async def _send(self, share: _Share, hearers: Hearers, label: str) -> None:
        if not share.make_events(label):
            for session in tuple(hearers):
                self._audience.lag(session, share.talk.key, share.before)
            return
        groups = list(hearers.by_flavour.values())
        cost = sum(map(len, groups)) + _OWN_SENDS * len(hearers.filtered)
        if cost > _SLICE_SESSIONS:
            await self._send_in_slices(share, hearers)
            return
        for session in tuple(hearers.filtered.values()):
            share.send_own(session)
        for group in groups:
            share.send(group)

    async def _send_in_slices(self, share: _Share, hearers: Hearers) -> None:
        """Sessions may come and go between two slices. Who comes has it in the backlog, who goes
        waits no longer, and who catches up with the log waits until `sending` is over. Who has
        come to see it otherwise than its group, by its wire or by an ignore, gets bytes of its
        own."""
        groups = [(flavour, tuple(group)) for flavour, group in hearers.by_flavour.items()]
        groups.append(("", tuple(hearers.filtered)))  # each of these gets bytes of its own
        for group in (*hearers.by_flavour.values(), hearers.filtered):
            hearers.waiting.update(group)
        hearers.shown_before = share.before
        share.talk.sending = True
        waiting = hearers.waiting
        for flavour, outboxes in groups:
            size = _SLICE_SESSIONS if flavour else max(1, _SLICE_SESSIONS // _OWN_SENDS)
            for start in range(0, len(outboxes), size):
                some = outboxes[start : start + size]
                group = {outbox: waiting.pop(outbox) for outbox in some if outbox in waiting}
                for session in tuple(group.values()):
                    if session.flavour != flavour or session.filtered:
                        del group[session.outbox]
                        share.send_own(session)
                share.send(group)
                await trio.lowlevel.checkpoint()
        share.talk.sending = False


class _Share:
    """One room's share of a batch."""

    def __init__(
        self,
        talk: Talk,
        writes: Sequence[Write],
        before: int,
        audience: Audience,
        accounts: Accounts,
    ) -> None:
        self.talk = talk
        self.writes = writes
        self.before = before
        self.events: list[StoredEvent] = []
        self._audience = audience
        self._accounts = accounts

    @property
    def amends_for_some(self) -> bool:
        """An older line is edited or deleted, which some may not read."""
        is_partly_read = isinstance(self.talk, Room) and self.talk.is_partly_read
        return is_partly_read and any(w.kind in ("edited", "deleted") for w in self.writes)

    def make_events(self, label: str) -> bool:
        """Make the events that all see alike. False: that failed."""
        events = attempt(self._events_for, label, room=self.talk.key)
        self.events = events or []
        return events is not None

    def _events_for(self, label: str) -> list[StoredEvent]:
        name_of = self._accounts.name_of
        return [stored_event(label, write, name_of) for write in self.writes]

    def send(self, group: Group) -> None:
        """Give all of *group* the same bytes."""
        if not group:
            return
        first = next(iter(group.values()))
        data = first.encode(self.events)
        if data is None:
            for session in group.values():
                self._audience.lag(session, self.talk.key, self.before)
            return

        def refused(session: Session, sent: int) -> None:
            end, seq = self._end_of_begun(session, sent)
            if end > sent:
                session.outbox.keep(data[:end], sent)
            self._audience.lag(session, self.talk.key, seq)

        send_to_all(group, data, refused)

    def _end_of_begun(self, session: Session, sent: int) -> tuple[int, int]:
        """Of a send that went out in part, up to *sent*: where the event that was begun ends, and
        its seq. The log has the others."""
        end, seq = 0, self.before
        while end < sent:
            event = self.events[seq - self.before]
            end += len(session.encode([event]) or b"")
            seq = event.seq
        return end, seq

    def send_own(self, session: Session) -> None:
        """Give *session* what it wants to see of this share."""
        if session.outbox.lagging:
            return
        data = attempt(self._own, session, session=session.number)
        if data is None or not session.outbox.deliver(data):
            self._audience.lag(session, self.talk.key, self.before)

    def _own(self, session: Session) -> bytes:
        view = View(session, self.talk, self._accounts)
        return session.wire.show_shared([view.event(write) for write in self.writes])
