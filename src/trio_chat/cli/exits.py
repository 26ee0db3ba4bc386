"""Exit codes, and the one line that says why a command was refused."""

from __future__ import annotations

import sys
from contextlib import suppress

OK = 0
USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130
PIPE = 141


def refuse(message: str) -> int:
    with suppress(OSError):  # nobody reads it
        print(f"trio-chat: {message}", file=sys.stderr)
    return USAGE
