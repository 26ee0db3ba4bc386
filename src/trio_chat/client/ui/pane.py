"""The message pane: it builds only the visible rows, so a redraw costs O(height), whatever the
backlog. It knows rooms and lines, no wire and no keys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from prompt_toolkit.layout import UIContent, UIControl

from trio_chat.client.lines import Line
from trio_chat.client.model import Model
from trio_chat.client.render import Renderer, Row
from trio_chat.client.rooms import Room


class Place(NamedTuple):
    """A row of the room's text: the line's serial, and which of its rows."""

    serial: int
    row: int


class Pane(UIControl):
    """Shows the current room, following the newest line unless scrolled back."""

    def __init__(self, model: Model, renderer: Renderer) -> None:
        self._model = model
        self._renderer = renderer
        self._room: Room | None = None
        self._bottom: Place | None = None  # None: the newest
        self._width = 80
        self.height = 1

    @property
    def is_scrolled(self) -> bool:
        return self._bottom is not None

    def page_up(self) -> None:
        """Show what is above; the topmost row stays in sight, as the last."""
        rows = islice(self._rows_back_from(self._bottom), self.height)
        for place, _ in rows:
            self._bottom = place

    def page_down(self) -> None:
        """Show what is below; at the newest line follow it again."""
        if self._bottom is None:
            return
        below = self._rows_from(self._bottom)
        for place, _ in islice(below, self.height - 1):
            self._bottom = place
        if next(below, None) is None:
            self._bottom = None

    def follow(self) -> None:
        self._bottom = None

    def create_content(self, width: int, height: int) -> UIContent:
        self._width, self.height = width, height
        if self._model.house.current is not self._room:
            self._room, self._bottom = self._model.house.current, None
        shown = self._shown(height)
        rows: list[Row] = [[] for _ in range(height - len(shown))]
        rows += [row for _, row in shown]
        return UIContent(lambda i: [*rows[i]], line_count=height, show_cursor=False)

    def _shown(self, height: int) -> list[tuple[Place, Row]]:
        shown: list[tuple[Place, Row]] = []
        for placed in self._rows_back_from(self._bottom):
            shown.append(placed)
            if len(shown) == height:
                break
        shown.reverse()
        if len(shown) < height and self._bottom is not None:
            self._fill_below(shown, height)
        return shown

    def _fill_below(self, shown: list[tuple[Place, Row]], height: int) -> None:
        """The top was reached: the rest of the screen shows what comes after."""
        assert self._bottom is not None
        for placed in self._rows_from(self._bottom, skip=1 if shown else 0):
            if len(shown) == height:
                self._bottom = shown[-1][0]
                return
            shown.append(placed)
        self._bottom = None

    # --- the room's text, row by row

    def _rows_back_from(self, bottom: Place | None) -> Iterator[tuple[Place, Row]]:
        lines = _Lines(self._model, self._room)
        last = len(lines) - 1 if bottom is None else lines.index(bottom.serial)
        for index in range(last, -1, -1):
            rows = self._render(lines, index)
            if bottom is not None and index == last:
                rows = rows[: bottom.row + 1]
            for row in range(len(rows) - 1, -1, -1):
                yield Place(lines[index].serial, row), rows[row]

    def _rows_from(self, top: Place, skip: int = 1) -> Iterator[tuple[Place, Row]]:
        lines = _Lines(self._model, self._room)
        first = lines.index(top.serial)
        for index in range(first, len(lines)):
            rows = self._render(lines, index)
            start = top.row + skip if index == first else 0
            for row in range(start, len(rows)):
                yield Place(lines[index].serial, row), rows[row]

    def _render(self, lines: _Lines, index: int) -> list[Row]:
        line = lines[index]
        previous = lines[index - 1] if index else None
        marker = self._room.marker if self._room else 0
        is_new = bool(marker) and line.serial == marker + 1 and previous is not None
        return self._renderer.rows(line, previous, self._width, is_new=is_new)


class _Lines:
    """A room's lines, and after them those that wait for the server."""

    def __init__(self, model: Model, room: Room | None) -> None:
        self._room = room
        self._stored = len(room.lines) if room else 0
        self._pending: list[Line] = []
        if room is not None:
            serial = room.lines[-1].serial if room.lines else 0
            self._pending = [
                Line(serial + number, line.at_ms, "pending", model.house.nick, line.text)
                for number, line in enumerate(model.outgoing.in_room(room.name), 1)
            ]

    def __len__(self) -> int:
        return self._stored + len(self._pending)

    def __getitem__(self, index: int) -> Line:
        if index < self._stored and self._room is not None:
            return self._room.lines[index]
        return self._pending[index - self._stored]

    def index(self, serial: int) -> int:
        """Return where the line with *serial* stands, or the nearest one that is left."""
        first = self[0].serial if len(self) else 0
        return max(0, min(serial - first, len(self) - 1))
