"""A fence round what is done for everybody at once: a bug there ends nobody's session."""

from __future__ import annotations

from collections.abc import Callable

import structlog

log = structlog.get_logger()


def run_fenced(action: Callable[[], object]) -> None:
    """Run what others wait behind; a bug in it is logged, and they go on."""
    try:
        action()
    except Exception as exc:
        log.error("an action failed", exc_info=exc)
