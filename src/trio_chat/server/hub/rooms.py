"""The last lines of a room, and the place from where on a member may read it: both are held while
somebody is there, and let go of after a while."""

from __future__ import annotations

import structlog

from trio_chat.chat.directory import Directory
from trio_chat.chat.rooms import Member, Room
from trio_chat.commands.records import put_floor
from trio_chat.errors import Unavailable
from trio_chat.server.hub.records import Records
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.settings import Settings
from trio_chat.store.api import Log, Put

log = structlog.get_logger()

_EMPTY_ROOM_SECONDS = 60.0


class Rooms:
    def __init__(
        self,
        directory: Directory,
        store: Log,
        records: Records,
        deadlines: Deadlines,
        settings: Settings,
    ) -> None:
        self._directory = directory
        self._store = store
        self._records = records
        self._deadlines = deadlines
        self._settings = settings

    async def load_named(self, name: str) -> None:
        """Load the room called *name*, made if there is none.

        Raises:
            BadRequest: there cannot be such a room.
        """
        await self.load(self._directory.open_room(name))

    async def load(self, room: Room) -> None:
        """Read the room's last lines, if they are not there and can be had."""
        while not room.loaded:
            limit, recent = self._settings.config.limits.backlog_events, room.recent
            try:
                lines = await self._store.page(room.key, before=room.shown + 1, limit=limit)
            except Unavailable:
                log.warning("a room's last lines cannot be read", room=room.key)
                return
            if room.recent is recent:  # else some of these may be deleted meanwhile
                room.load(lines)

    def known(self, key: str) -> Room:
        """The room *key*, made if it is not there: then its record was not stored, and the key
        need not be a good name."""
        room = self._directory.rooms.get(key)
        if room is None:
            room = Room(key, keep_events=self._settings.config.limits.backlog_events)
            self._directory.add_room(room)
        return room

    def forget(self, member: Member, room: Room) -> tuple[Put, ...]:
        """The member has left for good: when it comes again, it reads from there on. Return what
        has to be stored."""
        self.watch_if_empty(room)
        if room.record.archived:  # who was in it reads what it could read then
            return ()
        if room.floors.pop(member.identity, None) is None:
            return ()
        return put_floor(room, member.identity)

    def watch_if_empty(self, room: Room) -> None:
        if not room.members:
            self._deadlines.after(_EMPTY_ROOM_SECONDS, lambda: self._clear(room))

    def _clear(self, room: Room) -> None:
        """Nobody has been in the room for a while, so no write to it is under way: let go of its
        last lines and, if nothing is to be remembered of it, of the room."""
        if room.members or self._directory.rooms.get(room.key) is not room:
            return
        room.unload()
        if not room.shown and room.is_bare:
            self._directory.remove_room(room)
            self._records.keep(Put("room", room.key, None))
