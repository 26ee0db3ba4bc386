"""Who searches when: nobody waits long because others search for what takes long.

Two connections, each for one search at a time. Every search has its turn on the first one, in the
order in which they come, for a short while. What is not done by then begins anew on the second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import apsw
import trio

from trio_chat.errors import Unavailable
from trio_chat.store.sqlite.asking import RETRY_SECONDS, ask

T = TypeVar("T")

# A search in a million messages takes some 10 ms; what takes longer than this is not held against
# the others.
TURN_SECONDS = 0.25
# Long searches that wait for their turn; more would be given up before they have it.
LONG_WAITING = 8


class Searchers:
    """The two connections that search; see above."""

    def __init__(self, first: apsw.AsyncConnection, second: apsw.AsyncConnection) -> None:
        self._first = first
        self._second = second
        self._turn = trio.Lock()
        self._long_turn = trio.Lock()

    async def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """Return what *question* answers, called with a connection and *arguments*.

        Raises:
            Unavailable: the database cannot be read, or too many long searches wait.
        """
        async with self._turn:
            with trio.move_on_after(TURN_SECONDS):
                return await ask(self._first, question, self._first, *arguments)
        if self._long_turn.statistics().tasks_waiting >= LONG_WAITING:
            raise Unavailable("too many long searches at the moment", retry_after=RETRY_SECONDS)
        async with self._long_turn:
            return await ask(self._second, question, self._second, *arguments)
