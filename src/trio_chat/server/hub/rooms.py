"""Rooms are made when somebody comes first, hold their last lines while somebody is there, and are
let go of when nobody has been there for a while."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import structlog

from trio_chat.chat.names import check_room
from trio_chat.chat.records import ROOM, Change
from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Member, Room, RoomRecord
from trio_chat.chat.state import State
from trio_chat.errors import ChatError, Conflict, Unavailable
from trio_chat.server.hub.records import Records
from trio_chat.server.hub.vacancies import Vacancies
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.settings import Settings
from trio_chat.store.api import Log, Put, Write
from trio_chat.text import fold

log = structlog.get_logger()

_EMPTY_ROOM_SECONDS = 60.0


class Rooms:
    def __init__(
        self,
        state: State,
        store: Log,
        records: Records,
        deadlines: Deadlines,
        vacancies: Vacancies,
        settings: Settings,
        start_soon: Callable[..., object],
    ) -> None:
        """*start_soon* starts a task that ends before the store is closed."""
        self._state = state
        self._directory = state.directory
        self._start_soon = start_soon
        self._store = store
        self._records = records
        self._deadlines = deadlines
        self._vacancies = vacancies
        self._settings = settings

    async def open(self, name: str, member: Member | None = None) -> Room:
        """Return the room called *name*, its last lines read. If there is none it is made;
        *member* then comes first, and may own it.

        Raises:
            BadRequest: there cannot be such a room.
            Unavailable: it cannot be stored.
        """
        name = check_room(name, self._settings.config.limits)
        while self._directory.named(name) is None:
            if self._state.is_room(name):  # somebody else makes it just now
                await self._records.wait_released()
            else:
                with suppress(Conflict):  # somebody was faster
                    await self._make(name, member)
        room = self._directory.find_room(name)
        await self.load(room)
        return room

    async def _make(self, name: str, member: Member | None) -> None:
        roles = {}
        if member is not None and self._may_own(member, name):
            roles = {member.identity: RoomRole.OWNER.value}
        record, key = RoomRecord(name, roles=roles), self._directory.new_key(name)
        await self._records.commit(Write(), [Change(ROOM, key, None, record)])

    def _may_own(self, member: Member, name: str) -> bool:
        """Return whether the member owns the room by coming first. Everybody's room is nobody's:
        by its name, since an archived one has kept the key."""
        config = self._settings.config
        if not member.account_id or fold(name) in map(fold, config.rooms.auto_join):
            return False
        return self._directory.owned(member) < config.limits.rooms_owned

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

    def is_going(self, key: str) -> bool:
        """Return whether the room with that key is being forgotten just now."""
        return self._vacancies.is_going(key)

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
        return self._records.floor_puts(room.key, member.identity, None)

    def watch_if_empty(self, room: Room) -> None:
        if not room.members:
            self._vacancies.note(room)
            self._deadlines.after(_EMPTY_ROOM_SECONDS, lambda: self._clear(room))

    def _clear(self, room: Room) -> None:
        """Nobody has been in the room for a while, so no write to it is under way: let go of its
        last lines and, if nothing is to be remembered of it, of the room."""
        if room.members or self._directory.rooms.get(room.key) is not room:
            return
        room.unload()
        if not room.shown and room.is_bare:
            self._start_soon(self._remove, room)

    async def _remove(self, room: Room) -> None:
        """Nobody has ever said anything there, and nothing was set."""
        change = Change(ROOM, room.key, room.record, None)
        with suppress(Conflict, ChatError):  # somebody has come meanwhile, or it is kept a while
            await self._records.commit(Write(), [change])
