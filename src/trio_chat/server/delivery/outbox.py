"""The bounded queue to one session. Nobody who delivers here ever waits.

What the link takes at once is never queued. What it does not take waits here, and a writer task
exists for as long as something waits. There are two ways in:

* `deliver` is for a share of a room's talk. When more than `limit_bytes` wait it is refused; the
  session then *lags* and reads from the log, later, what it was refused.
* `put` is for answers to the session itself. They are never refused, because the session is not
  read from while much waits (`drained`); while it lags they wait for the log to be caught up
  with, so that nothing overtakes.

| state   | told by | `deliver`          | `put`   | ends when                                   |
|---------|---------|--------------------|---------|---------------------------------------------|
| idle    | idle    | sent               | sent    | the link does not take all of it: queued    |
| corked  | corked  | held               | held    | `uncork`, or too much is held: idle, queued |
| queued  | queue   | queued, or refused | queued  | all is sent: idle                           |
| lagging | lagging | ignored            | held    | the log is caught up with: queued, idle     |
| sealed  | sealed  | ignored            | queued  | never; what waits still goes out            |
| closed  | closed  | ignored            | ignored | never                                       |

A lagging or sealed outbox may have a queue as well; it is named after what `deliver` does.

So what waits here is at most limit_bytes of talk, an event that was begun, what one session reads
from the log at a time, and the answers to one chunk of requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

import trio

from trio_chat.server.net.links import Link

# Small pieces are joined up to this many bytes before a send.
_JOIN_BYTES = 65_536

Refill: TypeAlias = Callable[[], Awaitable[bytes]]


class Owner(Protocol):
    def start_writer(self) -> None:
        """Start `Outbox.write` in a task of its own."""


class Outbox:
    """See the module.

    Attributes:
        idle: nothing waits, so that the link may be tried directly.
        lagging: talk is refused until `catch_up` has read what was missed.
        sealed: talk is no longer taken, because the `bye` was the last.
        closed: nothing is taken any more.
    """

    __slots__ = (
        "_corked",
        "_corked_bytes",
        "_empty",
        "_held",
        "_link",
        "_owner",
        "_queue",
        "_writing",
        "closed",
        "idle",
        "lagging",
        "limit_bytes",
        "queued_bytes",
        "sealed",
        "send",
    )

    def __init__(self, link: Link, limit_bytes: int, owner: Owner) -> None:
        self._link = link
        self.send = link.send
        self.limit_bytes = limit_bytes
        self._owner = owner
        self._queue: deque[bytes | memoryview] | None = None
        self._held: list[bytes] | None = None
        self._corked: list[bytes] | None = None
        self._corked_bytes = 0
        self._empty: trio.Event | None = None
        self._writing = False
        self.queued_bytes = 0
        self.idle = True
        self.lagging = False
        self.sealed = False
        self.closed = False

    @property
    def flows(self) -> bool:
        """Nothing waits here that the link did not take, and nothing in the log."""
        return not (self.queued_bytes or self.lagging or self.closed)

    def deliver(self, data: bytes) -> bool:
        """Take a share of a room's talk. False: refused. Then try the link, if `idle`; else the
        session must lag from here."""
        if self.closed or self.lagging or self.sealed:
            return True  # it will be read from the log, or by nobody
        if self._corked is not None:
            if self._corked_bytes + len(data) <= self.limit_bytes:
                self._corked.append(data)
                self._corked_bytes += len(data)
                return True
            self.uncork(b"")
            if self.idle:
                return False
        if self.queued_bytes + len(data) > self.limit_bytes and self.queued_bytes:
            return False
        self._send(data)
        return True

    def put(self, data: bytes) -> None:
        """Take an answer to the session itself. Raises nothing: a broken link shows to its
        reader."""
        if self.closed or not data:
            return
        if self.lagging:
            self._held = self._held or []
            self._held.append(data)
        elif self._corked is not None:
            self._corked.append(data)
        else:
            self._send(data)

    def cork(self) -> None:
        """Hold what is delivered until `uncork`, so that it leaves in one send."""
        if self.idle:
            self._corked = []
            self._corked_bytes = 0
            self.idle = False

    def uncork(self, data: bytes) -> None:
        """Send what was held since `cork`, and *data* after it."""
        if self._corked is not None:
            held, self._corked = self._corked, None
            self.idle = not self.lagging
            data = b"".join((*held, data))
        self.put(data)

    def keep(self, data: bytes, sent: int) -> bool:
        """Queue the rest of *data*, of which the link took *sent* bytes. False: refused, it is
        too much; the caller must `keep` a piece that ends with the event begun, and lag."""
        if len(data) - sent > self.limit_bytes:
            return False
        self._enqueue(memoryview(data)[sent:])
        return True

    def lag(self) -> None:
        self.lagging = True
        self.idle = False
        self._ensure_writer()

    def seal(self) -> None:
        """Take no more talk; what waits still goes out."""
        self.sealed = True
        self.idle = False

    def fail(self) -> None:
        """The link broke in a send: drop everything, and let the reader find out."""
        self.close()
        self._link.abort()

    def close(self) -> None:
        """Drop everything and take nothing more."""
        self.closed = True
        self.idle = False
        self._queue = self._held = self._corked = None
        self.queued_bytes = 0
        self._notify()

    async def drained(self, below_bytes: int = 1) -> None:
        """Wait until fewer than *below_bytes* wait here, and none of it in the log."""
        while not self.closed and (self.queued_bytes >= below_bytes or self.lagging):
            if self._empty is None:
                self._empty = trio.Event()
            await self._empty.wait()

    def _send(self, data: bytes) -> None:
        sent = 0
        if self.idle:
            try:
                sent = self.send(data)
            except BlockingIOError:
                pass
            except OSError:
                self.fail()
                return
        if sent < len(data):
            self._enqueue(memoryview(data)[sent:] if sent else data)

    def _enqueue(self, data: bytes | memoryview) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(data)
        self.queued_bytes += len(data)
        self.idle = False
        self._ensure_writer()

    def _ensure_writer(self) -> None:
        if not self._writing:
            self._writing = True
            self._owner.start_writer()

    # --- the writer task

    async def write(self, catch_up: Refill, stall_seconds: float) -> None:
        """Send what waits, then what *catch_up* reads from the log, until nothing is left.

        *catch_up* returns b"" when there is no more, having called `caught_up` at the moment
        when that was true.

        Raises:
            trio.TooSlowError: the peer took nothing for *stall_seconds*.
            OSError, trio.BrokenResourceError, trio.ClosedResourceError: the link is gone.
        """
        try:
            while not self.closed:
                if self._queue:
                    with trio.fail_after(stall_seconds):
                        await self._write_some()
                elif self.lagging:
                    if data := await catch_up():
                        self._enqueue(data)
                else:
                    break
        finally:
            self._writing = False
            if not self.closed:
                self.idle = not (self._queue or self.sealed)
                self._queue = self._queue or None
                self._notify()

    def caught_up(self) -> None:
        """The log has been read to the point that was broadcast last: take talk again."""
        self.lagging = False
        for data in self._held or ():
            self._enqueue(data)
        self._held = None

    async def _write_some(self) -> None:
        data = self._next_piece()
        sent = await self._link.send_some(data)
        if self._queue is None:  # closed meanwhile
            return
        if sent < len(data):
            self._queue.appendleft(memoryview(data)[sent:])
        self.queued_bytes -= sent
        self._notify()

    def _next_piece(self) -> bytes | memoryview:
        assert self._queue
        piece = self._queue.popleft()
        if len(piece) >= _JOIN_BYTES or not self._queue:
            return piece
        pieces, size = [piece], len(piece)
        while self._queue and size < _JOIN_BYTES:
            pieces.append(self._queue.popleft())
            size += len(pieces[-1])
        return b"".join(pieces)

    def _notify(self) -> None:
        if self._empty is not None:
            self._empty.set()
            self._empty = None
