"""Telling the server what was read: seldom enough not to cost anything, so that another device of
the same account agrees. It knows no screen.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from trio_chat.client.rooms import Room
from trio_chat.requests import Read

# A room that is read while it is talked in is told of once in this time.
PAUSE_SECONDS = 2.0


class Reading:
    """What was seen and not told yet."""

    def __init__(self) -> None:
        self._seen: dict[Room, int] = {}
        self._due_at: dict[Room, float] = {}  # also of rooms told of lately
        self._under_way: dict[str, Room] = {}
        self._is_wanted = True

    def saw(self, room: Room, now: float) -> bool:
        """All of *room* is in somebody's sight; return whether there is something new to tell."""
        seq = room.cursor.last or 0
        if not self._is_wanted or seq <= max(room.read_seq, self._seen.get(room, 0)):
            return False
        is_first = room not in self._seen
        self._seen[room] = seq
        if is_first:
            self._due_at[room] = max(self._due_at.get(room, 0), now + PAUSE_SECONDS)
        return is_first

    def went_away(self, room: Room) -> None:
        """What was seen of *room* may be told at once."""
        self._due_at.pop(room, None)

    def due(self, now: float, new_id: Callable[[], str]) -> Read | None:
        """Return the next request to send, if there is one."""
        for room, seq in tuple(self._seen.items()):
            if self._due_at.get(room, 0) > now:
                continue
            del self._seen[room]
            self._due_at[room] = now + PAUSE_SECONDS
            if seq > room.read_seq:  # else another device told it meanwhile
                room.read_seq = seq
                id = new_id()
                self._under_way[id] = room
                return Read(id=id, room=room.name, seq=seq)
        return None

    @property
    def due_at(self) -> float:
        """When `due` has something next, in monotonic seconds; perhaps inf."""
        return min((self._due_at.get(room, 0) for room in self._seen), default=inf)

    def answered(self, id: str | None) -> bool:
        """Return whether *id* is one of ours."""
        return self._under_way.pop(id or "", None) is not None

    def refused(self, id: str | None, *, is_passing: bool) -> bool:
        """The same; if that does not pass, this server keeps no such marks."""
        room = self._under_way.pop(id or "", None)
        if room is not None and not is_passing:
            self._is_wanted = False
        return room is not None

    def link_lost(self) -> None:
        """Perhaps another server answers next."""
        self._under_way.clear()
        self._is_wanted = True
