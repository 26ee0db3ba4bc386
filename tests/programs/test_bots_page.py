"""docs/bots.md: what it shows works, and what it lists is all there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock

from trio_chat.client import Chat, open_chat
from trio_chat.commands import default_table

PAGE = (Path(__file__).parents[2] / "docs/bots.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
# What `open_chat` alone calls.
INNER = {"keep_link", "leave", "wait_online", "failure"}


async def test_test_of_the_page_passes(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """L13: testing a bot."""
    [code] = [block for block in BLOCKS if "def test_votes" in block]
    program: dict[str, Any] = {}
    exec(code, program)
    await program["test_votes_are_counted"](nursery, autojump_clock)


def test_commands_of_the_page_fit_their_functions() -> None:
    """A usage that did not fit would be a TypeError."""
    [code] = [block for block in BLOCKS if "@bot.command" in block]
    program: dict[str, Any] = {}
    exec(code, program)
    assert program["roll"](None, 3, 1) == "1 1 1"


def test_page_tells_the_scope_of_every_command() -> None:
    """L13: which command belongs to which token scope."""
    rows = re.findall(r"^\| `?(\w+)`? \| (`/.*?) \|", PAGE, re.MULTILINE)
    listed = {name: scope for scope, names in rows for name in re.findall(r"/(\w+)", names)}
    called = {"": "any", "account": "none"}
    commands = default_table().commands
    assert listed == {one.name: called.get(one.scope, one.scope) for one in commands}


def test_page_tells_every_option_and_everything_a_chat_can_do() -> None:
    [line] = [line for line in PAGE.splitlines() if line.startswith("`open_chat(address, *")]
    assert re.findall(r"(\w+)[,)]", line) == [*inspect.signature(open_chat).parameters]
    public = {name for name in vars(Chat) if not name.startswith("_")} - INNER
    assert {name for name in public if not re.search(rf"`(await )?chat\.{name}\b", PAGE)} == set()
