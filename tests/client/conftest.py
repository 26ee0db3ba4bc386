"""A whole terminal without a TTY: what is typed comes from a pipe, what is drawn goes into pyte.

And a program at a fake server."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyte
import pytest
import trio
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from support_client import FakeServer
from support_library import Bot, bot_at


class _Out(io.StringIO):
    encoding = "utf-8"

    def __init__(self, feed: Callable[[str], None]) -> None:
        super().__init__()
        self._feed = feed

    def write(self, text: str) -> int:
        self._feed(text)
        return len(text)

    def fileno(self) -> int:
        raise io.UnsupportedOperation

    def isatty(self) -> bool:
        return True


class Screen(pyte.Screen):
    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self.bells = 0
        self.notifications: list[str] = []
        self.set_mode(pyte.modes.LNM)
        self._stream = pyte.Stream(self)
        self.output = Vt100_Output(
            _Out(self._write),
            lambda: Size(self.lines, self.columns),
            term="xterm-256color",
            enable_cpr=False,
        )

    def _write(self, text: str) -> None:
        self._stream.feed(text)
        self.notifications += re.findall(r"\x1b\]((?:9|777);.*?)\x1b\\", text, re.DOTALL)

    def bell(self, *args: object) -> None:
        self.bells += 1

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.display)


class Terminal(NamedTuple):
    keyboard: PipeInput
    screen: Screen


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Terminal]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    screen = Screen(70, 14)
    with (
        create_pipe_input() as keyboard,
        create_app_session(input=keyboard, output=screen.output),
    ):
        yield Terminal(keyboard, screen)


# --- a program at the fake server


@pytest.fixture
def server(nursery: trio.Nursery) -> FakeServer:
    return FakeServer(nursery)


@pytest.fixture
def bot(server: FakeServer) -> Bot:
    return bot_at(server)
