"""A fence round what is done for everybody at once: a bug there ends nobody's session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, TypeVarTuple, Unpack

import structlog
import trio

log = structlog.get_logger()
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# What a broken or closed link raises.
GONE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


def attempt(work: Callable[[Unpack[Ts]], T], *arguments: *Ts, **facts: Any) -> T | None:
    """Run what others wait behind. None: it has a bug, which is logged with *facts*; they go on."""
    try:
        return work(*arguments)
    except Exception as exc:
        log.error("failed where others wait", exc_info=exc, **facts)
        return None


async def fence(work: Callable[[], Awaitable[object]], what: str) -> None:
    """Run what belongs to no session but talks to a peer: its bug is its own end alone, too."""
    try:
        await work()
    except Exception as exc:
        if isinstance(exc, (*GONE, trio.TooSlowError)):
            log.info("a peer is gone", what=what)
        else:
            log.error("failed", what=what, exc_info=exc)
