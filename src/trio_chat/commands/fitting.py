"""How many rows one answer holds: a line on a wire has an end. Knows no wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

# Of the 64 KiB of a server's line; what stands round the rows needs little of the rest.
RESULT_BYTES = 60_000

Row = TypeVar("Row")


def fit(rows: Iterable[tuple[Row, str]]) -> tuple[list[Row], list[str], bool]:
    """Take *rows*, each for programs and for people, while both fit into one answer.

    Returns:
        The rows for programs, those for people, and whether some were left out.
    """
    taken: list[Row] = []
    lines: list[str] = []
    free_bytes = RESULT_BYTES
    for row, line in rows:
        free_bytes -= len(msgspec.json.encode(row)) + len(msgspec.json.encode(line))
        if free_bytes < 0:
            return taken, lines, True
        taken.append(row)
        lines.append(line)
    return taken, lines, False
