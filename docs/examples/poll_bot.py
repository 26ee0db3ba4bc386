"""A bot that asks the room: `!poll tea or coffee?`, `!vote tea`, `!result`.

python docs/examples/poll_bot.py 127.0.0.1:7373
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import trio

from trio_chat.client import Bot, Call, CommandFailed, open_chat


@dataclass
class Poll:
    """A question, and by folded nick what was voted: the last vote of each counts."""

    question: str
    votes: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        counts = Counter(self.votes.values()).most_common()
        return f"{self.question} " + (", ".join(f"{w}: {n}" for w, n in counts) or "no votes yet")


def poll_bot() -> Bot:
    """Return a bot that has asked nothing yet."""
    bot = Bot("!")
    polls: dict[str, Poll] = {}  # by room

    def poll_of(call: Call) -> Poll:
        if call.room not in polls:
            raise CommandFailed(f"nothing is asked here; {bot.prefix}poll asks something")
        return polls[call.room]

    @bot.command("poll <question>")
    def poll(call: Call, question: str) -> str:
        """Ask the room something; the poll before it ends."""
        polls[call.room] = Poll(question)
        return f"{call.sender} asks: {question} ({bot.prefix}vote WORD)"

    @bot.command("vote <word>")
    def vote(call: Call, word: str) -> None:
        """Vote in the poll of this room; again to change your mind."""
        poll_of(call).votes[call.sender.casefold()] = word.casefold()

    @bot.command("result")
    def result(call: Call) -> str:
        """Show how the poll of this room stands."""
        return str(poll_of(call))

    return bot


async def run_poll(address: str, **options: Any) -> None:
    """Answer until cancelled."""
    async with open_chat(address, nick="poll", wait_seconds=60, **options) as chat:
        await poll_bot().run(chat)


if __name__ == "__main__":
    trio.run(run_poll, sys.argv[1])
