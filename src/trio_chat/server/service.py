"""What the sessions of one server share, and what they do to one another: entering, leaving,
renaming, dropping out and coming back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import structlog
import trio

from trio_chat import __version__
from trio_chat.chat.hub import Hub
from trio_chat.chat.members import Member
from trio_chat.chat.names import check_room
from trio_chat.chat.rooms import Direct, Room, Talk, direct_key
from trio_chat.commands import default_table
from trio_chat.commands.rooms import RoomRecord, put_room
from trio_chat.commands.table import Context, Host
from trio_chat.config import Config
from trio_chat.errors import BadRequest, ConfigError, NameTaken, Unavailable
from trio_chat.events import Left, Members
from trio_chat.server.audience import Audience, tell
from trio_chat.server.catchup import backlog_for
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
# Conversations whose partner has left, kept for a resume of one session.
_FORMER_DIRECTS = 20


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
        self.version = __version__
        self.started_ms = self.now_ms()
        self._readiness = readiness
        self.sessions: dict[Session, None] = {}
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
            seat.timer = self.deadlines.after(left, lambda: self._forget(seat))
            return
        try:
            self.hub.enter(seat.member, now=trio.current_time())
        except NameTaken:
            log.warning("two sessions of one nick were kept", nick=seat.member.nick)
            return
        seat.present = True
        for identity, nick in seat.directs.items():
            self._link_direct(seat.member, identity, nick, heads)
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

    async def enter(self, session: Session, name: str) -> tuple[Put, ...]:
        """Take the session's member into the room called *name*, made if there is none; return
        what has to be stored.

        Raises:
            BadRequest: there cannot be such a room.
        """
        room = self.hub.open_room(name)
        await self._load(room)
        self.join(session, room)
        if room.kept:
            return ()
        room.kept = True
        return (put_room(room, room.topic),)

    async def _load(self, room: Room) -> None:
        """Read the room's last lines, if they are not there and can be had."""
        if room.loaded:
            return
        limit = self.config.limits.backlog_events
        try:
            room.load(await self.store.page(room.key, before=room.shown + 1, limit=limit))
        except Unavailable:
            log.warning("a room's last lines cannot be read", room=room.key)

    def roster(self, room: Room) -> Members:
        return room.roster(self.config.rooms.presence_members)

    async def open_direct(self, member: Member, nick: str) -> Direct:
        """The conversation of *member* with whoever is called *nick*.

        Raises:
            NoSuchMember, NotPermitted, Unavailable.
        """
        partner = self.hub.find_member(nick)
        key = direct_key(member.identity, partner.identity)
        shown = 0
        if key not in self.hub.directs:
            last = await self.store.page(key, limit=1)
            shown = last[-1].seq if last else 0
            partner = self.hub.find_member(nick)
        if key in member.directs and key in partner.directs:
            return self.hub.directs[key]
        direct = self.hub.open_direct(member, partner, shown=shown)
        for one in (member, partner):
            self._make_way_for(direct, one)
            for session in self._linked.get(one.identity, ()):
                self.audience.add(direct.key, session)
                if session.catch_up is not None:
                    session.catch_up.cursors.setdefault(direct.key, direct.shown)
            self._keep_seat(one)
        return direct

    async def load_directs(self, seat: Seat) -> None:
        """Take up the conversations of a seat whose member had left. Raises Unavailable."""
        for identity, nick in seat.directs.items():
            key = direct_key(seat.member.identity, identity)
            if key not in seat.member.directs:
                last = await self.store.page(key, limit=1)
                self._link_direct(seat.member, identity, nick, {key: last[-1].seq if last else 0})

    def _link_direct(
        self, member: Member, partner: str, partner_nick: str, heads: dict[str, int]
    ) -> None:
        key = direct_key(member.identity, partner)
        direct = self.hub.directs.get(key)
        if direct is None:
            direct = self.hub.directs[key] = Direct(
                (member.identity, member.nick),
                (partner, partner_nick),
                shown=heads.get(key, 0),
                keep_events=self.config.limits.backlog_events,
            )
        direct.link(member)

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
        for own in self._linked.get(member.identity, ()):
            own.send(event)
            own.send(self.roster(room))
            own.send(fit_backlog(backlog_for(own, room.name, room.recent, more=more), "newest"))
            if own.catch_up is not None:
                own.catch_up.cursors[room.key] = room.shown
            self.audience.add(room.key, own)
        self.presence.show(room, event, newcomer=session)

    def leave(self, member: Member, room: Room, reason: str) -> None:
        event = room.remove(member, reason)
        for own in self._linked.get(member.identity, ()):
            self.audience.remove(room.key, own)
            own.send(event)
            if own.place == room.key:
                own.place = next(iter(member.rooms), "")
        self.presence.show(room, event)
        self.hub.drop_if_idle(room)

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
                self._keep_seat(one)
        tell([own for one in concerned for own in self._linked.get(one.identity, ())], [event])

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
                for session in self._linked.get(partner.identity, ()):
                    self.audience.add(direct.key, session)

    # --- links

    def link(self, session: Session) -> None:
        """The session speaks for its member from now on."""
        self._linked.setdefault(session.identity, []).append(session)
        for talk in self.talks_of(session):
            self.audience.add(talk.key, session)
        if session.seat is not None and session.seat.timer is not None:
            session.seat.timer.cancel()

    def unlink(self, session: Session) -> None:
        """The session speaks for nobody any more; its member stays."""
        linked = self._linked.get(session.identity, [])
        if session in linked:
            linked.remove(session)
        if not linked:
            self._linked.pop(session.identity, None)
        self.hush(session)
        if session.seat is not None and session.seat.session is session:
            session.seat.session = None
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
            self._end_direct(direct, member, reason)
        for room, event in self.hub.exit(member, reason):
            self.presence.show(room, event)

    def _end_direct(self, direct: Direct, member: Member, reason: str) -> None:
        """The partner is told, so that whoever takes the nick later is somebody else. The
        conversation stays with the partner's seat until a resume: what was sent may not have
        arrived. One whose link is away, or who catches up, is told then."""
        for partner in tuple(direct):
            linked = self._linked.get(partner.identity, ())
            if partner is member or not linked or any(own.catch_up for own in linked):
                continue
            self._tell_of_end(direct, partner, member.nick, reason)
            if self.seats.of(partner) is None:
                direct.unlink(partner)

    def _tell_of_end(self, direct: Direct, member: Member, partner: str, reason: str) -> None:
        event = Left(room=direct.label_for(member.identity), nick=partner, reason=reason)
        for own in self._linked.get(member.identity, ()):
            own.send(event)
            self.audience.remove(direct.key, own)

    def is_lonely(self, direct: Direct, identity: str) -> bool:
        """Whether the other one has left: nothing more is said there."""
        partner = direct.partner_of(identity)
        return partner not in direct.online and not self.seats.is_present(partner)

    def end_lonely_directs(self, session: Session) -> None:
        """The session has caught up: let go of the conversations whose partners have left."""
        member = session.member
        if member is None:
            return
        for direct in tuple(member.directs.values()):
            if self.is_lonely(direct, member.identity):
                partner = direct.nicks[direct.partner_of(member.identity)]
                self._tell_of_end(direct, member, partner, "")
                self._let_go(direct, member)

    def _make_way_for(self, direct: Direct, member: Member) -> None:
        """Let go of a former conversation that the member calls the same, and of the oldest
        when there are many."""
        label = direct.label_for(member.identity)
        former = [one for one in member.directs.values() if self.is_lonely(one, member.identity)]
        for number, one in enumerate(reversed(former)):
            if one.label_for(member.identity) == label or number >= _FORMER_DIRECTS:
                self._let_go(one, member)

    def _let_go(self, direct: Direct, member: Member) -> None:
        direct.unlink(member)
        if not direct.online:
            self.hub.directs.pop(direct.key, None)
        self._keep_seat(member)

    def _begin_grace(self, seat: Seat) -> None:
        grace_seconds = self.config.timeouts.grace_seconds
        seat.member.absent_until = trio.current_time() + grace_seconds
        seat.timer = self.deadlines.after(grace_seconds, lambda: self._end_grace(seat))

    def _end_grace(self, seat: Seat) -> None:
        seat.note()
        seat.present = False
        self._exit(seat.member, "link lost")
        left = self.config.timeouts.resume_seconds - self.config.timeouts.grace_seconds
        seat.timer = self.deadlines.after(max(0.0, left), lambda: self._forget(seat))

    def _forget(self, seat: Seat) -> None:
        self.keep(self.seats.remove(seat))

    # --- the store

    def _keep_seat(self, member: Member) -> None:
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
