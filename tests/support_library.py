"""A program at the fake server, for tests of the library."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeAlias

import trio

from support_client import FakeServer
from trio_chat.client import Chat, EventStream, LiveEvent, open_chat
from trio_chat.events import Said

Bot: TypeAlias = Callable[..., AbstractAsyncContextManager[Chat]]


def bot_at(server: FakeServer) -> Bot:
    return partial(open_chat, "fake", nick="bot", dial=server.dial)


async def take_events(stream: EventStream, count: int) -> list[LiveEvent]:
    """The next *count* events."""
    events: list[LiveEvent] = []
    with trio.fail_after(60):
        while len(events) < count:
            events.append(await anext(stream))
    return events


async def take(stream: EventStream, count: int) -> list[str]:
    """The texts of the next *count* events that were said."""
    texts: list[str] = []
    with trio.fail_after(60):
        while len(texts) < count:
            event = await anext(stream)
            if isinstance(event, Said):
                texts.append(event.text)
    return texts
