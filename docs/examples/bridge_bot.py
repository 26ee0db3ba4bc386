"""A bridge: what is said in a room of one server is said in the same room of the other, once and in
order, whatever is killed on the way.

python docs/examples/bridge_bot.py 127.0.0.1:7373 127.0.0.1:7374 lobby /var/lib/bridge

Three things make it exact. It reads by `events(since=)`, from the seq it has passed on last. It
says each line with an id that is made of the line's place, so that a line said twice happens once.
And it keeps its sessions in files, for the ids of a guest belong to its session.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import trio

from cursors import Cursors
from trio_chat.client import Chat, open_chat
from trio_chat.errors import ChatError
from trio_chat.events import Said


async def bridge(first: str, second: str, room: str, folder: Path, opened: Any = open_chat) -> None:
    """Pass on what is said until cancelled. *opened*: opens a chat; for tests."""
    cursors = Cursors(folder / "cursors.json")
    async with AsyncExitStack() as stack:
        chats = []
        for number, address in enumerate((first, second)):
            file = folder / f"session-{number}"
            chat = opened(address, nick="bridge", session_file=file, wait_seconds=60)
            chats.append(await stack.enter_async_context(chat))
            await chats[-1].join(room)
        async with trio.open_nursery() as nursery:
            for source, target in ((0, 1), (1, 0)):
                run = partial(pass_on, chats[source], chats[target], room, cursors, f"{source}")
                nursery.start_soon(run)


async def pass_on(source: Chat, target: Chat, room: str, cursors: Cursors, name: str) -> None:
    """Say at *target* what others say at *source*."""
    seq = cursors.get(name)
    if seq is None:  # the first time: from now on
        newest = await source.history(room, limit=1)
        seq = newest.events[-1].seq if newest.events else 0
        cursors.set(name, seq)
    async for event in source.events(since={room: seq}):
        if not isinstance(event, Said) or event.room != room:
            continue
        if not source.is_own(event) and event.kind != "notice" and not event.deleted:
            await say(
                target, room, f"<{event.sender}> {event.text}", f"{name}-{event.at}-{event.seq}"
            )
        cursors.set(name, event.seq)


async def say(target: Chat, room: str, text: str, id: str) -> None:
    try:
        await target.say(room, text, id=id)
    except ChatError as exc:  # too long with the nick in front, for example: the others go on
        print(f"{text!r} was not passed on: {exc}", file=sys.stderr)


if __name__ == "__main__":
    folder = Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    trio.run(bridge, sys.argv[1], sys.argv[2], sys.argv[3], folder)
