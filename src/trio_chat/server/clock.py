"""The server's clock: the time of day, with a line in the log when somebody sets it."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

# What a time service corrects at once is less.
_STEP_SECONDS = 120.0


class WallClock:
    """Call it for the time in milliseconds since 1970."""

    def __init__(
        self,
        wall_seconds: Callable[[], float] = time.time,
        steady_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """*steady_seconds* is a clock that nobody sets."""
        self._wall_seconds = wall_seconds
        self._steady_seconds = steady_seconds
        self._ahead_seconds = wall_seconds() - steady_seconds()

    def __call__(self) -> int:
        seconds = self._wall_seconds()
        ahead_seconds = seconds - self._steady_seconds()
        step_seconds = ahead_seconds - self._ahead_seconds
        self._ahead_seconds = ahead_seconds
        if abs(step_seconds) > _STEP_SECONDS:
            log.warning(
                "the clock of this machine was set; bans and mutes with an end go by it",
                seconds=round(step_seconds),
            )
        return int(seconds * 1000)
