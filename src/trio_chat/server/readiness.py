"""Which sockets have something to read, for thousands of sockets that seldom have.

One task watches an edge-triggered epoll set of its own and wakes the readers. trio's
`wait_readable` costs a call into the kernel for each wait, which a chat full of talkers feels most;
here a socket is registered once. Linux only: elsewhere links wait with trio (`links.SocketLink`).
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable

import trio

_EVENTS_AT_ONCE = 4096
_CLOSED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Reader:
    """The readiness of one socket.

    Attributes:
        ready: there may be something to read. Whoever has read less than it asked for clears it,
            unless `closed`.
        closed: the peer has said its last; no further edge will come, so read to the end.
    """

    __slots__ = ("_task", "closed", "ready")

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self.ready = False
        self.closed = False

    def park(self) -> Callable[[object], trio.lowlevel.Abort]:
        """Have the current task woken when `ready`; return what `wait_task_rescheduled` needs."""
        self._task = trio.lowlevel.current_task()
        return self._abort

    def wake(self, events: int) -> None:
        self.ready = True
        if events & _CLOSED:
            self.closed = True
        if self._task is not None:
            task, self._task = self._task, None
            trio.lowlevel.reschedule(task)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class Readiness:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Reader] = {}

    def add(self, sock: socket.socket) -> Reader:
        """Watch *sock* until `remove`."""
        reader = self._readers[sock.fileno()] = Reader()
        self._epoll.register(sock, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        return reader

    def remove(self, sock: socket.socket) -> None:
        """Watch no more; call it before the socket is closed."""
        if not self._epoll.closed:  # else everything was cancelled at once
            self._epoll.unregister(sock)
        del self._readers[sock.fileno()]

    async def run(self) -> None:
        """Wake readers until cancelled."""
        readers = self._readers
        with self._epoll:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                for number, events in self._epoll.poll(0, _EVENTS_AT_ONCE):
                    readers[number].wake(events)
