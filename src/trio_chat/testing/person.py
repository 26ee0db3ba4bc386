"""Somebody to talk to in a test: speaks, and hears everything from the beginning."""

from __future__ import annotations

import trio

from trio_chat.client import Chat, Stored
from trio_chat.events import Said

# On a clock that jumps it passes at once; on a real one it ends a test that waits in vain.
PATIENCE_SECONDS = 5.0


class NotHeardError(AssertionError):
    """Nobody said what the test expects; the message holds what was said instead."""


class Person:
    """Somebody at a test server; `TestServer.person` makes one.

    Attributes:
        chat: all that a program can do.
        heard: every line that `hears` has passed, the newest last.
    """

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.heard: list[Said] = []
        self._events = chat.events()

    @property
    def nick(self) -> str:
        """What this person is called."""
        return self.chat.nick

    async def say(self, room: str, text: str) -> Stored:
        """See `Chat.say`."""
        return await self.chat.say(room, text)

    async def hears(self, text: str = "", *, sender: str = "", room: str = "") -> str:
        """Wait for the next line that others say, with *text* in it, by *sender*, in *room*; each
        may be left out. Return the whole text. Lines before it are passed, into `heard`.

        Raises:
            NotHeardError: there was none for 5 seconds.
        """
        passed: list[str] = []
        with trio.move_on_after(PATIENCE_SECONDS):
            while True:
                event = await anext(self._events)
                if not isinstance(event, Said) or self.chat.is_own(event):
                    continue
                self.heard.append(event)
                if text in event.text and _fits(sender, event.sender) and _fits(room, event.room):
                    return event.text
                passed.append(f"{event.room} <{event.sender}> {event.text}")
        wanted = " ".join(filter(None, (room, f"<{sender or '...'}>", text)))
        raise NotHeardError(f"{self.nick} did not hear {wanted}, but: {'; '.join(passed) or '-'}")


def _fits(wanted: str, found: str) -> bool:
    return not wanted or wanted.casefold() == found.casefold()
