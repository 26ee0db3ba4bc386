"""The programs of docs/bots.md, run against a real server."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from support_real_server import real_server
from trio_chat.client import Chat, EventStream, open_chat
from trio_chat.events import Said

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


async def hears(events: EventStream, sender: str) -> str:
    """The next text that *sender* says."""
    while True:
        event = await anext(events)
        if isinstance(event, Said) and event.sender == sender:
            return event.text


async def joined(chat: Chat, nick: str) -> None:
    """Wait until somebody called *nick* is in the lobby."""
    events = chat.events()
    members = await chat.command("/who", room="lobby")
    while nick not in members.text:
        await anext(events)
        members = await chat.command("/who", room="lobby")


async def test_program_of_the_page_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (EXAMPLES.parent / "bots.md").read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^trio\.run\(main\)\n```", page, re.DOTALL | re.MULTILINE)
    with trio.fail_after(10):
        async with real_server() as address, open_chat(address, nick="alice") as alice:
            program: dict[str, Any] = {}
            exec(code.replace("127.0.0.1:7373", address), program)
            async with trio.open_nursery() as programs:
                programs.start_soon(program["main"])
                assert await hears(alice.events(), "greeter") == "hello"
                await joined(alice, "greeter")
                while "sender='alice', text='hello greeter'" not in capsys.readouterr().out:
                    await alice.say("lobby", "hello greeter")
                programs.cancel_scope.cancel()


def test_echo_bot_runs_as_its_docstring_says(tmp_path: Path) -> None:
    """C17: by the Python of the venv, and in one line where there is no server."""
    script = EXAMPLES / "echo_bot.py"
    root = EXAMPLES.parents[1]
    command = (ast.get_docstring(ast.parse(script.read_text())) or "").splitlines()[2].split()
    assert command[:2] == [".venv/bin/python", str(script.relative_to(root))]
    assert f'else "{command[2]}"' in script.read_text(), "the address without an argument"
    done = subprocess.run(
        [sys.executable, "-P", command[1], "127.0.0.1:1"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "echo_bot: 127.0.0.1:1: connection refused\n"


async def test_echo_bot_answers_who_speaks_to_it_and_nobody_else() -> None:
    bot = runpy.run_path(str(EXAMPLES / "echo_bot.py"))["echo"]
    with trio.fail_after(10):
        async with (
            real_server() as address,
            open_chat(address, nick="alice") as alice,
            trio.open_nursery() as bots,
        ):
            bots.start_soon(bot, address)
            await joined(alice, "echo")
            events = alice.events()
            await alice.say("lobby", "hello everybody")
            await alice.say("lobby", "echo: hello")
            assert await hears(events, "echo") == "hello"
            await alice.say("@echo", "in private")
            assert await hears(events, "echo") == "in private"
            bots.cancel_scope.cancel()
