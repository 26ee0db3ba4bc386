"""Streams and links of a known capacity for tests: what a socket does when its peer stalls, resets
or half-closes, without a socket. Knows nothing of chat."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeAlias

import trio

from trio_chat.server.net.links import Taker

CAPACITY_BYTES = 1 << 20


class Pipe:
    """One direction: at most *capacity_bytes* wait for whoever reads.

    Attributes:
        ended: nothing more will be written; what waits can still be read.
        broken: the link was reset; what waits is lost.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.data = bytearray()
        self.ended = False
        self.broken = False
        self._changed = trio.Event()

    def push(self, data: bytes | memoryview) -> int:
        """Like `socket.send`."""
        if self.broken or self.ended:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        taken = min(len(data), self.capacity_bytes - len(self.data))
        if taken <= 0:
            raise BlockingIOError
        self.data += data[:taken]
        self.touch()
        return taken

    def pull(self, max_bytes: int) -> bytes | None:
        """Like `socket.recv`, but None for "would block"."""
        if self.broken:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        taken = bytes(self.data[:max_bytes])
        if not taken:
            return b"" if self.ended else None
        del self.data[:max_bytes]
        self.touch()
        return taken

    def end(self) -> None:
        self.ended = True
        self.touch()

    def reset(self) -> None:
        self.broken = True
        self.data.clear()
        self.touch()

    def touch(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def changed(self) -> None:
        await self._changed.wait()


class _End:
    """One end of a link: what comes in, and what goes out."""

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self._closed = False
        self._sending = False

    async def _receive(self, max_bytes: int) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            if self._closed:
                raise trio.ClosedResourceError
            data = self.incoming.pull(max_bytes)
            if data is not None:
                return data
            await self.incoming.changed()

    async def _send_some(self, data: bytes | memoryview) -> int:
        if self._sending:
            raise trio.BusyResourceError("two tasks send on one link")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError
                try:
                    return self.outgoing.push(data)
                except BlockingIOError:
                    await self.outgoing.changed()
        finally:
            self._sending = False

    def reset(self) -> None:
        """As by a crash of this side, or by a close with unread input."""
        self.incoming.reset()
        self.outgoing.reset()

    async def aclose(self) -> None:
        self._closed = True
        if self.incoming.data:
            self.reset()
        self.outgoing.end()
        self.incoming.end()
        await trio.lowlevel.checkpoint()


class PipeStream(_End, trio.abc.HalfCloseableStream):
    """One end as a trio stream."""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[await self._send_some(rest) :]
        except OSError as exc:
            raise trio.BrokenResourceError from exc

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        try:
            return await self._receive(max_bytes or 65_536)
        except OSError as exc:
            raise trio.BrokenResourceError from exc

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self.outgoing.end()


class PipeLink(_End):
    """One end as `trio_chat.server.net.links.Link`: like a socket it is written to directly.

    Attributes:
        peer: the address that it comes from.
        sends: how often it was written to.
        sent_bytes: how many bytes it took.
    """

    def __init__(self, incoming: Pipe, outgoing: Pipe, peer: str = "unix") -> None:
        """*peer* is local unless said: then there is no limit per address."""
        super().__init__(incoming, outgoing)
        self.peer = peer
        self.sends = self.sent_bytes = 0
        self.send: Callable[[bytes | memoryview], int] = self._send

    def _send(self, data: bytes | memoryview) -> int:
        self.sends += 1
        taken = self.outgoing.push(data)
        self.sent_bytes += taken
        return taken

    async def send_some(self, data: bytes | memoryview) -> int:
        taken = await self._send_some(data)
        self.sends += 1
        self.sent_bytes += taken
        return taken

    async def receive(self, taker: Taker) -> bool:
        while chunk := await self._receive(65_536):
            if not taker.take(chunk):
                return True
        return False

    async def end(self) -> None:
        await trio.lowlevel.checkpoint()
        self.outgoing.end()

    def abort(self) -> None:
        self.incoming.data.clear()
        self.incoming.end()
        self.outgoing.end()


Ends: TypeAlias = "tuple[Pipe, Pipe]"


def pipes(capacity_bytes: int = CAPACITY_BYTES) -> Ends:
    """To the server, without a bound that matters; and from the server."""
    return Pipe(CAPACITY_BYTES), Pipe(capacity_bytes)
