"""The bot of docs/bots.md, run against a real server."""

from __future__ import annotations

import runpy
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_chat.client import Chat, EventStream, open_chat
from trio_chat.config import load_config
from trio_chat.events import Said
from trio_chat.server.serve import serve_chat

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


@pytest.fixture
async def address(nursery: trio.Nursery) -> AsyncIterator[str]:
    config = load_config(
        environment={}, assignments=["store.memory=true", "server.listen=127.0.0.1:0"]
    )
    stop = trio.Event()
    [listening] = await nursery.start(partial(serve_chat, config, stop=stop))
    yield listening
    stop.set()


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


async def test_echo_bot_answers_who_speaks_to_it_and_nobody_else(
    address: str, nursery: trio.Nursery
) -> None:
    bot = runpy.run_path(str(EXAMPLES / "echo_bot.py"))["echo"]
    with trio.fail_after(10):
        async with open_chat(address, nick="alice") as alice, trio.open_nursery() as bots:
            bots.start_soon(bot, address)
            await joined(alice, "echo")
            events = alice.events()
            await alice.say("lobby", "hello everybody")
            await alice.say("lobby", "echo: hello")
            assert await hears(events, "echo") == "hello"
            await alice.say("@echo", "in private")
            assert await hears(events, "echo") == "in private"
            bots.cancel_scope.cancel()
