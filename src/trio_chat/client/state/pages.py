"""The pages of the history: asked for where a hole is, or where somebody scrolls to.

It knows no links. A page is answered by one backlog, which does not say for which request it is;
but requests are answered in their order, so it is for the first of that room that is still open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Literal, TypeAlias

from trio_chat.client.state.effects import Effects
from trio_chat.client.state.room.line import Line
from trio_chat.client.state.room.past import Past, Pull
from trio_chat.client.state.room.room import Room
from trio_chat.client.state.rooms import Rooms
from trio_chat.events import Backlog, Deleted, Edited, Gap, StoredEvent
from trio_chat.requests import Page
from trio_chat.text import fold

PAGE_EVENTS = 200
# What a jump shows before and after the line it goes to.
AROUND_EVENTS = 100

Purpose: TypeAlias = Pull | Literal["hole"]


@dataclass(slots=True)
class _Asked:
    """A page under way. The events for a *hole* are news; all others are kept here until `done`,
    for the *past* they were asked for. *hidden*: first and last seq of what the server does not
    show."""

    room: Room
    purpose: Purpose
    past: Past | None = None
    is_answered: bool = False
    events: tuple[StoredEvent, ...] = ()
    more: bool = False
    hidden: list[int] = field(default_factory=list)


class Pages:
    """The pages that are wanted, and those under way.

    Attributes:
        limit: how many events a page may have.
    """

    def __init__(self, rooms: Rooms, effects: Effects, new_id: Callable[[], str]) -> None:
        self.limit = PAGE_EVENTS
        self._rooms = rooms
        self._effects = effects
        self._new_id = new_id
        self._asked: dict[str, _Asked] = {}

    # --- wishes

    def pull(self, room: Room, what: Pull) -> None:
        """Want what follows in *room*: somebody scrolls to where its lines end."""
        past = room.look_back()
        if past.pull is None:
            past.pull = what

    def jump(self, room: Room, seq: int) -> None:
        """Want the event *seq* of *room*, and what stands around it, unless it is here."""
        past = room.past
        if seq >= room.first_seq:
            if past is not None and not past.is_attached:
                room.forget_past()
            return
        if past is not None and past.first <= seq <= past.last:
            return
        room.past = Past(seq + AROUND_EVENTS // 2, is_attached=False)
        room.past.pull = "around"

    def due_at(self) -> float:
        """Return when `send` has something next, in monotonic seconds; perhaps inf."""
        due_at = inf
        for room in self._rooms.by_name.values():
            if room.cursor.wants_page:
                due_at = min(due_at, room.page_not_before)
            past = room.past
            if past is not None and past.is_wanted:
                due_at = min(due_at, past.not_before)
        return due_at

    def send(self, now: float) -> None:
        """Ask for what is wanted and not under way."""
        for room in self._rooms.by_name.values():
            if room.cursor.wants_page and room.page_not_before <= now:
                room.page_more = False
                room.cursor.page_asked()
                self._ask(_Asked(room, "hole"), after=room.cursor.last)
            past = room.past
            if past is not None and past.is_wanted and past.not_before <= now:
                past.is_asked = True
                self._ask_past(room, past)

    def _ask_past(self, room: Room, past: Past) -> None:
        asked = _Asked(room, past.pull or "older", past)
        if past.pull == "newer":
            self._ask(asked, after=past.last)
        elif past.pull == "around":
            self._ask(asked, before=past.first, limit=AROUND_EVENTS)
        else:
            self._ask(asked, before=past.first)

    def _ask(
        self,
        asked: _Asked,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int | None = None,
    ) -> None:
        id = self._new_id()
        self._asked[id] = asked
        limit = max(1, min(limit or self.limit, self.limit))
        name = asked.room.name
        self._effects.send(Page(id=id, room=name, before=before, after=after, limit=limit))

    # --- answers

    def keeps(self, event: Backlog | Gap) -> bool:
        """Return whether *event* is of a page that somebody scrolls to, and so no news."""
        room = self._rooms.by_name.get(fold(event.room))
        if room is None or not self._asked or room.cursor.joining:
            return False
        open_pages = (a for a in self._asked.values() if a.room is room and not a.is_answered)
        asked = next(open_pages, None)
        if asked is None:
            return False
        if isinstance(event, Backlog):
            asked.is_answered = True
            asked.events, asked.more = event.events, event.more
            return asked.purpose != "hole"
        if asked.purpose == "hole" or event.last > (room.cursor.last or 0):
            return False
        reach = [*asked.hidden, event.first, event.last]
        asked.hidden = [min(reach), max(reach)]
        return True

    def done(self, id: str) -> bool:
        """Take in what was answered; return whether *id* is a page."""
        asked = self._asked.pop(id, None)
        if asked is None:
            return False
        if asked.past is None:
            news = asked.room.cursor.page_answered(more=asked.room.page_more)
            self._show(asked.room, news)
        else:
            asked.past.pull, asked.past.is_asked = None, False
            self._extend(asked, asked.past)
        return True

    def failed(self, id: str, not_before: float | None) -> bool:
        """Take in a refusal; return whether *id* is a page. *not_before*: when it may be asked for
        again, in monotonic seconds; None: never."""
        asked = self._asked.pop(id, None)
        if asked is None:
            return False
        if asked.past is not None:
            self._past_failed(asked.past, not_before)
        elif not_before is not None:
            asked.room.page_not_before = not_before
            asked.room.cursor.page_postponed()
        else:
            self._show(asked.room, asked.room.cursor.page_refused())
        return True

    def link_lost(self) -> None:
        """Forget what was asked for, which will not come; what is wanted is asked for again."""
        self._asked.clear()
        for room in self._rooms.by_name.values():
            room.page_not_before = 0.0
            if room.past is not None:
                room.past.is_asked = False
                room.past.not_before = 0.0

    def _past_failed(self, past: Past, not_before: float | None) -> None:
        past.is_asked = False
        if not_before is not None:
            past.not_before = not_before
        else:
            past.pull = None
            past.has_older = False

    def _show(self, room: Room, news: Iterable[StoredEvent]) -> None:
        for event in news:
            self._rooms.show_stored(room, event, is_news=True)

    def _extend(self, asked: _Asked, past: Past) -> None:
        """Add what came to *past*, which then reaches as far; what is hidden counts as well."""
        room = asked.room
        if asked.purpose == "newer":
            kept = [event for event in asked.events if past.last < event.seq < room.first_seq]
            seqs = [event.seq for event in kept] + asked.hidden
            last = max(seqs, default=0)
            # A page that brings nothing would only bring nothing again.
            is_attached = not asked.more or last <= past.last or last >= room.first_seq - 1
            past.add_newer(self._lines(room, kept), last, is_attached=is_attached)
            return
        kept = [event for event in asked.events if event.seq < past.first]
        seqs = [event.seq for event in kept] + asked.hidden
        if asked.purpose == "around" and seqs:
            past.last = max(seqs)
            kept = [event for event in kept if event.seq < room.first_seq]
            past.is_attached = past.last >= room.first_seq - 1
        first = min([*seqs, past.first])
        more = asked.more and first < past.first
        past.add_older(self._lines(room, kept), first, more=more)
        if not past.has_older:
            room.beginning = past.first

    def _lines(self, room: Room, events: Iterable[StoredEvent]) -> list[Line]:
        """Return the lines of *events*; there is none for an amendment, which changed a line
        itself."""
        return [
            self._rooms.line_of(room, event)
            for event in events
            if not isinstance(event, Edited | Deleted)
        ]
