"""The client as a process in a terminal of its own: a pseudo-terminal, looked at through pyte.

`python tests/support_terminal.py` serves what it connects to, on a free port.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pyte
import trio

from support_client import FakeServer
from trio_chat.events import Error
from trio_chat.requests import Hello

ACCOUNT, PASSWORD = "ada", "right"
# A busy machine, and the interpreter that measures coverage.
PATIENCE_SECONDS = 20.0


class RealTerminal:
    """*arguments*: of `trio-chat`, or a whole command that begins with something else."""

    def __init__(
        self,
        *arguments: str,
        home: Path,
        rows: int = 24,
        columns: int = 80,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self.printed = ""  # everything that was ever written to it
        command = [sys.executable, "-m", "trio_chat", *arguments]
        if arguments[0].startswith("/"):
            command = list(arguments)
        self.child = pexpect.spawn(
            command[0],
            command[1:],
            env=environment(home, **(variables or {})),
            dimensions=(rows, columns),
            encoding="utf-8",
        )
        self.before = termios.tcgetattr(self.child.child_fd)

    def type(self, text: str) -> None:
        self.child.send(text)

    def sees(self, pattern: str) -> str:
        """Wait until the screen shows what *pattern* matches; return the screen."""
        self.until(lambda: re.search(pattern, self.text) is not None, pattern)
        return self.text

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait for it, while the program runs."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        is_running = True
        while not is_so():
            why = "in time" if is_running else "before it ended"
            is_possible = is_running and time.monotonic() < deadline
            assert is_possible, f"{what!r} was not shown {why}:\n{self.text}"
            is_running = self._read()

    def ends(self) -> int:
        """Wait for its end; return the exit code."""
        while self._read():
            pass
        self.child.wait()
        return int(self.child.exitstatus)

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.screen.display).rstrip()

    @property
    def is_restored(self) -> bool:
        """Whether the terminal is as it was found: not raw, cursor shown, no screen of ours."""
        modes = re.findall(r"\x1b\[\?(25|1049)([hl])", self.printed)
        last: dict[str, str] = dict(modes)
        is_shown = last.get("25", "h") == "h" and last.get("1049", "l") == "l"
        return is_shown and bool(termios.tcgetattr(self.child.child_fd) == self.before)

    def _read(self) -> bool:
        """Take in what it wrote; return False at the end."""
        try:
            new = self.child.read_nonblocking(65_536, timeout=PATIENCE_SECONDS)
        except pexpect.EOF:
            return False
        except pexpect.TIMEOUT:
            return True
        self.printed += new
        self._stream.feed(new)
        return True


@contextmanager
def terminal(*arguments: str, home: Path, **options: Any) -> Iterator[RealTerminal]:
    """Run until the end of the block at most. *options*: of `RealTerminal`."""
    running = RealTerminal(*arguments, home=home, **options)
    try:
        yield running
    finally:
        running.child.close(force=True)


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's who has nothing but *home*, on a terminal that knows colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TRIO_CHAT_")}
    for name in ("NO_COLOR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "TMUX", "COLORTERM"):
        kept.pop(name, None)
    return {**kept, "HOME": str(home), "TERM": "xterm-256color", "LANG": "C.UTF-8", **more}


@contextmanager
def fake_server() -> Iterator[str]:
    """A server with one account, in a process of its own; yields its address."""
    command = [sys.executable, str(Path(__file__).resolve())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


class AccountServer(FakeServer):
    """Knows one account."""

    async def _hello(self, stream: trio.abc.Stream, hello: Hello) -> None:
        if hello.account is not None and (hello.account, hello.password) != (ACCOUNT, PASSWORD):
            self.hello_errors = [Error(code="login_failed", message="the password is wrong")]
        await super()._hello(stream, hello)


async def serve() -> None:
    async with trio.open_nursery() as nursery:
        server = AccountServer(nursery)
        listeners: list[Any] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        print(listeners[0].socket.getsockname()[1], flush=True)
        await trio.serve_listeners(server.serve, listeners)


if __name__ == "__main__":
    trio.run(serve)
