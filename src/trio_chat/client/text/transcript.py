"""Everything shown, appended to a file that only its owner can read: what `log_file` asks for.

It knows no screen. What was typed and refused is not written down: it may hold a password.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trio_chat.client.state.effects import Effect, Show
from trio_chat.client.state.room.line import at_milliseconds
from trio_chat.client.text.printer import Printer
from trio_chat.errors import ConfigError
from trio_chat.events import Event
from trio_chat.wire.render_text import render


class Transcript:
    """Lines as the plain screen shows them, each after its date."""

    def __init__(self, fd: int) -> None:
        self.printer = Printer(fd)

    def on_effects(self, effects: Sequence[Effect]) -> None:
        """Queue what is shown; see `Printer.run`."""
        for effect in effects:
            if isinstance(effect, Show):
                day = _day(effect.event)
                self.printer.put([f"{day} {line}" for line in render(effect.event)])


@contextmanager
def open_transcript(file: Path) -> Iterator[Transcript]:
    """Append to *file*, made with mode 0600 if there is none.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        fd = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be written: {exc.strerror}") from None
    try:
        yield Transcript(fd)
    finally:
        os.close(fd)


def _day(event: Event) -> str:
    at_ms = at_milliseconds(getattr(event, "at", ""))
    return time.strftime("%Y-%m-%d", time.localtime(at_ms / 1000 if at_ms else None))
