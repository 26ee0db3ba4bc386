"""The width of text in a terminal, and where it may be cut: between graphemes, best at blanks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from wcwidth import iter_graphemes

CellWidth: TypeAlias = Callable[[str], int]

# Terminals disagree about how wide an emoji is that is joined, coloured, put on a key or asked to
# be one; its parts have one width everywhere, and so the columns behind it stay where they are.
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_GLUE = re.compile(
    f"(?<=[{_EMOJI}\ufe0f])[\u200d\ufe0f\U0001f3fb-\U0001f3ff]+|\ufe0f|(?<=[0-9#*\ufe0f])\u20e3"
)
# They disagree about the two halves of a flag as well: it is shown as the letters it is made of.
_FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")
_FIRST_FLAG_LETTER = 0x1F1E6


def steady(text: str) -> str:
    """Return *text* with the widths that every terminal agrees about."""
    if text.isascii() and "\t" not in text:
        return text
    return "".join(steady_pieces(text.expandtabs(4)))


def steady_pieces(text: str) -> list[str]:
    """Return what is shown of each character of *text*, which holds no tab; perhaps nothing."""
    pieces = [*text]
    for match in _GLUE.finditer(text):
        pieces[match.start() : match.end()] = [""] * len(match.group())
    for match in _FLAG_LETTER.finditer(text):
        pieces[match.start()] = chr(ord("A") + ord(match.group()) - _FIRST_FLAG_LETTER)
    return pieces


class Measure:
    """Cuts text by the width that *cell_width* says a string has."""

    def __init__(self, cell_width: CellWidth) -> None:
        self.cells = cell_width

    def rows(self, text: str, columns: int) -> list[tuple[int, int]]:
        """Return where the rows of *text* begin and end, each at most *columns* cells wide: cut
        at newlines, at blanks, else anywhere between two graphemes."""
        rows: list[tuple[int, int]] = []
        start = 0
        for paragraph in text.split("\n"):
            rows += self._paragraph(paragraph, start, columns)
            start += len(paragraph) + 1
        return rows

    def _paragraph(self, text: str, offset: int, columns: int) -> Iterator[tuple[int, int]]:
        if text.isascii() and len(text) <= columns:
            yield offset, offset + len(text)
            return
        start = position = used = 0
        blank = -1  # the last one in this row, behind something else
        for grapheme in iter_graphemes(text):
            cells = self.cells(grapheme)
            if used + cells > columns and position > start:
                is_blank = grapheme == " "
                end = blank if blank > start and not is_blank else position
                yield offset + start, offset + end
                start = end + (is_blank or end == blank)
                used, blank = self.cells(text[start:position]), -1
                if is_blank:
                    position += 1
                    continue
            if grapheme == " " and text[start:position].strip():
                blank = position
            used, position = used + cells, position + len(grapheme)
        yield offset + start, offset + position

    def fit(self, text: str, columns: int) -> str:
        """Return *text*, or as much of it as fits, and `…`."""
        if self.cells(text) <= columns:
            return text
        fitting, used = "", 0
        for grapheme in iter_graphemes(text):
            used += self.cells(grapheme)
            if used > columns - 1:
                break
            fitting += grapheme
        return f"{fitting}…"
