"""The message pane: it builds only the visible rows, so a redraw costs O(height), whatever the
backlog. It knows rooms and lines, no wire and no keys."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from prompt_toolkit.layout import UIContent, UIControl
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from trio_chat.client.state.model import Model
from trio_chat.client.state.room.line import SERIAL_BITS, shown_room
from trio_chat.client.state.room.past import Pull
from trio_chat.client.state.room.room import Room
from trio_chat.client.text.render import Renderer, Row, rule_row
from trio_chat.client.ui.full.scrollback import Scrollback

if TYPE_CHECKING:
    from prompt_toolkit.key_binding.key_bindings import NotImplementedOrNone

# Older lines are asked for while this many screens of them are still there.
SPARE_SCREENS = 2
WHEEL_ROWS = 3


class Place(NamedTuple):
    """A row of the room's text: the line's serial, and which of its rows, counted from its end,
    because the rules above a line come and go."""

    serial: int
    row: int


Placed: TypeAlias = tuple[Place, Row]


class Pane(UIControl):
    """Shows the current room, following the newest line unless scrolled back.

    Attributes:
        renderer: makes the rows.
        edge: which lines are missing soon, if any; known after each drawing.
    """

    def __init__(self, model: Model, renderer: Renderer) -> None:
        self._model = model
        self.renderer = renderer
        self._room: Room | None = None
        self._bottom: Place | None = None  # None: the newest
        self._target: tuple[Room, int] | None = None  # a seq that is to be shown when it is here
        self._is_search = False  # it is to be marked as found
        self._found = 0  # the serial of the line that was looked for
        self._width = 80
        self.height = 1
        self.edge: Pull | None = None

    @property
    def is_scrolled(self) -> bool:
        return self._bottom is not None

    def scroll_up(self, rows: int) -> None:
        for place, _ in islice(self._rows_back_from(self._lines(), self._bottom), rows + 1):
            self._bottom = place

    def scroll_down(self, rows: int) -> None:
        """Scroll down; from the newest line on, follow what comes."""
        if self._bottom is None:
            return
        lines = self._lines()
        below = self._rows_from(lines, self._bottom)
        for place, _ in islice(below, rows):
            self._bottom = place
        if next(below, None) is None and lines.reaches_newest:
            self.follow()

    def page_up(self) -> None:
        """Show what is above; the topmost row stays in sight, as the last."""
        self.scroll_up(self.height - 1)

    def page_down(self) -> None:
        self.scroll_down(self.height - 1)

    def follow(self) -> None:
        """Show the newest line, and forget what was pulled from the past."""
        self._bottom = self._target = None
        self._found = 0
        if self._room is not None:
            self._room.forget_past()

    def show_seq(self, room: Room, seq: int) -> None:
        """Show the line with *seq* as soon as it is here."""
        self._target, self._is_search = (room, seq), True

    def show_marker(self) -> int | None:
        """Show where reading stopped; return the seq to fetch where that is not here any more."""
        lines, room = self._lines(), self._model.rooms.current
        if room is None or not room.marker or not len(lines):
            return None
        if room.marker < lines[0].serial and room.has_older:
            first_new_seq = (room.marker >> SERIAL_BITS) + 1
            self._target, self._is_search = (room, first_new_seq), False
            return first_new_seq
        first_new = min(lines.index(room.marker) + 1, len(lines) - 1)
        self._show(lines, lines[first_new].serial)
        return None

    def mouse_handler(self, mouse_event: MouseEvent) -> NotImplementedOrNone:
        """Scroll with the wheel; leave all other events to the terminal."""
        if mouse_event.event_type is MouseEventType.SCROLL_UP:
            self.scroll_up(WHEEL_ROWS)
        elif mouse_event.event_type is MouseEventType.SCROLL_DOWN:
            self.scroll_down(WHEEL_ROWS)
        else:
            return NotImplemented
        return None

    # --- drawing

    def create_content(self, width: int, height: int) -> UIContent:
        self._width, self.height = width, height
        self._come_to(self._model.rooms.current)
        lines = self._lines()
        self._go_to_target(lines)
        shown = self._shown(lines, height)
        self.edge = self._edge_near(lines, shown)
        rows: list[Row] = [[] for _ in range(height - len(shown))]
        rows += [row for _, row in shown]
        return UIContent(lambda i: [*rows[i]], line_count=height, show_cursor=False)

    def _come_to(self, room: Room | None) -> None:
        if room is self._room:
            return
        if self._room is not None:
            self._room.forget_past()
        self._room, self._bottom, self._found = room, None, 0

    def _go_to_target(self, lines: Scrollback) -> None:
        if self._target is None or self._target[0] is not self._room or self._room is None:
            return
        past = self._room.past
        if past is not None and past.pull is not None:
            return  # it comes
        serial = lines[lines.index(self._target[1] << SERIAL_BITS)].serial if len(lines) else 0
        self._target = None
        self._found = serial if self._is_search else 0
        self._show(lines, serial)

    def _show(self, lines: Scrollback, serial: int) -> None:
        """Put the first row of the line with *serial* into the middle."""
        self._bottom = Place(serial, len(self._render(lines, lines.index(serial))) - 1)
        for place, _ in islice(self._rows_from(lines, self._bottom), self.height // 2):
            self._bottom = place

    def _shown(self, lines: Scrollback, height: int) -> list[Placed]:
        shown: list[Placed] = []
        for placed in self._rows_back_from(lines, self._bottom):
            shown.append(placed)
            if len(shown) == height:
                break
        shown.reverse()
        if len(shown) < height and self._bottom is not None:
            self._fill_below(lines, shown, height)
        if shown:
            place, row = shown[0]
            line = lines[lines.index(place.serial)]
            shown[0] = place, self.renderer.named(row, line, self._width)
        return shown

    def _fill_below(self, lines: Scrollback, shown: list[Placed], height: int) -> None:
        """Fill the rest of the screen with what comes after: the top of the room was reached."""
        assert self._bottom is not None
        for placed in self._rows_from(lines, self._bottom):
            if len(shown) == height:
                self._bottom = shown[-1][0]
                return
            shown.append(placed)
        if lines.reaches_newest and self._room is not None and not self._room.has_older:
            self._bottom = None

    def _edge_near(self, lines: Scrollback, shown: list[Placed]) -> Pull | None:
        room = self._room
        if room is None or self._bottom is None:
            return None
        spare = self.height * SPARE_SCREENS
        if room.has_older and (not shown or lines.index(shown[0][0].serial) < spare):
            return "older"
        if lines.reaches_newest or len(lines) - lines.index(self._bottom.serial) > spare:
            return None
        return "newer"

    # --- the room's text, row by row

    def _lines(self) -> Scrollback:
        return Scrollback(self._model, self._model.rooms.current)

    def _rows_back_from(self, lines: Scrollback, bottom: Place | None) -> Iterator[Placed]:
        last = len(lines) - 1 if bottom is None else lines.index(bottom.serial)
        for index in range(min(last, len(lines) - 1), -1, -1):
            rows = self._render(lines, index)
            skipped = bottom.row if bottom is not None and index == last else 0
            for row in range(min(skipped, len(rows) - 1), len(rows)):
                yield Place(lines[index].serial, row), rows[-1 - row]

    def _rows_from(self, lines: Scrollback, top: Place) -> Iterator[Placed]:
        """Yield the rows below *top*."""
        first = lines.index(top.serial)
        for index in range(first, len(lines)):
            rows = self._render(lines, index)
            start = min(top.row, len(rows)) if index == first else len(rows)
            for row in range(start - 1, -1, -1):
                yield Place(lines[index].serial, row), rows[-1 - row]

    def _render(self, lines: Scrollback, index: int) -> list[Row]:
        line = lines[index]
        previous = lines[index - 1] if index else None
        room = self._room
        if room is None:
            return []
        new = ""
        is_after = previous is None or previous.serial <= room.marker
        if room.marker and is_after and line.serial > room.marker:
            count = room.new_count + room.unread
            new = f"{count} new" if count else ""  # else only somebody came or went
        rows = self.renderer.rows(line, previous, self._width, new=new)
        if line.serial == self._found:
            rows = [[(f"{style} class:found", text) for style, text in row] for row in rows]
        return rows if index else [self._top_row(room), *rows]

    def _top_row(self, room: Room) -> Row:
        text = "…" if room.has_older else f"beginning of {shown_room(room.name)}"
        return [("class:rule", rule_row(text, self._width))]
