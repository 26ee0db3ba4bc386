"""The events that are news to a program: without the history shown on entering a room, and with a
word where a log began anew. It knows no requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, get_args

import msgspec

from trio_chat.client.state.model import Model
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

# As many rooms as the client's state remembers.
ROOMS = 1000


class Rewound(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The log of *room* ends at the seq *last* now, 0 if it is empty: the server lost what came
    after it, say because it was restored from a copy. *was*: the seq up to which events were
    given. Seqs from *last* + 1 on come again, and mean other events; if all was lost, so may those
    up to *last*."""

    room: str
    last: int
    was: int


LiveEvent: TypeAlias = StoredEvent | Joined | Left | Renamed | Gap | Rewound | Notice | Announced

_LIVE = (*get_args(StoredEvent), Joined, Left, Renamed, Gap, Notice, Announced)


class News:
    """Tells the events that happen from those that one is shown on entering a room."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._entering: set[str] = set()
        # Identities, for this batch: what is of before, and what the server told; the model shows
        # notices of its own.
        self._old: set[int] = set()
        self._told: set[int] = set()
        # Folded room -> the highest seq the model has shown; what comes below it is another log.
        self._reached: dict[str, int] = {}

    def note(self, events: Sequence[Event]) -> None:
        """Look at a batch before the model does."""
        for event in events:
            if isinstance(event, Backlog):
                self._note_backlog(event)
            elif isinstance(event, Done):
                self._entering.clear()
            elif isinstance(event, Notice):
                self._told.add(id(event))

    def fresh(self, shown: Sequence[Event]) -> list[LiveEvent]:
        """Return what is live, out of what the model shows of that batch."""
        fresh = [live for event in shown for live in self._live(event)]
        self._old.clear()
        self._told.clear()
        return fresh

    def _live(self, event: Event) -> Iterator[LiveEvent]:
        if isinstance(event, Gap):
            yield self._gap(event)
            return
        if isinstance(event, StoredEvent):
            yield from self._reach(event)
        elif isinstance(event, Left | Renamed):
            self._conversation_moved(event)
        if isinstance(event, _LIVE) and self._is_fresh(event):
            yield event

    def _is_fresh(self, event: Event) -> bool:
        if isinstance(event, Notice):
            return id(event) in self._told
        return id(event) not in self._old

    def _reach(self, event: StoredEvent) -> Iterator[Rewound]:
        """Note how far the log was shown; yield a word if it began anew without one."""
        key = fold(event.room)
        reached = self._reached.pop(key, 0)
        if event.seq <= reached:
            yield Rewound(room=event.room, last=event.seq - 1, was=reached)
        self._reached[key] = event.seq
        if len(self._reached) > ROOMS:
            del self._reached[next(iter(self._reached))]

    def _gap(self, event: Gap) -> Gap | Rewound:
        key = fold(event.room)
        reached = self._reached.get(key, 0)
        if event.reason != "rewound" and event.first > reached:
            return event
        self._reached[key] = event.first - 1
        return Rewound(room=event.room, last=event.first - 1, was=max(reached, event.first - 1))

    def _conversation_moved(self, event: Left | Renamed) -> None:
        """A conversation that ends is forgotten: the next one under that nick is another log."""
        if isinstance(event, Renamed):
            old, new = fold(f"@{event.old}"), fold(f"@{event.new}")
            if old in self._reached and new not in self._reached:
                self._reached[new] = self._reached.pop(old)
        elif event.room.startswith("@"):
            self._reached.pop(fold(event.room), None)

    def _note_backlog(self, event: Backlog) -> None:
        key = fold(event.room)
        room = self._model.rooms.by_name.get(key)
        is_first = room is None or room.cursor.last is None
        # A conversation has no entrance: it begins with what somebody wrote meanwhile.
        if not self._model.has_been_online or (is_first and not key.startswith("@")):
            self._entering.add(key)
        if key in self._entering:
            self._old.update(map(id, event.events))
