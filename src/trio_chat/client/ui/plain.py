"""The plain screen, for where no terminal is: every line of stdin is sent, events are printed as
lines.

It knows no prompt_toolkit. stdout carries what happened, stderr what was refused. Reads and writes
are `os.read` and `os.write` in threads that are abandoned at the end: a thread left inside
`sys.stdin.readline` would hold a lock that the interpreter wants at exit.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import trio

from trio_chat.client.link.connection import Connection
from trio_chat.client.state.effects import Effect, Show
from trio_chat.client.state.model import Model
from trio_chat.client.state.passwords import masked
from trio_chat.client.text.printer import Printer
from trio_chat.events import Error, Event
from trio_chat.wire.lines import LineBuffer
from trio_chat.wire.native import MAX_CLIENT_LINE_BYTES, encode_event
from trio_chat.wire.render_text import render

# Beyond this many lines without an answer stdin is not read on: 64 x 16 KiB.
UNANSWERED_LINES = 64
READ_BYTES = 65_536


class PlainScreen:
    """Prints events as lines, and waits until every line of stdin was answered.

    Args:
        model: asked for what is unanswered.
        is_json: stdout gets the events as the native wire has them, errors too.
        stdin, stdout, stderr: file descriptors.

    Attributes:
        was_refused: a line of stdin was, for good.
        stdout: what happens is printed to it.
    """

    def __init__(
        self,
        model: Model,
        *,
        is_json: bool = False,
        stdin: int = 0,
        stdout: int = 1,
        stderr: int = 2,
    ) -> None:
        self.was_refused = False
        self._model = model
        self._is_json = is_json
        self._stdin = stdin
        self._printers = {fd: Printer(fd, self._wake) for fd in (stdout, stderr)}
        self.stdout = self._printers[stdout]
        self._stderr = self._printers[stderr]
        self._changed = trio.Event()

    def on_effects(self, effects: Sequence[Effect]) -> None:
        """Queue a batch for printing."""
        for effect in effects:
            if isinstance(effect, Show):
                self._print(effect.event, effect.refused)
        self._wake()

    def _print(self, event: Event, refused: str) -> None:
        if isinstance(event, Error):
            self._stderr.put(_error_lines(event, refused))
            self.was_refused = self.was_refused or bool(refused)
        if self._is_json:
            self.stdout.put(encode_event(event).decode().removesuffix("\n").split("\n"))
        elif not isinstance(event, Error):
            self.stdout.put(render(event))

    def on_status(self) -> None:
        pass

    async def keep_pace(self) -> None:
        """Wait while too much is unprinted: a stalled reader of stdout stalls the link, and
        what was missed comes with the resume."""
        await self.stdout.wait_below()

    async def run(self, connection: Connection) -> None:
        """Send stdin line by line; return when it has ended and each line was answered, or
        when nobody reads stdout any more, or when the room asked for cannot be had."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_early, nursery.cancel_scope)
            async with aclosing(self._stdin_lines()) as lines:
                async for line in lines:
                    connection.typed(line)
                    await self._wait_until(lambda: self._unanswered < UNANSWERED_LINES)
            await self._wait_until(lambda: self._model.has_been_online and not self._unanswered)
            nursery.cancel_scope.cancel()

    async def serve(self) -> None:
        async with trio.open_nursery() as nursery:
            for printer in self._printers.values():
                nursery.start_soon(printer.run)

    async def flush(self) -> None:
        """Wait until everything is printed."""
        for printer in self._printers.values():
            await printer.wait_below(1)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    @property
    def _unanswered(self) -> int:
        return len(self._model.outgoing)

    async def _end_early(self, scope: trio.CancelScope) -> None:
        await self._wait_until(
            lambda: self.stdout.is_closed or self._model.first_room_refused is not None
        )
        scope.cancel()

    async def _wait_until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._changed.wait()

    async def _stdin_lines(self) -> AsyncGenerator[str, None]:
        buffer = LineBuffer(MAX_CLIENT_LINE_BYTES)
        while chunk := await trio.to_thread.run_sync(
            os.read, self._stdin, READ_BYTES, abandon_on_cancel=True
        ):
            for line in buffer.feed(chunk):
                if not isinstance(line, bytes):
                    self.was_refused = True
                    self._stderr.put([f"* error: a line has more than {line.limit_bytes} bytes"])
                elif line.strip():
                    yield line.decode("utf-8", "replace")
        if rest := buffer.rest():
            yield rest.decode("utf-8", "replace")


def _error_lines(event: Error, refused: str) -> list[str]:
    lines = [f"* error: {line.removeprefix('* ')}" for line in render(event)]
    return [*lines, f"* not sent: {masked(refused)!r}"] if refused else lines
