"""How long the next batch waits, so that more goes out in the same sends when that saves much.

While the loop has time to spare, a wait saves nothing that anybody misses and costs everybody
latency. So what counts is how busy the loop would be if each message were shown on its own: the
CPU that it really used, and for each share of several messages what they would have cost one by
one, since a send costs nearly the same whatever it carries.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

# How busy the loop would be (1: all the time): no wait up to the first, the whole wait from the
# second on. Between them the wait grows, so that it does not come and go.
_CALM_LOAD = 0.6
_BUSY_LOAD = 1.2
# A burst of typing is no load, and a flood is noticed before anybody minds.
_WINDOW_SECONDS = 0.1

# Of a send that carries so many lines, each costs little more than its bytes.
_FULL_SHARE_LINES = 32
# The whole wait, in parts of the time that the last batch took; and after full shares, while the
# next one is being committed.
_PAUSE = 2.0
_PAUSE_FOR_COMMIT = 0.2


class Pace:
    """Measures the batches; call `begin` before one is shown, and `pause_seconds` after it.

    Attributes:
        load: how busy the loop would have been lately without waiting.
    """

    def __init__(self, cpu_seconds: Callable[[], float] = time.thread_time) -> None:
        """*cpu_seconds*: what this thread has used so far."""
        self.load = 0.0
        self._cpu_seconds = cpu_seconds
        self._window_began = self._batch_began = trio.current_time()
        self._window_cpu = self._batch_cpu = cpu_seconds()
        self._saved_cpu = 0.0

    def begin(self) -> None:
        self._batch_began = trio.current_time()
        self._batch_cpu = self._cpu_seconds()

    def pause_seconds(
        self, writes: int, shares: int, most_seconds: float, *, committing: bool
    ) -> float:
        """Return how long to wait after a batch of *writes* in *shares* rooms, at most
        *most_seconds*. *committing*: the next one is on its way."""
        now, cpu = trio.current_time(), self._cpu_seconds()
        if shares:
            self._saved_cpu += (cpu - self._batch_cpu) * (writes / shares - 1)
        self._measure(now, cpu)
        if writes < 2:
            return 0.0
        pause = _PAUSE
        if writes >= _FULL_SHARE_LINES * shares:  # there is little to gain
            pause = _PAUSE_FOR_COMMIT if committing else 0.0
        wanted = min(1.0, max(0.0, (self.load - _CALM_LOAD) / (_BUSY_LOAD - _CALM_LOAD)))
        return min(pause * (now - self._batch_began), most_seconds) * wanted

    def _measure(self, now: float, cpu: float) -> None:
        elapsed = now - self._window_began
        if elapsed >= _WINDOW_SECONDS:
            self.load = (cpu - self._window_cpu + self._saved_cpu) / elapsed
            self._window_began, self._window_cpu, self._saved_cpu = now, cpu, 0.0
