"""Exit codes, and the one line that says why a command was refused."""

from __future__ import annotations

import sys
from contextlib import suppress

OK = 0
USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130
PIPE = 141


def first_leaf(exc: BaseException) -> BaseException:
    """What went wrong, out of the groups that nested nurseries wrap it in."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def refuse(message: str) -> int:
    with suppress(OSError):  # nobody reads it
        print(f"trio-chat: {message}", file=sys.stderr)
    return USAGE
