"""The rooms as a list to pick from, for people in more rooms than the bar holds. It knows no
keys."""

from __future__ import annotations

from collections.abc import Callable

from trio_chat.client.state.room.line import shown_room
from trio_chat.client.state.room.room import Room
from trio_chat.client.state.rooms import Rooms
from trio_chat.client.text.render import Renderer, Row
from trio_chat.client.ui.lists.listing import Listing

_NAME_COLUMNS = 24


def room_list(known: Rooms, renderer: Renderer, on_choose: Callable[[Room], None]) -> Listing:
    """Return the rooms in their order, those that call marked as in the status bar."""
    rooms = known.open_rooms
    rows = [_row(number, room, renderer) for number, room in enumerate(rooms, 1)]
    index = rooms.index(known.current) if known.current in rooms else 0
    count = "1 room" if len(rooms) == 1 else f"{len(rooms)} rooms"
    title = f"{count} — type to filter, Enter goes there, Esc closes"
    return Listing(title, rows, lambda i: on_choose(rooms[i]), index=index, can_filter=True)


def _row(number: int, room: Room, renderer: Renderer) -> Row:
    name = renderer.measure.fit(shown_room(room.name), _NAME_COLUMNS)
    name += " " * (_NAME_COLUMNS - renderer.measure.cells(name))
    style = "class:called" if room.mentions else "class:unread" if room.unread else ""
    unread = f"{room.unread:>5} " if room.unread else " " * 6
    return [
        ("class:dim", f" {number:>3} "),
        (style, f"{name} {unread}"),
        ("class:dim", f"{room.total or '':>5}  "),
        ("", room.topic),
    ]
