"""A room's lines as one sequence: those pulled from the past, those the room keeps, those that wait
for the server. It knows no rows and no terminal."""

from __future__ import annotations

from bisect import bisect_right

from trio_chat.client.state.model import Model
from trio_chat.client.state.passwords import masked
from trio_chat.client.state.room.line import Line
from trio_chat.client.state.room.room import Room


class Scrollback:
    """The lines that can be scrolled to without asking the server."""

    def __init__(self, model: Model, room: Room | None) -> None:
        self._past = room.past.lines if room and room.past else ()
        self.reaches_newest = room is None or room.past is None or room.past.is_attached
        self._kept = room.lines if room and self.reaches_newest else ()
        self._before_pending = len(self._past) + len(self._kept)
        self._pending: list[Line] = []
        if room is not None and self.reaches_newest:
            serial = room.lines[-1].serial if room.lines else 0
            self._pending = [
                Line(serial + number, line.at_ms, "pending", model.rooms.nick, masked(line.text))
                for number, line in enumerate(model.outgoing.in_room(room.name), 1)
            ]

    def __len__(self) -> int:
        return self._before_pending + len(self._pending)

    def __getitem__(self, index: int) -> Line:
        if index < len(self._past):
            return self._past[index]
        if index < self._before_pending:
            return self._kept[index - len(self._past)]
        return self._pending[index - self._before_pending]

    def index(self, serial: int) -> int:
        """Return where the line with *serial* stands, or the one before it that is left."""
        after = bisect_right(range(len(self)), serial, key=lambda index: self[index].serial)
        return max(0, after - 1)
