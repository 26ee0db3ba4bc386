"""A line of a room as rows of styled fragments, for a given width. Pure: it knows no terminal.

A row is time, right-aligned nick, `│`, text; the text hangs. Whoever goes on within five minutes
is not named again, and the time not told again within the minute.
"""

from __future__ import annotations

import time
import zlib
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from trio_chat.client.state.room.line import Line
from trio_chat.client.text.markup import Span, cut, spans
from trio_chat.client.text.wrapping import CellWidth, Measure, steady
from trio_chat.text import fold

Row: TypeAlias = list[tuple[str, str]]
Clock: TypeAlias = Literal[12, 24]

NICK_COLOURS = 12
FOLLOW_UP_MS = 5 * 60 * 1000
_SIGNS = {"coming": "→", "going": "←", "moving": "⇄", "system": "·", "error": "✗"}
_HEAD = 2  # of the fragments of a row, this is who speaks
_EDITED = Span("class:dim", " (edited)")


class Grid(NamedTuple):
    """The columns of each part of a row."""

    time_columns: int
    nick_columns: int
    text_columns: int


def grid(width: int, clock: Clock = 24) -> Grid:
    """Divide *width* columns; a narrow terminal gives up the time, then most of the nick."""
    time_columns = 0 if width < 40 else 6 if clock == 24 else 7
    nick_columns = 14 if width >= 120 else 12 if width >= 60 else 8 if width >= 30 else 4
    return Grid(time_columns, nick_columns, max(1, width - time_columns - nick_columns - 3))


class Renderer:
    """Rows of lines; what was rendered once is remembered, 2,048 lines at most."""

    def __init__(self, cell_width: CellWidth, clock: Clock = 24) -> None:
        self.measure = Measure(cell_width)
        self._clock: Clock = clock
        self._cached = lru_cache(maxsize=2048)(self._render)

    def rows(self, line: Line, previous: Line | None, width: int, *, new: str) -> list[Row]:
        """Return the rows of *line* as it stands after *previous*; *new*: what the rule above it
        says, if reading stopped there."""
        date = date_of(line.at_ms)
        rule = date if previous is None or date_of(previous.at_ms) != date else ""
        is_follow_up = not rule and not new and _follows(line, previous)
        clock = clock_of(line.at_ms, self._clock)
        if is_follow_up and previous and clock == clock_of(previous.at_ms, self._clock):
            clock = ""
        return self._cached(line, clock, is_follow_up, rule, new, width)

    def named(self, row: Row, line: Line, width: int) -> Row:
        """Return *row* of *line* with who speaks, for where no row above it says so."""
        if len(row) <= _HEAD or row[_HEAD][1] or line.look not in ("message", "pending"):
            return row
        columns = grid(width, self._clock).nick_columns
        head, style = _head(line)
        head = self.measure.fit(head, columns)
        indent = ("", " " * (columns - self.measure.cells(head)))
        return [row[0], indent, (style, head), *row[_HEAD + 1 :]]

    def _render(
        self, line: Line, clock: str, is_follow_up: bool, rule: str, new: str, width: int
    ) -> list[Row]:
        rows: list[Row] = []
        if rule:
            rows.append([("class:rule", rule_row(rule, width))])
        if new:
            rows.append([("class:new", rule_row(new, width))])
        return rows + self._text_rows(line, clock, is_follow_up, grid(width, self._clock))

    def _text_rows(self, line: Line, clock: str, is_follow_up: bool, grid: Grid) -> list[Row]:
        head, head_style = _head(line)
        head = "" if is_follow_up else self.measure.fit(head, grid.nick_columns)
        text_style = _text_style(line)
        parts = _spans(line)
        text = "".join(part.text for part in parts)
        rows: list[Row] = []
        for pieces in cut(parts, self.measure.rows(text, grid.text_columns)):
            indent = " " * (grid.nick_columns - self.measure.cells(head))
            row = [
                ("class:time", clock.ljust(grid.time_columns)[: grid.time_columns]),
                ("", indent),
                (head_style, head),
                ("class:rule", " │ "),
            ]
            rows.append(row + [(f"{text_style} {style}", piece) for style, piece in pieces])
            clock = head = ""
        return rows


def rule_row(text: str, width: int) -> str:
    """Return *text* in the middle of a line across the screen."""
    return f" {text} ".center(width, "─")[:width]


@lru_cache(maxsize=4096)
def nick_style(nick: str) -> str:
    """Return the style of a nick: the same colour everywhere and every day."""
    return f"class:nick{zlib.crc32(fold(nick).encode('utf-8', 'replace')) % NICK_COLOURS}"


def _head(line: Line) -> tuple[str, str]:
    """Return what stands in the nick's column, and its style."""
    if line.look in _SIGNS:
        return _SIGNS[line.look], "class:error" if line.look == "error" else "class:dim"
    if line.look == "pending" or line.fate == "deleted":
        return line.nick, "class:dim"
    style = nick_style(line.nick) + (" class:own" if line.is_own else "")
    if line.is_mention:
        style += " class:mention"
    match line.look:
        case "action":
            return "*", style
        case "notice":
            return f"-{line.nick}-", style
        case _:
            return line.nick, style


def _text_style(line: Line) -> str:
    if line.look == "error":
        return "class:error"
    if line.look in _SIGNS or line.look == "pending" or line.fate == "deleted":
        return "class:dim"
    style = "class:mentioned" if line.is_mention else ""
    return f"class:action {style}" if line.look == "action" else style


def _spans(line: Line) -> list[Span]:
    """Return the text with what its markup says; what nobody said has none."""
    if line.fate == "deleted":
        return [Span("", "(deleted)")]
    if line.look in ("message", "action", "notice"):
        parts = spans(steady(line.text))
    else:
        parts = [Span("", steady(line.text))]
    if line.look == "action":
        parts.insert(0, Span("", f"{line.nick} "))
    return [*parts, _EDITED] if line.fate == "edited" else parts


def _follows(line: Line, previous: Line | None) -> bool:
    return (
        previous is not None
        and line.look in ("message", "pending")
        and previous.look in ("message", "pending")
        and line.nick == previous.nick
        and line.is_mention == previous.is_mention
        and line.at_ms - previous.at_ms < FOLLOW_UP_MS
    )


@lru_cache(maxsize=512)
def _minute(minute: int, clock: Clock) -> tuple[str, str]:
    """Return the clock and the date of a minute since 1970, in local time."""
    try:
        local = time.localtime(minute * 60)
    except (ValueError, OverflowError, OSError):
        return "--:--", ""
    date = f"{time.strftime('%A', local)}, {local.tm_mday} {time.strftime('%B %Y', local)}"
    if clock == 24:
        return time.strftime("%H:%M", local), date
    half = "a" if local.tm_hour < 12 else "p"
    return f"{local.tm_hour % 12 or 12:2}:{local.tm_min:02}{half}", date


def clock_of(at_ms: int, clock: Clock) -> str:
    """Return the local time of day, as *clock* shows it: `14:05`, ` 2:05p`."""
    return _minute(at_ms // 60_000, clock)[0]


def date_of(at_ms: int) -> str:
    """Return the local day: `Sunday, 22 November 2026`."""
    return _minute(at_ms // 60_000, 24)[1]


@lru_cache(maxsize=512)
def day_of(at_ms: int) -> str:
    """Return the local day: `2026-11-22`."""
    try:
        return time.strftime("%Y-%m-%d", time.localtime(at_ms / 1000))
    except (ValueError, OverflowError, OSError):
        return "----------"
