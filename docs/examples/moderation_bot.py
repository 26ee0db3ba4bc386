"""A bot that keeps a room civil: it deletes lines with a forbidden word, warns, and mutes who goes
on. It needs an account that is a moderator of the room, and a token with the scopes read, write and
moderate.

TRIO_CHAT_TOKEN=... python docs/examples/moderation_bot.py 127.0.0.1:7373 lobby spam,scam
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Set
from typing import Any

import trio

from trio_chat.client import Chat, open_chat
from trio_chat.errors import ChatError
from trio_chat.events import Edited, Said

WARNINGS = 2
MUTE = "10m"


class Moderator:
    """Counts who was warned. The counts are forgotten with the program: the mutes are not."""

    def __init__(self, chat: Chat, room: str, words: Set[str]) -> None:
        self._chat = chat
        self._room = room
        self._words = words
        self._warned: Counter[str] = Counter()

    async def take(self, event: Said | Edited) -> None:
        """Act, if *event* holds a forbidden word. An edit can bring one in, too."""
        if self._words.isdisjoint(event.text.lower().split()):
            return
        sender, seq = (
            (event.sender, event.seq) if isinstance(event, Said) else (event.by, event.target)
        )
        try:
            await self._chat.delete(self._room, seq, "forbidden word")
            await self._punish(sender)
        except ChatError as exc:  # an owner cannot be muted, for example
            print(f"{sender}: {exc}", file=sys.stderr)

    async def _punish(self, nick: str) -> None:
        self._warned[nick] += 1
        if self._warned[nick] <= WARNINGS:
            await self._chat.command(f"/warn {nick} mind your words", room=self._room)
        else:
            await self._chat.command(f"/mute {nick} {MUTE} forbidden words", room=self._room)


async def moderate(address: str, room: str, words: Set[str], **login: Any) -> None:
    """Watch *room* until cancelled."""
    async with open_chat(address, wait_seconds=60, **login) as chat:
        await chat.join(room)
        moderator = Moderator(chat, room, words)
        async for event in chat.events():
            if isinstance(event, Said | Edited) and event.room == room:
                is_own = isinstance(event, Said) and chat.is_own(event)
                if not is_own:
                    await moderator.take(event)


if __name__ == "__main__":
    address, room, words = sys.argv[1:]
    token = os.environ["TRIO_CHAT_TOKEN"]
    trio.run(lambda: moderate(address, room, {*words.split(",")}, nick="guard", token=token))
