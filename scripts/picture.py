"""Makes docs/client.svg: the full-screen client in a real conversation, cell by cell.

    python scripts/picture.py [FILE.svg]

A server and the client run as processes of their own, the client in a pseudo-terminal; the others
are programs that talk through the library. All clocks stand still but when a line is due, so that
the picture is the same each time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import pexpect
import pyte
import trio
from pyte.screens import Char

from trio_chat.client import Chat, open_chat

ROOT = Path(__file__).resolve().parent.parent
ROWS, COLUMNS = 30, 100
PATIENCE_SECONDS = 20.0

# When it begins: 2026-11-20 14:01:30 UTC.
START_SECONDS = 1_795_183_290

# Before anything else is imported, so that nobody has the real clock.
CHILD = """
import sys, time
file = sys.argv.pop(1)
time.time = lambda: float(open(file).read())
time.time_ns = lambda: int(time.time() * 1e9)
from trio_chat.cli import main
sys.exit(main())
"""

ROOMS = {"lobby": "release 2.0 on Friday · be kind", "dev": "trunk is green"}
# In a minute of the picture: who says what where; alice types.
TO_LOBBY, TO_DEV = "\x1b1", "\x1b2"
TALK = (
    (1, "grace", "lobby", "good afternoon everyone"),
    (1, "alice", "lobby", "hello grace\r"),
    (1, "grace", "lobby", "the nightly build is green again, I bisected it to the framing code"),
    (2, "linus", "lobby", "nice. patch? https://git.example/chat/commit/9f3c1d7"),
    (2, "田中", "lobby", "日本語のメッセージも正しく折り返されますか？"),
    (3, "barbara", "lobby", "yes: widths are counted in cells, and text is cut between graphemes"),
    (3, "edsger", "lobby", "/me reads the diff"),
    (4, "edsger", "lobby", "the fix is *one line*:\n```\nbuffer = LineBuffer(limit_bytes)\n```"),
    (4, "alice", "lobby", "that explains the 16 KiB lines I saw yesterday\r"),
    (5, "alice", "lobby", TO_DEV),
    (6, "hedy", "lobby", "the release notes are in `docs/`, please have a look"),
    (6, "linus", "lobby", "will do 👍"),
    (7, "ada", "lobby", "@alice could you bump the protocol version, too?"),
    (7, "alice", "lobby", TO_LOBBY),
    (8, "alice", "lobby", "on it\r"),
    (8, "hedy", "dev", "who has the pager this week?"),
    (8, "grace", "@alice", "thanks for the review!"),
)
DRAFT = "linus: shall we tag it today?"
NICKS = tuple(dict.fromkeys(nick for _, nick, _, _ in TALK if nick != "alice"))

CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18.0, 14.0
INK, PAPER = "#d4d4d4", "#16181d"
NAMED = {
    "black": "#16181d",
    "red": "#d75f5f",
    "green": "#55a055",
    "brown": "#a87f00",
    "blue": "#5f87d7",
    "magenta": "#af5fd7",
    "cyan": "#0098a0",
    "white": "#d4d4d4",
}


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/client.svg"
    with tempfile.TemporaryDirectory() as home:
        clock = Clock(Path(home) / "clock")
        clock.set(START_SECONDS)
        with serving(clock, home) as address:
            screen = Screen(clock, home, address)
            trio.run(converse, clock, address, screen)
            drawing = re.sub("● [0-9]+ ms", "● 1 ms", svg(screen.cells))
            target.write_text(drawing, encoding="utf-8")
            screen.end()
    print(target)


class Clock:
    """A file with the time in it, which the processes of the picture share."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def set(self, seconds: int) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self.file)


# --- the conversation


async def converse(clock: Clock, address: str, screen: Screen) -> None:
    """Everybody but alice enters and talks; what alice says is typed."""
    async with AsyncExitStack() as stack:
        people: dict[str, Chat] = {}

        async def enter(*nicks: str) -> None:
            for nick in nicks:
                people[nick] = await stack.enter_async_context(open_chat(address, nick=nick))
                await people[nick].command("/join dev")

        await enter(*NICKS[:2])
        for room, topic in ROOMS.items():
            await people[NICKS[0]].command(f"/topic {topic}", room=room)
        await trio.to_thread.run_sync(screen.open)
        await enter(*NICKS[2:])
        for minute, nick, room, text in TALK:
            clock.set(START_SECONDS + minute * 60)
            if nick == "alice":
                screen.type(text)
            elif text.startswith("/"):
                await people[nick].command(text, room=room)
            else:
                await people[nick].say(room, text)
            await trio.to_thread.run_sync(screen.settle)
        screen.type(DRAFT)
        await trio.to_thread.run_sync(screen.settle)


# --- the processes


