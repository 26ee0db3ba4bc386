"""The bare view: the lines of a room on the normal screen, where the terminal selects and copies
whole lines and keeps them in its scrollback. It knows no keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prompt_toolkit.application import Application
from prompt_toolkit.application.run_in_terminal import in_terminal

from trio_chat.client.state.room.line import Line
from trio_chat.client.text.render import Clock, clock_of, date_of

# A terminal's scrollback often holds no more.
BARE_LINES = 1000


def bare_lines(lines: Iterable[Line], clock: Clock) -> Iterable[str]:
    """Yield *lines* as text: nothing is wrapped, and each line of a message stands alone."""
    date = ""
    for line in lines:
        if date_of(line.at_ms) != date:
            date = date_of(line.at_ms)
            yield f"--- {date}"
        text = "(deleted)" if line.fate == "deleted" else line.text
        who = f"<{line.nick}> " if line.look in ("message", "pending") else ""
        if line.look in ("action", "notice"):
            who = f"* {line.nick} "
        yield f"{clock_of(line.at_ms, clock)} {who or '* ' * (not line.nick)}{text}"


async def show_bare(app: Application[None], text: str) -> None:
    """Leave the full screen, print *text*, and come back with the next key."""
    async with in_terminal():
        app.output.write(text)
        app.output.write("\n[press a key to go back to the chat]")
        app.output.flush()
        await _next_key(app)
        app.output.write_raw("\r")
        app.output.erase_end_of_line()
        app.output.flush()


async def _next_key(app: Application[None]) -> None:
    pressed = asyncio.Event()
    with app.input.raw_mode(), app.input.attach(pressed.set):
        await pressed.wait()
    app.input.read_keys()
    app.input.flush_keys()
