"""What has to fit in one line of the native wire: pages, rosters, the rows of an answer. Knows how
long a line may be, and nothing of rooms and commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, takewhile
from typing import Literal, TypeVar

import msgspec

from trio_chat.events import Backlog, Event, Members
from trio_chat.wire.json_lines import encode_line

MAX_SERVER_LINE_BYTES = 64 * 1024  # its end not counted

# Of a server's line; what stands round the rows of an answer needs little of the rest.
RESULT_BYTES = 60_000

Row = TypeVar("Row")


def fits(event: Event) -> bool:
    """Return whether *event* can be sent as one line."""
    return len(encode_line(event)) - 1 <= MAX_SERVER_LINE_BYTES


def fit_backlog(backlog: Backlog, keep: Literal["oldest", "newest"]) -> Backlog:
    """Return *backlog*, or as many of its oldest or newest events as one line can hold, with
    `more` set. For a page `before` a seq keep the newest, for one `after` it the oldest."""
    if fits(backlog):
        return backlog
    bare = msgspec.structs.replace(backlog, events=(), more=True)
    events = backlog.events
    if keep == "oldest":
        return msgspec.structs.replace(bare, events=events[: _prefix(bare, events)])
    return msgspec.structs.replace(bare, events=events[-_prefix(bare, events[::-1]) :])


def split_backlog(backlog: Backlog) -> list[Backlog]:
    """Cut *backlog* into pieces, oldest first, that fit in one line each. All but the last say
    that there is more; the last says what *backlog* said."""
    bare = msgspec.structs.replace(backlog, events=(), more=True)
    pieces, events = [], backlog.events
    while True:
        count = _prefix(bare, events)
        pieces.append(msgspec.structs.replace(bare, events=events[:count]))
        events = events[count:]
        if not events:
            return [*pieces[:-1], msgspec.structs.replace(pieces[-1], more=backlog.more)]


def fit_members(members: Members) -> Members:
    """Return *members* with as many rows as one line can hold."""
    bare = msgspec.structs.replace(members, members=())
    shown = members.members[: _prefix(bare, members.members)]
    return msgspec.structs.replace(members, members=shown)


def fit_rows(rows: Iterable[tuple[Row, str]]) -> tuple[list[Row], list[str], bool]:
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


def _prefix(bare: Event, items: Sequence[msgspec.Struct]) -> int:
    """Return how many of *items*, but at least one, fit in one line with *bare*."""
    free_bytes = MAX_SERVER_LINE_BYTES - len(encode_line(bare))
    # The LF that each item is encoded with stands for its comma.
    ends = accumulate(len(encode_line(item)) for item in items)
    return max(1, sum(1 for _ in takewhile(lambda end: end <= free_bytes, ends)))
