"""A line of a room as rows of styled fragments, for a given width. Pure: it knows no terminal.

A row is time, right-aligned nick, `│`, text; the text hangs. Whoever goes on within five minutes
is not named again. Widths are counted in cells, and text is cut between graphemes only.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from trio_chat.client.lines import Line
from trio_chat.text import fold

Row: TypeAlias = list[tuple[str, str]]
CellWidth: TypeAlias = Callable[[str], int]

NICK_COLOURS = 12
FOLLOW_UP_MS = 5 * 60 * 1000
SPOKEN = ("message", "action", "notice")
_SIGNS = {"coming": "→", "going": "←", "moving": "⇄", "system": "·", "error": "✗"}
_JOINER = "\u200d"
# Terminals disagree about how wide an emoji is that is joined, coloured or asked to be one; its
# parts have one width everywhere, and so the columns behind it stay where they are.
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_EMOJI_GLUE = re.compile(f"(?<=[{_EMOJI}\ufe0f])[\u200d\ufe0f\U0001f3fb-\U0001f3ff]+")


class Grid(NamedTuple):
    """How many columns each part of a row has."""

    time_columns: int
    nick_columns: int
    text_columns: int


def grid(width: int) -> Grid:
    """Divide *width* columns; a narrow terminal gives up the time, then most of the nick."""
    time_columns = 6 if width >= 40 else 0
    nick_columns = 12 if width >= 60 else 8 if width >= 30 else 4
    return Grid(time_columns, nick_columns, max(1, width - time_columns - nick_columns - 3))


class Renderer:
    """Rows of lines; what was rendered once is remembered, 2,048 lines at most."""

    def __init__(self, cell_width: CellWidth) -> None:
        self._cell_width = cell_width
        self._cached = lru_cache(maxsize=2048)(self._render)

    def rows(self, line: Line, previous: Line | None, width: int, *, new: str) -> list[Row]:
        """Return the rows of *line* as it stands after *previous*; *new*: what the rule above it
        says, if reading stopped there."""
        date = _date(line.at_ms)
        rule = date if previous is None or _date(previous.at_ms) != date else ""
        is_follow_up = not rule and not new and _follows(line, previous)
        return self._cached(line, is_follow_up, rule, new, width)

    def _render(self, line: Line, is_follow_up: bool, rule: str, new: str, width: int) -> list[Row]:
        rows: list[Row] = []
        if rule:
            rows.append([("class:rule", rule_row(rule, width))])
        if new:
            rows.append([("class:new", rule_row(new, width))])
        return rows + self._text_rows(line, is_follow_up, grid(width))

    def _text_rows(self, line: Line, is_follow_up: bool, grid: Grid) -> list[Row]:
        head, head_style, text, text_style = _looks(line)
        head = "" if is_follow_up else self._fit(head, grid.nick_columns)
        clock = _clock(line.at_ms) if grid.time_columns and not is_follow_up else ""
        rows: list[Row] = []
        for piece in self.wrap(text, grid.text_columns):
            indent = " " * (grid.nick_columns - self._cell_width(head))
            rows.append(
                [
                    ("class:time", clock.ljust(grid.time_columns)),
                    ("", indent),
                    (head_style, head),
                    ("class:rule", " │ "),
                    (text_style, piece),
                ]
            )
            clock = head = ""
        return rows

    def wrap(self, text: str, columns: int) -> list[str]:
        """Cut *text* into rows of at most *columns* cells: at newlines, at blanks, else anywhere
        between two graphemes."""
        return [
            row
            for paragraph in _EMOJI_GLUE.sub("", text.expandtabs(4)).split("\n")
            for row in self._wrap_paragraph(paragraph, columns)
        ]

    def _wrap_paragraph(self, text: str, columns: int) -> Iterator[str]:
        if text.isascii() and len(text) <= columns:
            yield text
            return
        row, used = "", 0
        for grapheme in self.graphemes(text):
            cells = self._cell_width(grapheme)
            if used + cells > columns and row:
                done, _, rest = row.rpartition(" ")
                if grapheme == " " or not done.strip():
                    done, rest = row, ""
                yield done
                row, used = rest, self._cell_width(rest)
                if grapheme == " ":
                    continue
            row, used = row + grapheme, used + cells
        yield row

    def graphemes(self, text: str) -> Iterator[str]:
        """Yield what a person takes for one character: marks, joined emoji, flags."""
        cluster = ""
        for character in text:
            if cluster and self._extends(cluster, character):
                cluster += character
                continue
            if cluster:
                yield cluster
            cluster = character
        if cluster:
            yield cluster

    def _extends(self, cluster: str, character: str) -> bool:
        if character.isascii():
            return False
        if "\U0001f1e6" <= character <= "\U0001f1ff":
            return len(cluster) == 1 and "\U0001f1e6" <= cluster <= "\U0001f1ff"
        return cluster[-1] == _JOINER or self._cell_width(character) == 0

    def _fit(self, text: str, columns: int) -> str:
        if self._cell_width(text) <= columns:
            return text
        fitting = ""
        for grapheme in self.graphemes(text):
            if self._cell_width(fitting + grapheme) > columns - 1:
                break
            fitting += grapheme
        return f"{fitting}…"


def rule_row(text: str, width: int) -> str:
    """Return *text* in the middle of a line across the screen."""
    return f" {text} ".center(width, "─")[:width]


@lru_cache(maxsize=4096)
def nick_style(nick: str) -> str:
    """Return the style of a nick: the same colour everywhere and every day."""
    return f"class:nick{zlib.crc32(fold(nick).encode('utf-8', 'replace')) % NICK_COLOURS}"


def _looks(line: Line) -> tuple[str, str, str, str]:
    """Return head, its style, text, its style."""
    if line.fate == "deleted":
        return line.nick, "class:dim", "(deleted)", "class:dim"
    style = nick_style(line.nick) + (" class:own" if line.is_own else "")
    if line.is_mention:
        style += " class:mention"
    text_style = "class:mentioned" if line.is_mention else ""
    match line.look:
        case "message":
            return line.nick, style, line.text, text_style
        case "action":
            return "*", style, f"{line.nick} {line.text}", f"class:action {text_style}"
        case "notice":
            return f"-{line.nick}-", style, line.text, text_style
        case "pending":
            return line.nick, "class:dim", line.text, "class:dim"
        case "error":
            return _SIGNS["error"], "class:error", line.text, "class:error"
        case _:
            return _SIGNS[line.look], "class:dim", line.text, "class:dim"


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
def _minute(minute: int) -> tuple[str, str]:
    """Return the clock and the date of a minute since 1970, in local time."""
    try:
        local = time.localtime(minute * 60)
    except (ValueError, OverflowError, OSError):
        return "--:--", ""
    date = f"{time.strftime('%A', local)}, {local.tm_mday} {time.strftime('%B %Y', local)}"
    return time.strftime("%H:%M", local), date


def _clock(at_ms: int) -> str:
    return _minute(at_ms // 60_000)[0]


def _date(at_ms: int) -> str:
    return _minute(at_ms // 60_000)[1]
