"""A bot that repeats what is said to it: `echo: hello` in a room, or anything in private.

.venv/bin/python docs/examples/echo_bot.py 127.0.0.1:7373

The `.venv` is made by the first start of `python3 scripts/server.py`; any Python does in which
trio-chat is installed. The address may be left out: then it is 127.0.0.1:7373.
"""

from __future__ import annotations

import sys

import trio

from trio_chat.client import Chat, open_chat
from trio_chat.errors import ChatError, TrioChatError
from trio_chat.events import Said


async def echo(address: str, *, nick: str = "echo") -> None:
    """Answer until cancelled, over every restart of the server."""
    async with open_chat(address, nick=nick) as chat:
        async for event in chat.events():
            if isinstance(event, Said) and event.sender != chat.nick:
                await answer(chat, event)


async def answer(chat: Chat, event: Said) -> None:
    name, colon, text = event.text.partition(":")
    if event.room.startswith("@"):
        text = event.text
    elif not colon or name.lower() != chat.nick.lower():
        return  # not to us
    if event.kind == "notice":
        return  # another bot: two that answer each other would never end
    try:
        await chat.say(event.room, text.strip() or "yes?")
    except ChatError as exc:  # muted, for example: the next one may be answered
        print(f"{event.room}: {exc}", file=sys.stderr)


if __name__ == "__main__":
    try:
        trio.run(echo, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7373")
    except TrioChatError as exc:  # no server there, or it does not want the bot
        sys.exit(f"echo_bot: {exc}")
    except KeyboardInterrupt:
        sys.exit(130)
