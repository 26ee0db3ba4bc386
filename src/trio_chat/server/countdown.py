"""The time until an announced shutdown. Knows neither sessions nor who asked for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trio_chat.chat.durations import shown_duration
from trio_chat.server.net.deadlines import Deadline, Deadlines

# How long before the end it is said again.
_MOMENTS_SECONDS = (3600, 1800, 600, 300, 60, 30, 10)


class Countdown:
    def __init__(self, deadlines: Deadlines, announce: Callable[[str], object]) -> None:
        self._deadlines = deadlines
        self._announce = announce
        self._pending: list[Deadline] = []

    def begin(self, seconds: int, reason: str, end: Callable[[], object]) -> None:
        """Call *end* in so many seconds, and announce it until then."""
        self._clear()
        if seconds:
            self._tell(seconds, reason)
        for moment in _MOMENTS_SECONDS:
            if moment < seconds:
                self._after(seconds - moment, partial(self._tell, moment, reason))
        self._after(seconds, end)

    def cancel(self) -> bool:
        """False: it was not begun."""
        if not self._pending:
            return False
        self._clear()
        self._announce("the server does not stop after all")
        return True

    def _tell(self, seconds: int, reason: str) -> None:
        why = f": {reason}" if reason else ""
        self._announce(f"the server stops in {shown_duration(seconds * 1000)}{why}")

    def _after(self, seconds: float, action: Callable[[], object]) -> None:
        self._pending.append(self._deadlines.after(seconds, action))

    def _clear(self) -> None:
        for deadline in self._pending:
            deadline.cancel()
        self._pending = []
