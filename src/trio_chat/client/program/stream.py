"""A stream of events for one reader: a bounded buffer, and before it what the log holds since a
cursor. It sends nothing itself.

Rules:

1. Events of one room come in the order of its log, each once.
2. What comes after a hole is not given before the hole is told.
3. A room that was named in *since* has no hole: what the buffer cannot take is read from the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

import trio

from trio_chat.client.program.answers import History
from trio_chat.client.program.live import LiveEvent, Rewound
from trio_chat.errors import TrioChatError
from trio_chat.events import Gap, StoredEvent
from trio_chat.text import fold

# Reads the log of a room behind a seq.
ReadAfter: TypeAlias = Callable[[str, int], Awaitable[History]]


class EventsLost(TrioChatError):
    """The buffer of `Chat.events` was full, and the server could not be kept waiting.

    Attributes:
        count: how many events are missing here. The next event that the stream gives is one that
            came after this was raised.
    """

    def __init__(self, count: int) -> None:
        events = "1 event" if count == 1 else f"{count} events"
        super().__init__(f"{events} came while too many others waited")
        self.count = count


@dataclass(slots=True)
class _Cursor:
    """One room that is read from its log.

    *last*: the seq up to which all was queued. *heard*: the highest seq that happened while the
    room is behind; None: it is live, so what happens is queued. *rewound*: what is to be told
    before the log is read on.
    """

    room: str
    last: int
    heard: int | None = 0
    rewound: Rewound | None = None


class EventStream:
    """An async iterator over events, for one task; see `Chat.events`.

    `close` ends it, and so does leaving a `with` block; one that nobody holds any more is closed
    by itself.
    """

    def __init__(
        self,
        buffer_events: int,
        on_taken: Callable[[], None],
        *,
        since: Mapping[str, int] | None = None,
        read_after: ReadAfter | None = None,
    ) -> None:
        """*buffer_events*: the bound; twice as many wait at most. *on_taken*: called after each
        event that was taken. *since*: room -> seq, from where on *read_after* reads."""
        self._buffer: deque[LiveEvent] = deque()
        self._past: deque[LiveEvent] = deque()  # one page of the log; goes before the buffer
        self._buffer_events = buffer_events
        self._on_taken = on_taken
        self._cursors = {fold(room): _Cursor(room, seq) for room, seq in (since or {}).items()}
        self._read_after = read_after
        self._lost = 0
        self._end: BaseException | None = None
        self._is_closed = False
        self._is_read = False
        self._arrived = trio.Event()

    @property
    def is_full(self) -> bool:
        """True while the server is to be kept waiting."""
        return len(self._buffer) >= self._buffer_events and not self._is_closed

    # --- in

    def put(self, events: Sequence[LiveEvent]) -> None:
        """Add a batch, which one read brought and which is kept or lost as a whole."""
        if self._is_closed:
            return
        fits = len(self._buffer) < 2 * self._buffer_events and not self._lost
        for event in events:
            cursor = self._cursor_of(event)
            if cursor is not None:
                self._put_at(cursor, event, fits=fits)
            elif fits:
                self._buffer.append(event)
            else:
                self._lost += 1
        self._wake()

    def end(self, error: BaseException) -> None:
        """Raise *error* behind what waits."""
        self._end = error
        self._wake()

    def _cursor_of(self, event: LiveEvent) -> _Cursor | None:
        if self._cursors and isinstance(event, StoredEvent | Rewound):
            return self._cursors.get(fold(event.room))
        return None

    def _put_at(self, cursor: _Cursor, event: LiveEvent, *, fits: bool) -> None:
        if isinstance(event, Rewound):
            if fits and cursor.heard is None:
                self._buffer.append(event)
                cursor.last = min(cursor.last, event.last)
            else:
                cursor.rewound = event
                cursor.heard = event.last
            return
        assert isinstance(event, StoredEvent)
        if fits and cursor.heard is None:
            if event.seq > cursor.last:
                self._buffer.append(event)
                cursor.last = event.seq
        else:
            cursor.heard = max(cursor.heard or 0, event.seq)

    # --- out

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> LiveEvent:
        """Return the next event.

        Raises:
            EventsLost: here some are missing; the stream goes on behind them.
            ChatError: the log of a room in *since* was refused.
            TrioChatError: what ended the chat.
            trio.BusyResourceError: another task is reading this stream.
        """
        if self._is_read:
            raise trio.BusyResourceError(
                "another task is reading this stream of events: call chat.events() for another one"
            )
        self._is_read = True
        try:
            return await self._next()
        finally:
            self._is_read = False

    async def _next(self) -> LiveEvent:
        await trio.lowlevel.checkpoint()
        while not self._is_closed:
            if self._past:
                return self._past.popleft()
            if self._buffer:
                event = self._buffer.popleft()
                self._on_taken()
                return event
            if self._lost:
                lost, self._lost = self._lost, 0
                raise EventsLost(lost)
            if self._end is not None:
                raise self._end
            behind = next((c for c in self._cursors.values() if c.heard is not None), None)
            if behind is not None:
                await self._read_on(behind)
            else:
                await self._arrived.wait()
        raise StopAsyncIteration

    async def _read_on(self, cursor: _Cursor) -> None:
        """Read a page of the log behind *cursor*. It is live again when the page reaches all that
        happened meanwhile: no await stands between that check and the change."""
        assert self._read_after is not None
        if cursor.rewound is not None:
            self._tell_rewound(cursor)
            return
        heard = cursor.heard
        page = await self._read_after(cursor.room, cursor.last)
        if cursor.rewound is not None:
            return  # the page may be of the log that is no more
        ends = [gap.first - 1 for gap in page.gaps if gap.reason == "rewound"]
        if ends:
            cursor.rewound = Rewound(room=cursor.room, last=ends[0], was=cursor.last)
            return
        self._take_page(cursor, page)
        is_complete = (cursor.heard or 0) <= cursor.last or cursor.heard == heard
        if not page.more and is_complete:
            cursor.last = max(cursor.last, cursor.heard or 0)
            cursor.heard = None

    def _take_page(self, cursor: _Cursor, page: History) -> None:
        """Queue the events and, each in its place, the gaps that say something is missing."""
        last = page.next or max(
            (one.last if isinstance(one, Gap) else one.seq for one in (*page.gaps, *page.events)),
            default=cursor.last,
        )
        gaps = [(gap.first, gap) for gap in page.gaps if gap.reason != "ignored"]
        events = [(event.seq, event) for event in page.events]
        for seq, one in sorted([*gaps, *events], key=itemgetter(0)):
            # A page that was cut to fit in a line tells also of gaps behind its last event.
            if cursor.last < seq <= last:
                self._past.append(one)
        cursor.last = max(cursor.last, last)

    def _tell_rewound(self, cursor: _Cursor) -> None:
        rewound = cursor.rewound
        assert rewound is not None
        cursor.rewound = None
        if rewound.last < cursor.last:
            self._past.append(rewound)
            cursor.last = rewound.last

    # --- the end

    def close(self) -> None:
        """Take no more events, and forget those that wait."""
        self._is_closed = True
        self._buffer.clear()
        self._past.clear()
        self._wake()
        self._on_taken()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = trio.Event()
