"""A fence round what is done for everybody at once: a bug there ends nobody's session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

log = structlog.get_logger()

# What a broken or closed link raises.
GONE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)


def run_fenced(action: Callable[[], object]) -> None:
    """Run what others wait behind; a bug in it is logged, and they go on."""
    try:
        action()
    except Exception as exc:
        log.error("an action failed", exc_info=exc)


async def fence(work: Callable[[], Awaitable[object]], what: str) -> None:
    """Run what belongs to no session but talks to a peer: its bug is its own end alone, too."""
    try:
        await work()
    except Exception as exc:
        if isinstance(exc, (*GONE, trio.TooSlowError)):
            log.info("a peer is gone", what=what)
        else:
            log.error("failed", what=what, exc_info=exc)
