"""Links, the transports of sessions: receive, try to send, wait to send, end, abort.

A TCP or Unix socket is written to directly, since waking a task for each recipient would cost
ten times the send. Any other trio stream (memory streams in tests) serves through the same
interface; it takes nothing at once, so its session always has a writer.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, TypeAlias

import outcome
import trio

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness

Send: TypeAlias = Callable[[bytes | memoryview], int]

RECEIVE_BYTES = 16_384
# A stream tells only that it took everything, so how much shows whether its peer still reads.
_PIECE_BYTES = 16_384


class Taker(Protocol):
    def take(self, chunk: bytes) -> bool:
        """Deal with *chunk*, which arrived, as far as that needs no waiting. False: the rest is
        kept for the task, which is to be woken and deals with it before it receives again."""


class Link(Protocol):
    """One peer's transport. *peer* is its address, for the log and for limits."""

    @property
    def peer(self) -> str: ...

    async def receive(self, taker: Taker) -> bool:
        """Let *taker* have what arrives. Return True when it has kept something, or may have; call
        again then. Return False when nothing more will come. Always a checkpoint.

        Raises:
            OSError, trio.BrokenResourceError, trio.ClosedResourceError: the link is gone.
            Exception: whatever the taker raises.
        """

    @property
    def send(self) -> Send:
        """Send what can be sent at once; returns how many bytes.

        Raises:
            BlockingIOError: nothing can.
            OSError: the link is gone.
        """

    async def send_some(self, data: bytes | memoryview) -> int:
        """Wait until something can be sent, send it, return how many bytes. Raises like
        `receive`. If cancelled, treat the link as dead."""

    async def end(self) -> None:
        """Tell the peer that nothing more will come; go on receiving."""

    def abort(self) -> None:
        """Make `receive` return False now."""

    async def aclose(self) -> None: ...


class SocketLink:
    """A non-blocking socket that this object owns."""

    __slots__ = ("_full", "_socket", "peer", "send")

    def __init__(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        self._socket = sock
        self.peer = peer
        self.send: Send = sock.send  # bound here once: a method round it would cost each delivery
        self._full = False

    async def receive(self, taker: Taker) -> bool:
        while True:
            # After a full read there is probably more: try at once, but let the others run.
            if self._full:
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(self._socket)
            try:
                chunk = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                self._full = False
                continue
            self._full = len(chunk) == RECEIVE_BYTES
            if not (chunk and taker.take(chunk)):
                return bool(chunk)

    async def send_some(self, data: bytes | memoryview) -> int:
        while True:
            await trio.lowlevel.wait_writable(self._socket)
            try:
                return self.send(data)
            except BlockingIOError:
                continue

    async def end(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        with suppress(OSError):  # the peer was faster
            self._socket.shutdown(socket.SHUT_RDWR)

    async def aclose(self) -> None:
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()


class WatchedLink(SocketLink):
    """A socket whose readiness `readiness.Readiness` tells.

    While the task waits in `receive`, what arrives is offered to its taker from the task that
    watches all sockets, so that no task is woken for a line of talk.
    """

    __slots__ = ("_closed", "_readable", "_readiness", "_result", "_taker", "_task")

    def __init__(
        self, sock: socket.socket, peer: str, readiness: Readiness, *, writable: bool = False
    ) -> None:
        """*writable*: be told, too, when the socket takes more after it was full."""
        super().__init__(sock, peer)
        self._readiness = readiness
        self._readable = False  # perhaps
        self._closed = False
        self._task: trio.lowlevel.Task | None = None  # waits in `receive`
        self._taker: Taker | None = None
        self._result: outcome.Outcome[bool] | None = None  # what its task will be woken with
        readiness.add(sock, self, writable=writable)

    async def receive(self, taker: Taker) -> bool:
        while self._readable:
            await trio.lowlevel.checkpoint()
            chunk = self._read()
            if chunk is not None and not (chunk and taker.take(chunk)):
                return bool(chunk)
        self._task, self._taker = trio.lowlevel.current_task(), taker
        goes_on: bool = await trio.lowlevel.wait_task_rescheduled(self._give_up)
        return goes_on

    def readable(self, *, closed: bool) -> None:
        self._readable = True
        self._closed = self._closed or closed
        if self._task is None or self._result is not None:
            return
        try:
            goes_on = self._offer()
        except Exception as exc:  # a link's error, or a bug: the one who receives gets it
            self._result = outcome.Error(exc)
        else:
            self._result = None if goes_on is None else outcome.Value(goes_on)
        if self._result is not None:
            self._readiness.wake_soon(self)

    def _read(self) -> bytes | None:
        """Return what has arrived, b"" at the end; None: nothing, and the next edge will tell."""
        try:
            chunk = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            self._readable = self._closed
            return None
        # After a short read the next edge tells, unless there will be none.
        self._readable = self._closed or len(chunk) == RECEIVE_BYTES
        return chunk

    def _offer(self) -> bool | None:
        """Offer what has arrived to the taker. Return what `receive` is to return; None: the task
        need not be woken."""
        chunk = self._read()
        if not chunk or self._taker is None:
            return None if chunk is None else False
        is_taken = self._taker.take(chunk)
        return None if is_taken and not self._readable else True

    def wake(self) -> None:
        task, result = self._task, self._result
        self._task = self._result = None
        if task is not None and result is not None:
            trio.lowlevel.reschedule(task, result)

    def _give_up(self, _: object) -> trio.lowlevel.Abort:
        self._task = self._result = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def aclose(self) -> None:
        self._readiness.remove(self._socket)
        await super().aclose()


class StreamLink:
    """Any trio stream."""

    def __init__(self, stream: trio.abc.Stream, peer: str = "stream") -> None:
        self._stream = stream
        self.peer = peer
        self._receiving = trio.CancelScope()
        self._aborted = False

    async def receive(self, taker: Taker) -> bool:
        with trio.CancelScope() as self._receiving:
            if self._aborted:
                self._receiving.cancel()
            while chunk := bytes(await self._stream.receive_some(RECEIVE_BYTES)):
                if not taker.take(chunk):
                    return True
        return False

    def send(self, data: bytes | memoryview) -> int:
        raise BlockingIOError

    async def send_some(self, data: bytes | memoryview) -> int:
        piece = data[:_PIECE_BYTES]
        await self._stream.send_all(piece)
        return len(piece)

    async def end(self) -> None:
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()

    def abort(self) -> None:
        self._aborted = True
        self._receiving.cancel()

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)


class SslStreamLink(StreamLink):
    """An encrypted stream, where `tls_links.TlsLink` cannot watch the socket."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        super().__init__(stream, peer_address(stream.transport_stream.socket))

    async def aclose(self) -> None:
        await self._stream.aclose()


def peer_address(sock: socket.socket | trio.socket.SocketType) -> str:
    try:
        name = sock.getpeername()
    except OSError:
        return "gone"
    # One string for all who come from one address.
    return sys.intern(str(name[0])) if isinstance(name, tuple) else "unix"
