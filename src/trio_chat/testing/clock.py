"""A clock that jumps: what takes an hour is tested in a moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from trio.testing import MockClock

T = TypeVar("T")

# 2026-01-01T00:00:00Z: what is said in a test has a time that does not change from run to run.
START_MS = 1_767_225_600_000


def run_jumping(main: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Like `trio.run`, on a clock that jumps to the next deadline when nothing else happens. In a
    test of pytest-trio the fixture `autojump_clock` does the same."""
    return trio.run(main, *arguments, clock=MockClock(autojump_threshold=0))


def now_ms() -> int:
    """The server's time in milliseconds since 1970: it follows the clock of the test."""
    return START_MS + round(trio.current_time() * 1000)
