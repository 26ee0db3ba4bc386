"""What the sessions of one server share, and what they do to one another: entering, leaving,
renaming, dropping out and coming back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
import trio

from trio_chat import __version__
from trio_chat.chat.names import check_room
from trio_chat.chat.records import ROOM, Change
from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Member, Room, RoomRecord
from trio_chat.chat.state import State
from trio_chat.commands import default_table
from trio_chat.config import Config
from trio_chat.errors import ChatError, Conflict, NameTaken, Unavailable
from trio_chat.events import Joined, Members
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.broadcast import Broadcaster
from trio_chat.server.delivery.presence import Presence
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import backlog_for
from trio_chat.server.hub.attendance import Attendance
from trio_chat.server.hub.conversations import Conversations
from trio_chat.server.hub.logins import Logins
from trio_chat.server.hub.perform import Performer
from trio_chat.server.hub.records import Records
from trio_chat.server.hub.seats import Seats
from trio_chat.server.intake.connection import Connection, Shared
from trio_chat.server.intake.requests import Requests
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.net.encryption import Terms
from trio_chat.server.net.links import Link, is_local, source_of
from trio_chat.server.net.listeners import accept
from trio_chat.server.operations import Operations
from trio_chat.server.settings import Settings
from trio_chat.store.api import Put, Store, Write
from trio_chat.text import fold
from trio_chat.wire.native import MAX_CLIENT_LINE_BYTES, fit_backlog

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness

log = structlog.get_logger()

_FULL_RETRY_SECONDS = 30.0
_EMPTY_ROOM_SECONDS = 60.0


class Service:
    """See the module.

    Attributes:
        start_soon: starts a task that lives no longer than the sessions.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        start_soon: Callable[..., object],
        readiness: Readiness | None = None,
        *,
        stop: trio.Event | None = None,
        load_config: Callable[[], Config] | None = None,
    ) -> None:
        """*stop* ends the server; *load_config* reads its configuration again."""
        self.settings = Settings(config)
        self.store = store
        self.start_soon = start_soon
        self.state = State(config)
        self.table = default_table()
        self.logins = Logins(self.state.accounts, config.accounts)
        self.audience = Audience()
        self.deadlines = Deadlines()
        self.presence = Presence(self.audience, self.deadlines, self.settings)
        self.seats = Seats()
        self.conversations = Conversations(self)
        self.attendance = Attendance(self)
        self.records = Records(self.state, store, self.seats, start_soon)
        self.performer = Performer(self)
        self.records.follow_up = self.performer.follow_up
        self.records.perform = self.performer.perform
        self.operations = Operations(self, stop, load_config)
        self.version = __version__
        self.started_ms = self.now_ms()
        self._readiness = readiness
        self.sessions: dict[Session, None] = {}
        self._linked: dict[str, tuple[Session, ...]] = {}  # by identity
        self._addresses: Counter[str] = Counter()
        self.requests = Requests(self)
        self.broadcaster = Broadcaster(
            store,
            self.state.directory,
            self.audience,
            self.presence,
            self.settings,
            self.records,
        )
        self._shared = Shared(
            self.settings,
            store,
            self.deadlines,
            self.audience,
            start_soon,
            take=self.requests.talking.say_nowait,
            answer=self.requests.answer,
            went_live=self.conversations.end_lonely,
            ended=self.session_ended,
        )

    @property
    def config(self) -> Config:
        return self.settings.config

    @config.setter
    def config(self, config: Config) -> None:
        self.settings.config = config

    @property
    def limits(self) -> dict[str, int | float]:
        """What a client should know before it runs into it."""
        limits = self.config.limits
        return {
            "line_bytes": MAX_CLIENT_LINE_BYTES,
            "text_bytes": limits.text_bytes,
            "text_lines": limits.text_lines,
            "nick_characters": limits.nick_characters,
            "room_characters": limits.room_characters,
            "topic_characters": limits.topic_characters,
            "page_events": limits.page_events_max,
            "silence_seconds": self.config.timeouts.drop_seconds,
        }

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    # --- rooms and conversations

    async def make_room(self, member: Member | None, name: str) -> Room:
        """Return the room called *name*, its last lines read. If there is none it is made;
        *member* then comes first, and may own it.

        Raises:
            BadRequest: there cannot be such a room.
            Unavailable: it cannot be stored.
        """
        name = check_room(name, self.config.limits)
        while self.state.directory.named(name) is None:
            if self.state.is_room(name):  # somebody else makes it just now
                await self.records.wait_released()
                continue
            roles = {}
            if member is not None and self._may_own(member, name):
                roles = {member.identity: RoomRole.OWNER.value}
            key = self.state.directory.new_key(name)
            record = RoomRecord(name, roles=roles)
            with suppress(Conflict):  # somebody was faster
                await self.records.commit(Write(), [Change(ROOM, key, None, record)])
        room = self.state.directory.find_room(name)
        await self.load_room(room)
        return room

    def _may_own(self, member: Member | None, name: str) -> bool:
        """Return whether the member owns the room by coming first. Everybody's room is nobody's:
        by its name, since an archived one has kept the key."""
        if (
            member is None
            or not member.account_id
            or fold(name) in map(fold, self.config.rooms.auto_join)
        ):
            return False
        return self.state.directory.owned(member) < self.config.limits.rooms_owned

    def enter(self, session: Session, room: Room) -> tuple[Put, ...]:
        """Take the session's member into the room, which is loaded; return what has to be stored.
        The rules have been asked."""
        member = session.member
        assert member is not None
        self.join(session, room)
        seq = room.floors.get(member.identity)
        return (
            self.records.floor_puts(room.key, member.identity, seq) if room.is_partly_read else ()
        )

    async def load_room(self, room: Room) -> None:
        while not room.loaded:
            limit, recent = self.config.limits.backlog_events, room.recent
            try:
                lines = await self.store.page(room.key, before=room.shown + 1, limit=limit)
            except Unavailable:
                log.warning("a room's last lines cannot be read", room=room.key)
                return
            if room.recent is recent:  # else some of these may be deleted meanwhile
                room.load(lines)

    def roster(self, room: Room) -> Members:
        return room.roster(self.config.rooms.presence_members)

    # --- joining, leaving, renaming

    def join(self, session: Session, room: Room) -> None:
        """Take the session's member into the room, which is loaded. A second time: nothing."""
        member = session.member
        assert member is not None
        session.place = room.key
        if room.key in member.rooms:
            return
        event = room.add(member)
        linked = self.linked(member)
        for own in linked:
            self.show_room(own, room, event)
        self.presence.show(room, event, newcomers=linked)

    def show_room(self, session: Session, room: Room, event: Joined) -> None:
        """Show the session the room that its member has come to, or is in."""
        floor = room.floor(session.identity)
        lines = [line for line in room.recent if line.seq > floor]
        more = (lines[0].seq if lines else room.shown + 1) > floor + 1
        session.send(event)
        session.send(self.roster(room))
        session.send(fit_backlog(backlog_for(session, room.name, lines, more=more), "newest"))
        session.read_from(room.key, room.shown)
        self.audience.subscribe(room.key, session)

    def leave(
        self, member: Member, room: Room, reason: str, *, keeps_floor: bool = False
    ) -> tuple[Put, ...]:
        """Take the member out of the room; return what has to be stored. *keeps_floor*: on coming
        back it reads what it could read before, and no more."""
        event = room.remove(member, reason)
        for own in self.linked(member):
            own.send(event)
            self.unhear(own, room)
        self.presence.show(room, event)
        if keeps_floor:
            self.watch_if_empty(room)
            return ()
        return self.forget_floor(member, room)

    def unhear(self, session: Session, room: Room) -> None:
        """The session's member is no longer in the room."""
        self.audience.unsubscribe(room.key, session)
        if session.place == room.key and session.member is not None:
            session.place = next(iter(session.member.rooms), "")

    def forget_floor(self, member: Member, room: Room) -> tuple[Put, ...]:
        """Who comes back begins anew."""
        self.watch_if_empty(room)
        if room.record.archived:  # who was in it reads what it could read then
            return ()
        if room.floors.pop(member.identity, None) is None:
            return ()
        return self.records.floor_puts(room.key, member.identity, None)

    def watch_if_empty(self, room: Room) -> None:
        if not room.members:
            self.deadlines.after(_EMPTY_ROOM_SECONDS, lambda: self._clear(room))

    def _clear(self, room: Room) -> None:
        """Nobody has been in the room for a while, so no write to it is under way: let go of its
        last lines and, if nothing is to be remembered of it, of the room."""
        if room.members or self.state.directory.rooms.get(room.key) is not room:
            return
        room.unload()
        if not room.shown and room.is_bare:
            self.start_soon(self._forget_room, room)

    async def _forget_room(self, room: Room) -> None:
        """Nobody has ever said anything there, and nothing was set."""
        change = Change(ROOM, room.key, room.record, None)
        with suppress(Conflict, ChatError):  # somebody has come meanwhile, or it is kept a while
            await self.records.commit(Write(), [change])

    def rename(self, member: Member, nick: str) -> None:
        """Raises NameInvalid, NameTaken."""
        account = self.state.accounts.reserves(nick)
        if account is not None and account.id != member.account_id:
            raise NameTaken(f"the nick {account.name} belongs to an account")
        concerned = self.state.directory.neighbours(member)
        event = self.state.directory.rename(member, nick, now=trio.current_time())
        if event is None:
            return
        member.called_ms = self.now_ms() + 1  # what was said in this millisecond was not by it
        for room in member.rooms.values():
            self.presence.flush(room.key)
        own = [own for one in concerned for own in self.linked(one)]
        self.audience.tell_sessions(own, [event])

    # --- links

    def linked(self, member: Member) -> Sequence[Session]:
        """The sessions that speak for the member now."""
        return self._linked.get(member.identity, ())

    def link(self, session: Session) -> None:
        """The session speaks for its member from now on."""
        identity = session.identity
        self._linked[identity] = (*self._linked.get(identity, ()), session)
        self.audience.subscribe_to_all(session)
        if session.member is not None:
            session.member.absent_until = None
            session.member.address = session.peer
        if session.seat is not None:
            self.attendance.taken(session.seat)

    def session_in(self, seat: Seat) -> Session | None:
        """The session that is linked now and has this seat."""
        return next((own for own in self.linked(seat.member) if own.seat is seat), None)

    def unlink(self, session: Session) -> None:
        """The session speaks for nobody any more; its member stays."""
        seat, identity = session.seat, session.identity
        self.detach(session)
        if seat is not None:
            directs = seat.member.directs.values()
            seat.labels = {direct.label_for(identity): direct.key for direct in directs}
        session.seat = None

    def detach(self, session: Session) -> None:
        """The session speaks for its member no more; its seat stays its own."""
        linked = self._linked.pop(session.identity, ())
        if rest := tuple(own for own in linked if own is not session):
            self._linked[session.identity] = rest
        self.audience.unsubscribe_from_all(session)
        session.member = None

    def resubscribe(self, member: Member) -> None:
        """Whom the member ignores has changed."""
        for own in self.linked(member):
            self.audience.subscribe_to_all(own)

    def session_ended(self, session: Session) -> None:
        """The link is gone."""
        self.sessions.pop(session, None)
        source = source_of(session.peer)
        self._addresses[source] -= 1
        if not self._addresses[source]:
            del self._addresses[source]
        self.attendance.link_lost(session)

    # --- the store

    def keep_member(self, member: Member) -> None:
        self.records.keep_member(member)

    def member_puts(self, member: Member) -> tuple[Put, ...]:
        return self.records.member_puts(member)

    def keep(self, *puts: Put) -> None:
        self.records.keep(*puts)

    # --- sessions

    def open_session(self, stream: trio.abc.Stream, terms: Terms | None = None) -> Connection:
        """The connection of an accepted stream that speaks on *terms*, for `Connection.run`; a
        polite refusal when full."""
        return self.admit(accept(stream, self.config, self._readiness, terms))

    def admit(self, link: Link) -> Connection:
        """The same for a link."""
        connection = Connection(self._shared, link)
        full = self._full(link.peer)
        self.sessions[connection.session] = None
        self._addresses[source_of(link.peer)] += 1
        if full:
            connection.session.close(full, retry_after=_FULL_RETRY_SECONDS)
        return connection

    def _full(self, peer: str) -> str:
        """Why no further connection from this address is served now, or ""."""
        limits = self.config.limits
        if len(self.sessions) >= limits.connections:
            return f"the server serves at most {limits.connections} connections"
        count = self._addresses[source_of(peer)]
        if count >= limits.connections_per_address and not is_local(peer):
            return f"at most {limits.connections_per_address} connections come from one address"
        return ""

    def say_bye(self, reason: str, retry_after: float) -> None:
        for session in tuple(self.sessions):
            session.close(reason, retry_after=retry_after)
