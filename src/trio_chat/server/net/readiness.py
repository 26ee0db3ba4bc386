"""A watch on thousands of sockets that seldom have something to read.

One task watches an edge-triggered epoll set of its own and tells the links. trio's
`wait_readable` costs a call into the kernel for each wait, which a chat full of talkers feels most;
here a socket is registered once. Linux only: elsewhere links wait with trio (`links.SocketLink`).
"""

from __future__ import annotations

import select
import socket
from collections import deque
from typing import Protocol

import trio

# Told before the other tasks get a turn: some 10 µs each when all of them talk.
_EVENTS_AT_ONCE = 1024
# Woken before the other tasks get a turn: a hello or a join takes 100 µs and more.
_WOKEN_AT_ONCE = 8
_CLOSED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Watched(Protocol):
    def readable(self, *, closed: bool) -> None:
        """There may be something to read, or room to write. *closed*: the peer has said its last,
        so no further edge will tell; read to the end. Raises nothing."""

    def wake(self) -> None:
        """Wake the task that waits for it, if one still does. Raises nothing."""


class Readiness:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Watched] = {}
        self._to_wake: deque[Watched] = deque()

    def add(self, sock: socket.socket, watched: Watched, *, writable: bool = False) -> None:
        """Tell *watched* when *sock* is readable, until `remove`; *writable*: also when it takes
        more after it was full."""
        events = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
        self._epoll.register(sock, events | select.EPOLLOUT if writable else events)
        self._watched[sock.fileno()] = watched  # now it is ours to remove

    def remove(self, sock: socket.socket) -> None:
        """Watch no more, if it is watched; call it before the socket is closed."""
        is_watched = self._watched.pop(sock.fileno(), None) is not None
        if is_watched and not self._epoll.closed:  # else everything was cancelled at once
            self._epoll.unregister(sock)

    def wake_soon(self, watched: Watched) -> None:
        """Have `wake` called when it is its turn: in this turn of the event loop, unless many
        others are to be woken as well. What is taken without waking a task overtakes them."""
        self._to_wake.append(watched)

    async def run(self) -> None:
        """Tell the links until cancelled."""
        watched = self._watched
        with self._epoll:
            while True:
                if self._to_wake:
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(self._epoll.fileno())
                for number, events in self._epoll.poll(0, _EVENTS_AT_ONCE):
                    watched[number].readable(closed=bool(events & _CLOSED))
                for _ in range(min(_WOKEN_AT_ONCE, len(self._to_wake))):
                    self._to_wake.popleft().wake()
