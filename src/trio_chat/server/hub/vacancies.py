"""Rooms that nobody owns, and where nobody has been for long, go with their logs: made by guests,
they would stay for ever."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice

import structlog
import trio

from trio_chat.chat.records import ROOM, Change
from trio_chat.chat.rooms import Room, RoomRecord
from trio_chat.chat.state import State
from trio_chat.errors import ChatError, Conflict
from trio_chat.server.hub.records import Records
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.settings import Settings
from trio_chat.store.api import Store, Write
from trio_chat.text import fold

log = structlog.get_logger()

# So many go at a time, this far apart: each is two commits.
_AT_ONCE = 20
_SWEEP_SECONDS = 1.0


class Vacancies:
    def __init__(
        self,
        state: State,
        store: Store,
        records: Records,
        deadlines: Deadlines,
        settings: Settings,
        start_soon: Callable[..., object],
    ) -> None:
        """*start_soon* starts a task that ends before the store is closed."""
        self._state = state
        self._store = store
        self._records = records
        self._deadlines = deadlines
        self._settings = settings
        self._start_soon = start_soon
        self._empty: dict[Room, float] = {}  # since when, the longest ago first
        self._going: set[str] = set()
        self._is_armed = False

    def note(self, room: Room) -> None:
        """Nobody is in the room, from now on."""
        self._empty.pop(room, None)
        if self._is_nobodys(room):
            self._empty[room] = trio.current_time()
            self._arm()

    def is_going(self, key: str) -> bool:
        """Return whether the log with that key is being forgotten just now."""
        return key in self._going

    def _is_nobodys(self, room: Room) -> bool:
        record = room.record
        bare = RoomRecord(record.name, topic=record.topic, created_ms=record.created_ms)
        is_for_all = room.folded in map(fold, self._settings.config.rooms.auto_join)
        return record == bare and not is_for_all and not self._state.sanctions.count(room.key)

    def _arm(self) -> None:
        if self._empty and not self._is_armed:
            self._is_armed = True
            longest = next(iter(self._empty.values()))
            left = longest + self._settings.config.rooms.empty_seconds - trio.current_time()
            self._deadlines.after(max(_SWEEP_SECONDS, left), self._sweep)

    def _sweep(self) -> None:
        self._is_armed = False
        due = trio.current_time() - self._settings.config.rooms.empty_seconds
        for room, since in tuple(islice(self._empty.items(), _AT_ONCE)):
            if since > due:
                break
            del self._empty[room]
            if self._is_here_and_empty(room) and self._is_nobodys(room):
                self._start_soon(self._forget, room)
        self._arm()

    def _is_here_and_empty(self, room: Room) -> bool:
        return not room.members and self._state.directory.rooms.get(room.key) is room

    async def _forget(self, room: Room) -> None:
        """The record goes first. If somebody comes before the log does, the room stays."""
        with suppress(Conflict, ChatError):
            if room.kept:
                await self._records.commit(Write(), [Change(ROOM, room.key, room.record, None)])
            if self._is_here_and_empty(room):
                await self._drop_log(room)
                log.info("a room where nobody has been for long is forgotten", room=room.key)

    async def _drop_log(self, room: Room) -> None:
        """Whoever asks for the room waits meanwhile, and is then first in a new one."""
        directory, claim = self._state.directory, Change(ROOM, room.key, None, room.record)
        self._state.prepare([claim])
        directory.remove_room(room)
        self._going.add(room.key)
        try:
            await self._records.drop(room, claim)
        finally:
            self._going.discard(room.key)
            shown = self._store.head(room.key)
            if shown and room.key not in directory.rooms:  # it could not be forgotten
                room.found_shown(shown)
                directory.add_room(room)
                self.note(room)
