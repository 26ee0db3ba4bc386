"""The width of text in a terminal, and where it may be cut: between graphemes, best at blanks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

CellWidth: TypeAlias = Callable[[str], int]

_JOINER = "\u200d"
# Terminals disagree about how wide an emoji is that is joined, coloured or asked to be one; its
# parts have one width everywhere, and so the columns behind it stay where they are.
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_EMOJI_GLUE = re.compile(f"(?<=[{_EMOJI}\ufe0f])[\u200d\ufe0f\U0001f3fb-\U0001f3ff]+")


def steady(text: str) -> str:
    """Return *text* with the widths that every terminal agrees about."""
    return text if text.isascii() and "\t" not in text else _EMOJI_GLUE.sub("", text.expandtabs(4))


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
        for grapheme in self.graphemes(text):
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

    def graphemes(self, text: str) -> Iterator[str]:
        """Yield the graphemes of *text*, each of which a person takes for one character."""
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
        return cluster[-1] == _JOINER or self.cells(character) == 0

    def fit(self, text: str, columns: int) -> str:
        """Return *text*, or as much of it as fits, and `…`."""
        if self.cells(text) <= columns:
            return text
        fitting, used = "", 0
        for grapheme in self.graphemes(text):
            used += self.cells(grapheme)
            if used > columns - 1:
                break
            fitting += grapheme
        return f"{fitting}…"