def child(clock: Clock, home: str) -> tuple[list[str], dict[str, str]]:
    """How to run `trio-chat` with the clock of the picture."""
    command = [sys.executable, "-c", CHILD, str(clock.file)]
    variables = {"HOME": home, "TZ": "UTC", "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return command, {**kept, "COLORTERM": "truecolor", **variables}


@contextmanager
def serving(clock: Clock, home: str) -> Iterator[str]:
    command, variables = child(clock, home)
    command += ["serve", "--memory", "--listen", "127.0.0.1:0", "--set", "limits.flood=false"]
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


class Screen:
    """The client in a pseudo-terminal, and what it shows."""

    def __init__(self, clock: Clock, home: str, address: str) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self._screen)
        self._command, self._variables = child(clock, home)
        self._command += ["connect", address, "--nick", "alice", "--theme", "dark"]
        self._child: pexpect.spawn

    def open(self) -> None:
        self._child = pexpect.spawn(
            self._command[0],
            self._command[1:],
            env=self._variables,
            dimensions=(ROWS, COLUMNS),
            encoding="utf-8",
        )
        self.wait("you joined")
        self.type("/join dev\r")
        self.wait(ROOMS["dev"])
        self.type("\x1b1")
        self.wait(ROOMS["lobby"])

    def type(self, text: str) -> None:
        self._child.send(text)

    def wait(self, text: str) -> None:
        """Wait until *text* is shown."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in "\n".join(self._screen.display):
            if time.monotonic() > deadline:
                raise SystemExit("\n".join([*self._screen.display, f"no {text!r} there"]))
            self._read(1.0)

    def settle(self) -> None:
        """Take in what is still drawn; the screen is drawn at least once a second."""
        while self._read(0.3):
            pass

    def end(self) -> None:
        self._child.close(force=True)

    def _read(self, seconds: float) -> bool:
        try:
            self._stream.feed(self._child.read_nonblocking(65_536, timeout=seconds))
        except pexpect.TIMEOUT:
            return False
        return True

    @property
    def cells(self) -> list[list[Char]]:
        return [[self._screen.buffer[y][x] for x in range(COLUMNS)] for y in range(ROWS)]


# --- from cells to SVG


class Look(NamedTuple):
    ink: str
    paper: str
    is_bold: bool
    is_italic: bool
    is_underlined: bool


class Run(NamedTuple):
    """Cells side by side that look the same; *column*: of the first."""

    column: int
    columns: int
    text: str
    look: Look


def svg(cells: list[list[Char]]) -> str:
    width = COLUMNS * CELL_WIDTH + 2 * MARGIN
    height = ROWS * CELL_HEIGHT + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        f' viewBox="0 0 {width:.0f} {height:.0f}" font-size="14"'
        ' font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace">',
        "<title>trio-chat: a room, its members, a mention, and the menu of commands</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
    ]
    for number, row in enumerate(cells):
        for run in runs(row):
            lines += drawn(run, number)
    return "\n".join([*lines, "</svg>", ""])


def runs(row: list[Char]) -> Iterator[Run]:
    """The row in pieces of one look; a wide character is a piece of its own."""
    column = 0
    while column < len(row):
        look, first = look_of(row[column]), column
        text = row[column].data
        column += 1
        if column < len(row) and row[column].data == "":  # the second half of a wide one
            column += 1
            yield Run(first, 2, text, look)
            continue
        while column < len(row) and look_of(row[column]) == look and may_join(row, column, text):
            text += row[column].data
            column += 1
        yield Run(first, column - first, text, look)


def may_join(row: list[Char], column: int, text: str) -> bool:
    """Whether the cell may stand in one piece with *text*: upright lines keep their column, and
    so does what comes after a wide character."""
    is_wide = column + 1 < len(row) and row[column + 1].data == ""
    return not is_wide and "│" not in (row[column].data, text[-1])


def look_of(char: Char) -> Look:
    ink, paper = colour(char.fg, INK), colour(char.bg, PAPER)
    if char.reverse:
        ink, paper = paper, ink
    return Look(ink, paper, char.bold, char.italics, char.underscore)


def colour(name: str, default: str) -> str:
    if re.fullmatch("[0-9a-fA-F]{6}", name):
        return f"#{name}"
    return NAMED.get(name.removeprefix("bright"), default)


def drawn(run: Run, row: int) -> Iterator[str]:
    x, y = MARGIN + run.column * CELL_WIDTH, MARGIN + row * CELL_HEIGHT
    width = run.columns * CELL_WIDTH
    if run.look.paper != PAPER:
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{CELL_HEIGHT}"'
            f' fill="{run.look.paper}"/>'
        )
    if run.text.strip():
        styles = "".join(
            [
                ' font-weight="bold"' if run.look.is_bold else "",
                ' font-style="italic"' if run.look.is_italic else "",
                ' text-decoration="underline"' if run.look.is_underlined else "",
            ]
        )
        yield (
            f'<text x="{x:.1f}" y="{y + 13.5:.1f}" textLength="{width:.1f}" fill="{run.look.ink}"'
            f'{styles} xml:space="preserve">{escape(run.text)}</text>'
        )


if __name__ == "__main__":
    main()
