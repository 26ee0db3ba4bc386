"""The cursor in a room's log: it tells new events from repeated ones, and finds holes.

It knows no stream and no screen. A hole is closed by asking for a page after `last`; until then
what lies behind the hole is held, so that events come out in the log's order.
"""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.events import StoredEvent

# 1,024 x (seq + time) is what a repetition is recognised by; older ones have a lower seq than
# `last` and are recognised by that.
SEEN_EVENTS = 1024
# 1,024 x at most 16 KiB is held behind a hole; what does not fit comes with the page.
HELD_EVENTS = 1024


class Cursor:
    """One room's cursor.

    Attributes:
        last: the seq up to which everything was seen; None before the first event.
        joining: the frames of a join still come, which may begin behind a hole.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self.joining = False
        self._heard = 0
        self._must_ask = False
        self._page_to: int | None = None
        self._seen: dict[int, str] = {}
        self._held: dict[int, StoredEvent] = {}
        self._gone: dict[int, int] = {}  # first -> last of what is not to be had

    # --- events in, new events out

    def live(self, event: StoredEvent) -> list[StoredEvent]:
        """Return the events that are to be shown now: none, this one, or also held ones."""
        self.joining = False
        if self._is_repeated(event):
            return []
        if self._is_behind_hole(event):
            self._hold(event)
            return []
        return [*self._take(event), *self._release()]

    def backlog(self, events: Sequence[StoredEvent], *, more: bool = False) -> list[StoredEvent]:
        """The same for a frame of the log; *more*: it is not all there is.

        A frame is complete: what is missing between its events is not to be had. Only the
        frames of a join may begin behind a hole, because they end at the newest event, not
        where one stopped reading.
        """
        if self.joining and events and (self._held or self._is_behind_hole(events[0])):
            for event in events:
                self._hold(event)
            return []
        if self.joining:
            self._begin_anew(events, more)
        new = [e for event in events if not self._is_repeated(event) for e in self._take(event)]
        return [*new, *self._release()]

    def gap(self, first: int, last: int) -> list[StoredEvent]:
        """Step over the events *first* to *last*, which are not to be had; return what follows."""
        if len(self._gone) < HELD_EVENTS:
            self._gone[first] = last
        self._heard = max(self._heard, last)
        return self._release()

    def rewind(self, last: int) -> None:
        """Begin another log at *last*: the server's log ends before what was seen."""
        self.forget()
        self.last = last

    # --- holes

    @property
    def wants_page(self) -> bool:
        """True if there are, or may be, events after `last` that were not asked for yet."""
        if self.last is None or self._page_to is not None or self.joining:
            return False
        return self._must_ask or self._heard > self.last

    @property
    def is_settled(self) -> bool:
        """True if everything that happened before now has been seen."""
        return not self.joining and self._page_to is None and not self.wants_page

    def suspect_hole(self) -> None:
        """Ask for what may have happened after `last`: the server will not tell it by itself."""
        self._must_ask = True

    def page_asked(self) -> None:
        self._must_ask = False
        self._page_to = self._heard

    def page_postponed(self) -> None:
        """Ask for the same page again, later."""
        self._page_to = None
        self._must_ask = True

    def page_answered(self, *, more: bool) -> list[StoredEvent]:
        """Take in that the page is complete: with nothing *more*, what it did not hold is not to be
        had. Return what follows it."""
        asked_up_to, self._page_to = self._page_to, None
        if more:
            self._must_ask = True
        elif asked_up_to is not None:
            self.last = max(self.last or 0, asked_up_to)
        return self._release()

    def page_refused(self) -> list[StoredEvent]:
        """Go on behind the hole, which stays; return what was held there."""
        self._page_to = None
        held = [self._held[seq] for seq in sorted(self._held)]
        new = [e for event in held for e in self._take(event)]
        self.last = max(self.last or 0, self._heard)
        self._held.clear()
        return new

    def link_lost(self) -> None:
        """Forget what was asked for, which will not come; a resume brings everything after
        `last`."""
        self._held.clear()
        self._gone.clear()
        self._heard = self.last or 0
        self._must_ask = False
        self._page_to = None
        self.joining = False

    def left(self) -> None:
        """Stop following the log, but go on recognising repetitions."""
        self.link_lost()
        self.last = None

    def forget(self) -> None:
        """Begin anew: another log has this name now."""
        self.left()
        self._seen.clear()
        self._heard = 0

    # --- inside

    def _is_repeated(self, event: StoredEvent) -> bool:
        seen_at = self._seen.get(event.seq)
        if seen_at == event.at:
            self.last = max(self.last or 0, event.seq)
            return True
        if seen_at is not None:  # the same seq at another time: the log began anew
            joining = self.joining
            self.forget()
            self.joining = joining
            return False
        return self.last is not None and event.seq <= self.last

    def _begin_anew(self, events: Sequence[StoredEvent], more: bool) -> None:
        """Notice another log: a join shows its newest events, and they end before all that was
        seen."""
        if not events and not more:
            self.forget()
            self.last = 0
        elif events and self._seen and events[-1].seq < min(self._seen):
            self.forget()
        self.joining = True

    def _is_behind_hole(self, event: StoredEvent) -> bool:
        return self.last is not None and event.seq > self.last + 1

    def _hold(self, event: StoredEvent) -> None:
        self._heard = max(self._heard, event.seq)
        if len(self._held) < HELD_EVENTS:
            self._held[event.seq] = event

    def _take(self, event: StoredEvent) -> list[StoredEvent]:
        self.last = event.seq
        self._seen[event.seq] = event.at
        if len(self._seen) > SEEN_EVENTS:
            del self._seen[next(iter(self._seen))]
        return [event]

    def _release(self) -> list[StoredEvent]:
        """Take what is no longer behind a hole."""
        new: list[StoredEvent] = []
        self._step_over_gone()
        while self._held and self.last is not None:
            seq = min(self._held)
            if seq > self.last + 1:
                break
            event = self._held.pop(seq)
            if seq > self.last:
                new += self._take(event)
                self._step_over_gone()
        return new

    def _step_over_gone(self) -> None:
        for first in sorted(self._gone):
            if self.last is not None and first > self.last + 1:
                return
            self.last = max(self.last or 0, self._gone.pop(first))
