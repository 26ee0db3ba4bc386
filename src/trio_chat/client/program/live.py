"""The live events for a program: those since it came, without the history shown on entering, in a
bounded buffer. It knows no requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, get_args

import trio

from trio_chat.client.state.model import Model
from trio_chat.errors import TrioChatError
from trio_chat.events import (
    Announced,
    Backlog,
    Done,
    Event,
    Gap,
    Joined,
    Left,
    Notice,
    Renamed,
    StoredEvent,
)
from trio_chat.text import fold

LiveEvent: TypeAlias = StoredEvent | Joined | Left | Renamed | Gap | Notice | Announced

_LIVE = (*get_args(StoredEvent), Joined, Left, Renamed, Gap, Notice, Announced)


class EventsLost(TrioChatError):
    """The buffer of `Chat.events` was full, and the server could not be kept waiting."""


class News:
    """Tells the events that happen from those that one is shown on entering a room."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._entering: set[str] = set()
        # Identities, for this batch: what is of before, and what the server told; the model shows
        # notices of its own.
        self._old: set[int] = set()
        self._told: set[int] = set()

    def note(self, events: Sequence[Event]) -> None:
        """Look at a batch before the model does."""
        for event in events:
            if isinstance(event, Backlog):
                self._note_backlog(event)
            elif isinstance(event, Done):
                self._entering.clear()
            elif isinstance(event, Notice):
                self._told.add(id(event))

    def fresh(self, shown: Sequence[Event]) -> list[Any]:
        """Return what is live, out of what the model shows of that batch."""
        fresh = [event for event in shown if isinstance(event, _LIVE) and self._is_fresh(event)]
        self._old.clear()
        self._told.clear()
        return fresh

    def _is_fresh(self, event: Event) -> bool:
        if isinstance(event, Notice):
            return id(event) in self._told
        return id(event) not in self._old

    def _note_backlog(self, event: Backlog) -> None:
        key = fold(event.room)
        room = self._model.rooms.by_name.get(key)
        is_first = room is None or room.cursor.last is None
        # A conversation has no entrance: it begins with what somebody wrote meanwhile.
        if not self._model.has_been_online or (is_first and not key.startswith("@")):
            self._entering.add(key)
        if key in self._entering:
            self._old.update(map(id, event.events))


class EventStream:
    """An async iterator over live events; see `Chat.events`. *buffer_events*: its bound;
    *on_taken*: called after each event that was taken."""

    def __init__(self, buffer_events: int, on_taken: Callable[[], None]) -> None:
        self._buffer: deque[LiveEvent] = deque()
        self._buffer_events = buffer_events
        self._on_taken = on_taken
        self._lost = 0
        self._arrived = trio.Event()

    @property
    def is_full(self) -> bool:
        return len(self._buffer) >= self._buffer_events

    def put(self, events: Sequence[LiveEvent]) -> None:
        """Add a batch, which one read brought and which is kept or lost as a whole."""
        if len(self._buffer) < 2 * self._buffer_events:
            self._buffer.extend(events)
        else:
            self._lost += len(events)
        self._arrived.set()
        self._arrived = trio.Event()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> LiveEvent:
        """Return the next event. Raises EventsLost."""
        while not self._buffer:
            if self._lost:
                events = "1 event" if self._lost == 1 else f"{self._lost} events"
                raise EventsLost(f"{events} came while too many others waited")
            await self._arrived.wait()
        await trio.lowlevel.checkpoint()
        event = self._buffer.popleft()
        self._on_taken()
        return event
