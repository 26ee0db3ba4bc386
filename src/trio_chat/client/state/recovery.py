"""Recovery from a broken link: the rooms of a lost session are joined again, and one line says how
long the link was gone, and why. It knows no links."""

from __future__ import annotations

from collections.abc import Callable

from trio_chat.client.state.effects import Effects
from trio_chat.client.state.room.room import Room
from trio_chat.client.state.rooms import Rooms
from trio_chat.events import Notice
from trio_chat.requests import Input


class Recovery:
    """Brings the rooms back to what they were before the link broke.

    Attributes:
        reason: why the server ended the link; empty: it did not say.
    """

    def __init__(self, rooms: Rooms, effects: Effects, new_id: Callable[[], str]) -> None:
        self.reason = ""
        self._rooms = rooms
        self._effects = effects
        self._new_id = new_id
        self._lost_ms = 0
        self._is_resumed = False
        self._rejoining: dict[str, Room] = {}  # id of the /join -> the room

    def link_lost(self) -> None:
        """Note when, unless the link was lost before."""
        if self._rooms.is_online:
            self._lost_ms = self._rooms.now_ms()
        self._rejoining.clear()
        self._rooms.returning.clear()

    def session_began(self, *, is_resumed: bool) -> None:
        """Expect the server to tell which rooms this person is in; a session that was not resumed
        is in none, and may have missed what was said."""
        self._is_resumed = is_resumed
        rooms = self._rooms.by_name.values()
        self._rooms.returning = {room for room in rooms if room.is_joined}
        if not is_resumed:
            for room in rooms:
                room.is_joined = False
                room.cursor.suspect_hole()

    def hello_done(self) -> None:
        """The server told all: settle what became of the rooms that it did not name."""
        lost = [r for r in self._rooms.by_name.values() if r in self._rooms.returning]
        for room in self._rooms.by_name.values():
            room.cursor.joining = False
        for room in lost:
            if self._is_resumed or room.is_direct:
                self._rooms.returning.discard(room)
            if self._is_resumed:
                self._rooms.gone(room)
            elif not room.is_direct:
                self._rejoin(room)

    def say_back_online(self) -> None:
        """Show one line for each return, and one for several in a row."""
        self._effects.show(Notice(text="back online"))
        seconds = max(0, self._rooms.now_ms() - self._lost_ms) // 1000
        reason = f": {self.reason}" if self.reason else ""
        self._rooms.say_back(f"back online after {seconds} s{reason}")
        self.reason = ""

    def _rejoin(self, room: Room) -> None:
        id = self._new_id()
        self._rejoining[id] = room
        self._effects.send(Input(id=id, room=room.name, text=f"/join {room.name}"))

    def rejoined(self, id: str) -> bool:
        """Return whether *id*, which was answered, joined a room again."""
        room = self._rejoining.pop(id, None)
        if room is not None:
            room.cursor.joining = False
        return room is not None

    def rejoin_refused(self, id: str) -> bool:
        """The same for an id that was refused: this person is not in the room any more."""
        room = self._rejoining.pop(id, None)
        if room is not None:
            self._rooms.returning.discard(room)
            self._rooms.gone(room)
        return room is not None
