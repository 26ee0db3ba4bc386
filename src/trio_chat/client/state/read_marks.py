"""The read marks: they tell the server what was read, seldom enough not to cost anything, so that
the other devices of the account agree. They know no screen.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from trio_chat.client.state.room.room import Room
from trio_chat.requests import Read

# A server that refuses this many in a row keeps no such marks.
REFUSALS = 3
# A room that is read while it is talked in is told of once in this time.
PAUSE_SECONDS = 2.0


class ReadMarks:
    """The read marks that the server is not told of yet."""

    def __init__(self) -> None:
        self._seen: dict[Room, int] = {}
        self._due_at: dict[Room, float] = {}  # also of rooms told of lately
        self._under_way: dict[str, tuple[Room, int]] = {}  # id -> the room, what it knew before
        self._refusals = 0

    def saw(self, room: Room, now: float) -> bool:
        """Note that all of *room* was seen; return whether there is something new to tell."""
        seq = room.cursor.last or 0
        if self._refusals >= REFUSALS or seq <= max(room.read_seq, self._seen.get(room, 0)):
            return False
        is_first = room not in self._seen
        self._seen[room] = seq
        if is_first:
            self._due_at[room] = max(self._due_at.get(room, 0), now + PAUSE_SECONDS)
        return is_first

    def went_away(self, room: Room) -> None:
        """Tell at once what was seen of *room*."""
        self._due_at.pop(room, None)

    def hurry(self) -> None:
        """Tell at once all that was seen."""
        self._due_at.clear()

    def due(self, now: float, new_id: Callable[[], str]) -> Read | None:
        """Return the next request to send, if there is one."""
        for room, seq in tuple(self._seen.items()):
            if self._due_at.get(room, 0) > now:
                continue
            del self._seen[room]
            self._due_at[room] = now + PAUSE_SECONDS
            if seq > room.read_seq:  # else another device told it meanwhile
                id = new_id()
                self._under_way[id] = room, room.read_seq
                room.read_seq = seq
                return Read(id=id, room=room.name, seq=seq)
        return None

    @property
    def due_at(self) -> float:
        """The time when `due` has something next, in monotonic seconds; perhaps inf."""
        return min((self._due_at.get(room, 0) for room in self._seen), default=inf)

    def answered(self, id: str) -> bool:
        """Take in that *id* was answered; return whether it is a read mark."""
        if self._under_way.pop(id, None) is None:
            return False
        self._refusals = 0
        return True

    def refused(self, id: str, *, is_passing: bool) -> bool:
        """The same for *id* that was refused, so that its mark was not told."""
        if id not in self._under_way:
            return False
        self._refusals += not is_passing
        self._take_back(id)
        return True

    def link_lost(self) -> None:
        """Take back what was perhaps not told; and perhaps another server answers next."""
        for id in tuple(self._under_way):
            self._take_back(id)
        self._seen.clear()
        self._refusals = 0

    def _take_back(self, id: str) -> None:
        room, before = self._under_way.pop(id)
        room.read_seq = min(room.read_seq, before)
