"""All the server's deadlines in one task: a parked session costs no timer, no cancel scope.

Deadlines run on trio's clock. An action is sync and short.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import trio

from trio_chat.server.net.fence import attempt


class Deadline:
    """One action to come; `cancel` takes it back."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], object]) -> None:
        self.action: Callable[[], object] | None = action

    def cancel(self) -> None:
        self.action = None


class Deadlines:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._order = count()
        self._sooner = trio.Event()

    def after(self, seconds: float, action: Callable[[], object]) -> Deadline:
        """Run *action* in *seconds*, unless the returned deadline is cancelled."""
        when = trio.current_time() + seconds
        deadline = Deadline(action)
        if not self._heap or when < self._heap[0][0]:
            self._sooner.set()
        heapq.heappush(self._heap, (when, next(self._order), deadline))
        return deadline

    async def run(self) -> None:
        """Run what is due, for ever."""
        while True:
            self._sooner = trio.Event()
            self._run_due()
            until = self._heap[0][0] if self._heap else float("inf")
            with trio.move_on_at(until):
                await self._sooner.wait()

    def _run_due(self) -> None:
        now = trio.current_time()
        while self._heap and (self._heap[0][0] <= now or self._heap[0][2].action is None):
            deadline = heapq.heappop(self._heap)[2]
            if deadline.action is not None:
                attempt(deadline.action)
