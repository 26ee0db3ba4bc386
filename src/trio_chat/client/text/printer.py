"""Lines written to a file descriptor in a thread, so that a full pipe or a slow disk stops nobody.

It knows no events. The thread is abandoned at the end: nobody waits for who does not read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import trio

# Beyond this many bytes that nobody has taken, the server is not read from.
UNWRITTEN_BYTES = 262_144
WRITE_BYTES = 65_536


class Printer:
    """A queue of lines for one file descriptor.

    Once nothing can be written any more, *on_closed* is called, and further lines are dropped.

    Attributes:
        error: why nothing can be written, unless it is only that nobody reads any more.
    """

    def __init__(self, fd: int, on_closed: Callable[[], None] = lambda: None) -> None:
        self.is_closed = False
        self.error: OSError | None = None
        self._fd = fd
        self._on_closed = on_closed
        self._unwritten = bytearray()
        self._queued = trio.Event()
        self._written = trio.Event()

    def put(self, lines: Sequence[str]) -> None:
        if lines and not self.is_closed:
            text = "".join(f"{line}\n" for line in lines)
            self._unwritten += text.encode("utf-8", "replace")
            self._queued.set()

    async def wait_below(self, unwritten_bytes: int = UNWRITTEN_BYTES) -> None:
        while len(self._unwritten) >= unwritten_bytes:
            await self._written.wait()
        await trio.lowlevel.checkpoint()

    async def run(self) -> None:
        while True:
            await self._queued.wait()
            self._queued = trio.Event()
            while self._unwritten:
                await self._write_some()

    async def _write_some(self) -> None:
        piece = bytes(self._unwritten[:WRITE_BYTES])
        try:
            written_bytes = await trio.to_thread.run_sync(
                os.write, self._fd, piece, abandon_on_cancel=True
            )
        except OSError as exc:
            self.is_closed = True
            self.error = None if isinstance(exc, BrokenPipeError) else exc
            written_bytes = len(self._unwritten)
            self._on_closed()
        del self._unwritten[:written_bytes]
        self._written.set()
        self._written = trio.Event()
