"""Members in rooms: entering, joining, leaving, being put out, and being called otherwise."""

from __future__ import annotations

from collections.abc import Callable

import structlog
import trio

from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.rules import check_enter
from trio_chat.chat.state import State
from trio_chat.errors import ChatError, NameTaken
from trio_chat.events import Backlog, Joined
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.presence import Presence
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import View
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.records import Records
from trio_chat.server.hub.rooms import Rooms
from trio_chat.server.settings import Settings
from trio_chat.store.api import Put
from trio_chat.wire.fitting import fit_backlog

log = structlog.get_logger()


class Membership:
    def __init__(
        self,
        state: State,
        rooms: Rooms,
        devices: Devices,
        audience: Audience,
        presence: Presence,
        records: Records,
        settings: Settings,
        now_ms: Callable[[], int],
    ) -> None:
        self._state = state
        self._rooms = rooms
        self._devices = devices
        self._audience = audience
        self._presence = presence
        self._records = records
        self._settings = settings
        self._now_ms = now_ms

    # --- entering

    def enter(self, session: Session, room: Room) -> tuple[Put, ...]:
        """Take the session's member into the room, which is loaded; return what has to be stored.
        The rules have been asked."""
        self.join(session, room)
        if not room.is_partly_read:
            return ()
        seq = room.floors.get(session.identity)
        return self._records.floor_puts(room.key, session.identity, seq)

    def join(self, session: Session, room: Room) -> None:
        """Take the session's member into the room, which is loaded. A second time: nothing."""
        member = session.speaker()
        session.place = room.key
        if room.key not in member.rooms:
            _mark_read(member, room)
            self._add(member, room)

    def _add(self, member: Member, room: Room) -> None:
        if room.key not in member.reads:
            _mark_read(member, room)
        event, own = room.add(member), self._devices.of(member)
        for session in own:
            self.show_room(session, room, event)
        self._presence.show(room, event, newcomers=own)

    def show_room(self, session: Session, room: Room, event: Joined) -> None:
        """Show the session the room that its member has come to, or is in."""
        session.send(event)
        session.send(room.roster(self._settings.config.rooms.presence_members))
        session.send(fit_backlog(self._backlog(session, room), "newest"))
        session.read_from(room.key, room.shown)
        self._audience.subscribe(room.key, session)

    def _backlog(self, session: Session, room: Room) -> Backlog:
        view = View(session, room, self._state.accounts)
        if not session.allows("read"):
            return view.backlog((), more=False)
        visible_from = room.floor(session.identity)
        lines = [line for line in room.recent if line.seq > visible_from]
        more = (lines[0].seq if lines else room.shown + 1) > visible_from + 1
        return view.backlog(lines, more=more)

    def reenter(self, member: Member, keys: tuple[str, ...]) -> None:
        """Take the member into the rooms it was in, where it still may be."""
        for key in keys:
            if self._rooms.is_going(key):
                continue
            room = self._rooms.known(key)
            if room.key in member.rooms:
                continue
            if self._may_return(member, room):
                self._add(member, room)
            else:
                self._records.keep(*self._rooms.forget(member, room))
        for direct in member.directs.values():
            for partner in direct:
                for session in self._devices.of(partner):
                    self._audience.subscribe(direct.key, session)

    def _may_return(self, member: Member, room: Room) -> bool:
        sanctions, key = self._state.sanctions, room.record.key
        try:
            check_enter(room, member, key, sanctions, self._now_ms(), counts=False)
        except ChatError as exc:
            log.info("not taken back into a room", nick=member.nick, room=room.key, why=exc.message)
            return False
        return True

    # --- leaving

    def leave(self, member: Member, room: Room, reason: str) -> tuple[Put, ...]:
        """Take the member out of the room; return what has to be stored."""
        self._remove(member, room, reason)
        return self._rooms.forget(member, room)

    def _remove(self, member: Member, room: Room, reason: str) -> None:
        event = room.remove(member, reason)
        for own in self._devices.of(member):
            own.send(event)
            self._turn_away(own, room)
        self._presence.show(room, event)

    def expel(self, room: Room, identity: str) -> None:
        """The member with that identity is put out of the room, which has been shown why."""
        here = room.members.get(identity)
        if here is None:
            return  # it left meanwhile
        left = room.remove(here, "kicked")
        for own in self._devices.of(here):
            if own.cursors is not None:  # it will not read the kick any more
                own.send(left)
            self._turn_away(own, room)
        self._records.keep(*self._rooms.forget(here, room))
        self._records.keep_member(here)

    def close_room(self, room: Room) -> None:
        """Everybody leaves the room, which was archived, and may read there what it could read."""
        for member in tuple(room.members.values()):
            self._remove(member, room, "archived")
            self._records.keep_member(member)
        self._rooms.watch_if_empty(room)

    def _turn_away(self, session: Session, room: Room) -> None:
        """The session's member is no longer in the room."""
        self._audience.unsubscribe(room.key, session)
        if session.place == room.key and session.member is not None:
            session.place = next(iter(session.member.rooms), "")

    # --- names

    def rename(self, member: Member, nick: str) -> None:
        """Raises NameInvalid, NameTaken."""
        directory = self._state.directory
        account = self._state.accounts.reserves(nick)
        if account is not None and account.id != member.account_id:
            text = f"the nick {account.name} belongs to an account"
            raise NameTaken(text, nick=nick, account=account.name)
        concerned = directory.neighbours(member)
        event = directory.rename(member, nick, now=trio.current_time())
        if event is None:
            return
        member.called_ms = self._now_ms() + 1  # what was said in this millisecond was not by it
        for room in member.rooms.values():
            self._presence.flush(room.key)
        own = [session for one in concerned for session in self._devices.of(one)]
        self._audience.tell_sessions(own, [event])


def _mark_read(member: Member, room: Room) -> None:
    """What was said before the member comes to the room is no news."""
    member.reads = {**member.reads, room.key: room.shown}
