"""What the sessions of one server share, and what they do to one another: entering, leaving,
renaming, dropping out and coming back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
import structlog
import trio

from trio_chat import __version__
from trio_chat.chat.hub import Hub
from trio_chat.chat.members import Member
from trio_chat.chat.names import check_room
from trio_chat.chat.rooms import Direct, Room, Talk
from trio_chat.commands import default_table
from trio_chat.commands.rooms import RoomRecord, put_room
from trio_chat.commands.table import Context, Host
from trio_chat.config import Config
from trio_chat.errors import BadRequest, ConfigError, NameTaken, Unavailable
from trio_chat.events import Members
from trio_chat.server.audience import Audience, tell
from trio_chat.server.catchup import backlog_for
from trio_chat.server.conversations import Conversations
from trio_chat.server.deadlines import Deadlines
from trio_chat.server.listeners import accept
from trio_chat.server.presence import Presence
from trio_chat.server.seats import SPACE, Seat, Seats
from trio_chat.server.session import Session
from trio_chat.store import Put, Store, Write
from trio_chat.wire.native import MAX_CLIENT_LINE_BYTES, fit_backlog

if TYPE_CHECKING:
    from trio_chat.server.readiness import Readiness

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
    ) -> None:
        self.config = config
        self.store = store
        self.start_soon = start_soon
        self.hub = Hub(config.limits)
        self.table = default_table()
        self.audience = Audience()
        self.deadlines = Deadlines()
        self.presence = Presence(self.audience, self.deadlines, config.rooms)
        self.seats = Seats()
        self.conversations = Conversations(self)
        self.version = __version__
        self.started_ms = self.now_ms()
        self._readiness = readiness
        self.sessions: dict[Session, None] = {}
        self._absent: dict[Seat, None] = {}  # whose member has left, the longest ago first
        self._linked: dict[str, list[Session]] = {}  # by identity
        self._addresses: Counter[str] = Counter()

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

    def context(self, host: Host, member: Member, place: Room | Direct | None) -> Context:
        return Context(
            table=self.table,
            hub=self.hub,
            store=self.store,
            config=self.config,
            host=host,
            member=member,
            place=place,
            now_ms=self.now_ms(),
            started_ms=self.started_ms,
            version=self.version,
        )

    # --- start

    async def restore(self) -> None:
        """Take up rooms and sessions where the former run of the server left them.

        Raises:
            ConfigError: everybody is to start in a room that cannot be.
        """
        for name in self.config.rooms.auto_join:
            try:
                check_room(name, self.config.limits)
            except BadRequest as exc:
                raise ConfigError(f"rooms.auto_join: {name!r}: {exc.message}") from exc
        heads = await self.store.heads()
        records = {
            key: msgspec.json.decode(stored.value, type=RoomRecord)
            for key, stored in (await self.store.list("room")).items()
        }
        logs = {key for key in heads if not key.startswith(("$", "@"))}
        for key in logs | records.keys():
            record = records.get(key, RoomRecord(key))
            room = Room(
                record.name,
                shown=heads.get(key, 0),
                keep_events=self.config.limits.backlog_events,
            )
            room.topic = record.topic
            room.kept = key in records
            self.hub.rooms[key] = room
        for key, stored in (await self.store.list(SPACE)).items():
            self._restore_seat(self.seats.restore(key, stored), heads)

    def _restore_seat(self, seat: Seat, heads: dict[str, int]) -> None:
        timeouts = self.config.timeouts
        away_seconds = 0.0
        if seat.dropped_ms is not None:
            away_seconds = (self.now_ms() - seat.dropped_ms) / 1000
        left = timeouts.resume_seconds - away_seconds
        if left <= 0:
            self.keep(self.seats.remove(seat))
            return
        if away_seconds >= timeouts.grace_seconds:
            self._await_resume(seat, left)
            return
        try:
            self.hub.enter(seat.member, now=trio.current_time())
        except NameTaken:
            log.warning("two sessions of one nick were kept", nick=seat.member.nick)
            self._await_resume(seat, left)
            return
        seat.present = True
        for identity, nick in seat.directs.items():
            self.conversations.link(seat.member, identity, nick, heads)
        self.reenter(seat)
        self._begin_grace(seat)
        if seat.dropped_ms is None:  # its server was killed
            seat.dropped_ms = self.now_ms()
            self.keep(seat.put())

    # --- rooms and conversations

    def talk(self, key: str) -> Talk | None:
        return self.hub.rooms.get(key) or self.hub.directs.get(key)

    def talk_of(self, session: Session, key: str) -> Room | Direct | None:
        """The room or conversation, if the session's member is in it."""
        member = session.member
        return (member.rooms.get(key) or member.directs.get(key)) if member else None

    def talks_of(self, session: Session) -> list[Room | Direct]:
        member = session.member
        return [*member.rooms.values(), *member.directs.values()] if member else []

    def label(self, key: str, session: Session) -> str:
        """What the session calls the log *key*."""
        room = self.hub.rooms.get(key)
        if room is not None:
            return room.name
        direct = self.hub.directs.get(key)
        return direct.label_for(session.identity) if direct is not None else key

    def enter(self, session: Session, name: str) -> tuple[Put, ...]:
        """Take the session's member into the room called *name*, which is loaded; return what has
        to be stored.

        Raises:
            BadRequest: there cannot be such a room.
        """
        room = self.hub.open_room(name)
        self.join(session, room)
        if room.kept:
            return ()
        room.kept = True
        return (put_room(room, room.topic),)

    async def load(self, name: str) -> None:
        """Read the last lines of the room called *name*, made if there is none, if they are not
        there and can be had.

        Raises:
            BadRequest: there cannot be such a room.
        """
        room = self.hub.open_room(name)
        if room.loaded:
            return
        limit = self.config.limits.backlog_events
        try:
            room.load(await self.store.page(room.key, before=room.shown + 1, limit=limit))
        except Unavailable:
            log.warning("a room's last lines cannot be read", room=room.key)

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
        more = (room.recent[0].seq if room.recent else room.shown + 1) > 1
        for own in self.linked(member):
            own.send(event)
            own.send(self.roster(room))
            own.send(fit_backlog(backlog_for(own, room.name, room.recent, more=more), "newest"))
            if own.catch_up is not None:
                own.catch_up.cursors[room.key] = room.shown
            self.audience.add(room.key, own)
        self.presence.show(room, event, newcomer=session)

    def leave(self, member: Member, room: Room, reason: str) -> None:
        event = room.remove(member, reason)
        for own in self.linked(member):
            self.audience.remove(room.key, own)
            own.send(event)
            if own.place == room.key:
                own.place = next(iter(member.rooms), "")
        self.presence.show(room, event)
        self._watch_if_empty(room)

    def _watch_if_empty(self, room: Room) -> None:
        if not room.members:
            self.deadlines.after(_EMPTY_ROOM_SECONDS, lambda: self._clear(room))

    def _clear(self, room: Room) -> None:
        """Nobody has been in the room for a while, so no write to it is under way: let go of its
        last lines and, if it has no log and no topic, of the room."""
        if room.members or self.hub.rooms.get(room.key) is not room:
            return
        room.unload()
        if not room.shown and not room.topic:
            del self.hub.rooms[room.key]
            self.keep(Put("room", room.key, None))

    def rename(self, member: Member, nick: str) -> None:
        """Raises NameInvalid, NameTaken."""
        concerned = self.hub.neighbours(member)
        event = self.hub.rename(member, nick, now=trio.current_time())
        if event is None:
            return
        for room in member.rooms.values():
            self.presence.flush(room.key)
        for one in concerned:
            if member.key in one.ignores:
                self.keep_seat(one)
        tell([own for one in concerned for own in self.linked(one)], [event])

    def reenter(self, seat: Seat) -> None:
        """Take the member of a seat into the rooms it was in."""
        for key in seat.rooms:
            room = self.hub.rooms.get(key)
            if room is None:  # its record was not stored; a key need not be a good name
                room = self.hub.rooms[key] = Room(
                    key, keep_events=self.config.limits.backlog_events
                )
            self.presence.show(room, room.add(seat.member))
        for direct in seat.member.directs.values():
            for partner in direct:
                for session in self.linked(partner):
                    self.audience.add(direct.key, session)

    # --- links

    def linked(self, member: Member) -> Sequence[Session]:
        """The sessions that speak for the member now."""
        return self._linked.get(member.identity, ())

    def link(self, session: Session) -> None:
        """The session speaks for its member from now on."""
        self._linked.setdefault(session.identity, []).append(session)
        for talk in self.talks_of(session):
            self.audience.add(talk.key, session)
        if session.seat is not None and session.seat.timer is not None:
            session.seat.timer.cancel()
            self._absent.pop(session.seat, None)

    def unlink(self, session: Session) -> None:
        """The session speaks for nobody any more; its member stays."""
        linked = self._linked.get(session.identity, [])
        if session in linked:
            linked.remove(session)
        if not linked:
            self._linked.pop(session.identity, None)
        self.hush(session)
        seat = session.seat
        if seat is not None and seat.session is session:
            seat.session = None
            directs = seat.member.directs.values()
            seat.labels = {direct.label_for(session.identity): direct.key for direct in directs}
        session.member = session.seat = None

    def hush(self, session: Session) -> None:
        """Show the session nothing more of what happens."""
        for talk in self.talks_of(session):
            self.audience.remove(talk.key, session)

    def refile(self, session: Session) -> None:
        """Whom the member ignores has changed."""
        for own in self._linked.get(session.identity, ()):
            for talk in self.talks_of(own):
                self.audience.add(talk.key, own)

    def session_ended(self, session: Session) -> None:
        """The link is gone. Without a `/quit` the member stays for the grace, if its session can
        be resumed."""
        self.sessions.pop(session, None)
        self._addresses[session.link.peer] -= 1
        if not self._addresses[session.link.peer]:
            del self._addresses[session.link.peer]
        seat, member = session.seat, session.member
        if member is None:
            return
        if seat is None:
            self.depart(session, "link closed")
            return
        self.unlink(session)
        seat.dropped_ms = self.now_ms()
        self.keep(seat.put())
        self._begin_grace(seat)

    def depart(self, session: Session, reason: str) -> None:
        """The member leaves by intent: its nick is free at once, its session is over."""
        seat, member = session.seat, session.member
        if member is None:
            return
        if seat is not None:
            self.keep(self.seats.remove(seat))
        self.unlink(session)
        self._exit(member, reason)

    def _exit(self, member: Member, reason: str) -> None:
        for direct in tuple(member.directs.values()):
            self.conversations.end(direct, member, reason)
        for room, event in self.hub.exit(member, reason):
            self.presence.show(room, event)
            self._watch_if_empty(room)

    def _begin_grace(self, seat: Seat) -> None:
        grace_seconds = self.config.timeouts.grace_seconds
        seat.member.absent_until = trio.current_time() + grace_seconds
        seat.timer = self.deadlines.after(grace_seconds, lambda: self._end_grace(seat))

    def _end_grace(self, seat: Seat) -> None:
        seat.note()
        seat.present = False
        self._exit(seat.member, "link lost")
        left = self.config.timeouts.resume_seconds - self.config.timeouts.grace_seconds
        self._await_resume(seat, max(0.0, left))

    def _await_resume(self, seat: Seat, seconds: float) -> None:
        """Keep the seat of a member that has left, unless there are too many of them."""
        self._absent[seat] = None
        seat.timer = self.deadlines.after(seconds, lambda: self._forget(seat))
        if len(self._absent) > self.config.limits.absent_sessions:
            oldest = next(iter(self._absent))
            if oldest.timer is not None:
                oldest.timer.cancel()
            self._forget(oldest)

    def _forget(self, seat: Seat) -> None:
        self._absent.pop(seat, None)
        self.keep(self.seats.remove(seat))

    # --- the store

    def keep_seat(self, member: Member) -> None:
        seat = self.seats.of(member)
        if seat is not None:
            self.keep(seat.put())

    def keep(self, *puts: Put) -> None:
        """Store *puts* without anybody waiting for it."""
        write = Write(puts=puts)
        try:
            self.store.submit_nowait(write)
        except trio.WouldBlock:
            self.start_soon(self._keep_later, write)
        except trio.ClosedResourceError:
            log.warning("too late to keep a session")

    async def _keep_later(self, write: Write) -> None:
        try:
            await self.store.submit(write)
        except trio.ClosedResourceError:
            log.warning("too late to keep a session")

    # --- sessions

    def open_session(self, stream: trio.abc.Stream) -> Session:
        """The session of an accepted stream, for `Session.run`; a polite refusal when full."""
        session = Session(self, accept(stream, self.config, self._readiness))
        full = self._full(session.link.peer)
        self.sessions[session] = None
        self._addresses[session.link.peer] += 1
        if full:
            session.close(full, retry_after=_FULL_RETRY_SECONDS)
        return session

    def _full(self, peer: str) -> str:
        """Why no further connection from this address is served now, or ""."""
        limits = self.config.limits
        if len(self.sessions) >= limits.connections:
            return f"the server serves at most {limits.connections} connections"
        if self._addresses[peer] >= limits.connections_per_address and not _is_local(peer):
            return f"at most {limits.connections_per_address} connections come from one address"
        return ""

    def say_bye(self, reason: str, retry_after: float) -> None:
        for session in tuple(self.sessions):
            session.close(reason, retry_after=retry_after)


def _is_local(peer: str) -> bool:
    return peer in ("unix", "stream", "::1") or peer.startswith("127.")
