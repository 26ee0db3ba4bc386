"""The worked examples of CONTRIBUTING.md: the command is served, the others are in the files."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

import pytest
from trio.testing import MockClock

from support_accounts import code, registered
from support_server import ChatServer, chat_config, open_server, texts
from trio_chat.commands import default_table
from trio_chat.commands.table import CommandTable
from trio_chat.server import parts

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def roll_command() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "roll_command", ROOT / "docs/examples/roll_command.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def server(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ChatServer]:
    commands = [*default_table().commands, *roll_command().COMMANDS]
    monkeypatch.setattr(parts, "default_table", lambda: CommandTable(commands))
    async with open_server(chat_config()) as server:
        yield server


async def test_dice_fall_where_all_can_see(server: ChatServer) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    assert await code(alice, "/roll 3d6") == "done"
    [said] = texts(await bob.sync())
    found = re.fullmatch(r"rolls 3d6: (\d) \+ (\d) \+ (\d) = (\d+)", said)
    assert found is not None
    *fell, total = map(int, found.groups())
    assert all(1 <= eyes <= 6 for eyes in fell)
    assert total == sum(fell)
    assert await code(alice, "/roll 21d6") == "usage"
    assert await code(alice, "/roll") == "usage"


async def test_muted_member_rolls_no_dice(server: ChatServer) -> None:
    """The handler never asks; the one door into a room does."""
    alice, bob = await registered(server, "alice"), await server.native("bob")
    await alice.input("/create den")
    await bob.input("/join den")
    await alice.input("/mute bob", "den")
    await alice.sync()
    assert await code(bob, "/roll 1d6", "den") == "muted"
    assert texts(await alice.sync()) == []


@pytest.mark.parametrize(("path", "block"), BLOCKS, ids=[path for path, _ in BLOCKS])
def test_each_example_is_in_the_file_that_it_names(path: str, block: str) -> None:
    assert block in (ROOT / path).read_text(encoding="utf-8")


def test_a_setting_and_an_event_have_examples() -> None:
    assert {path for path, _ in BLOCKS} >= {
        "src/trio_chat/config/limits.py",
        "src/trio_chat/events.py",
        "src/trio_chat/wire/render_text.py",
        "tests/support_store.py",
    }
