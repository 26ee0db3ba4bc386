"""The introduction of a session whose member is there: a welcome, its rooms and conversations, and
where it stands in them."""

from __future__ import annotations

from collections.abc import Callable

from trio_chat import __version__, events
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.chat.rules import check_enter
from trio_chat.chat.state import State
from trio_chat.commands.table import CommandTable
from trio_chat.config import Config
from trio_chat.errors import ChatError
from trio_chat.events import Gap, Left, Notice, Read, Unread, Welcome
from trio_chat.requests import Resume
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.membership import Membership
from trio_chat.server.hub.records import Records
from trio_chat.server.intake.unread import Found, shown_to
from trio_chat.server.settings import Settings
from trio_chat.store.api import Put
from trio_chat.text import clean_line
from trio_chat.wire.native import MAX_CLIENT_LINE_BYTES, PROTOCOL_VERSION


class Introductions:
    def __init__(
        self,
        state: State,
        settings: Settings,
        audience: Audience,
        membership: Membership,
        records: Records,
        table: CommandTable,
        now_ms: Callable[[], int],
    ) -> None:
        self._state = state
        self._settings = settings
        self._audience = audience
        self._membership = membership
        self._records = records
        self._table = table
        self._now_ms = now_ms

    def welcome(
        self, session: Session, token: str, *, resumed: bool, unread: Unread | None = None
    ) -> Welcome:
        member, config = session.speaker(), self._settings.config
        session.token = token
        return Welcome(
            protocol=PROTOCOL_VERSION,
            server=config.server.name,
            version=__version__,
            session=token,
            nick=member.nick,
            account=member.account,
            role=session.role.title,
            resumed=resumed,
            commands=self._table.infos(session.role, session.scopes),
            limits=_limits(config),
            motd=self._state.motd,
            unread=unread,
        )

    def welcome_again(self, session: Session) -> None:
        """Who the session speaks for, or what it may do, has changed."""
        session.send(self.welcome(session, session.token, resumed=False))

    def show_wishes(self, session: Session) -> None:
        session.send(self.wishes(session))

    def wishes(self, session: Session) -> events.Settings:
        """Return what the session's member wants to be told of."""
        member, label = session.speaker(), self._state.directory.label
        notify = {label(key, session.identity): level for key, level in member.notify.items()}
        return events.Settings(notify=notify, highlights=member.highlights)

    # --- a session that begins, or speaks for somebody else from now on

    def introduce(
        self, session: Session, token: str, unread: Found, resume: Resume | None = None
    ) -> tuple[Put, ...]:
        """Show the session, which is linked, that its member is there; take the member to the
        rooms for everybody. Return what has to be stored. *resume*: what the client wanted to go
        on with, and cannot."""
        member = session.speaker()
        shown = shown_to(session, unread)
        session.send(self.welcome(session, token, resumed=False, unread=shown))
        if resume is not None:
            self._tell_of_rewound(session, resume)
        puts: list[Put] = []
        for room in tuple(member.rooms.values()):
            self._membership.show_room(session, room, room.joined(member))
        for name in self._settings.config.rooms.auto_join:
            puts += self._join(session, name)
        if not session.place:
            session.place = next(iter(member.rooms), "")
        self._show_directs(session)
        self._show_marks(session)
        if member.account_id:
            puts += self._records.member_puts(member)
        return tuple(puts)

    def _join(self, session: Session, name: str) -> tuple[Put, ...]:
        """Take the member into a room for everybody, unless it is banned there."""
        state, member = self._state, session.speaker()
        room = state.directory.find_room(name)  # it was opened when the session arrived
        try:
            if room.key not in member.rooms:
                check_enter(room, member, "", state.sanctions, self._now_ms())
        except ChatError as exc:
            session.send(Notice(text=f"you are not in #{room.name}: {exc.message}"))
            return ()
        puts = self._membership.enter(session, room)
        session.place = next(iter(member.rooms))
        return puts

    def _show_directs(self, session: Session) -> None:
        """Show an account what was written to it while it was away."""
        member = session.speaker()
        directs = [
            direct
            for direct in member.directs.values()
            if direct.shown and not direct.is_closed_for(member)
        ]
        if not member.account_id or not directs or not session.allows("read"):
            return
        self._audience.lag(session)
        for direct in directs:
            newest = direct.shown - self._settings.config.limits.backlog_events
            session.read_again(direct.key, max(0, newest))

    def _show_marks(self, session: Session) -> None:
        """Show up to where an account has read with its other devices, and what it wants to be
        told of."""
        member = session.speaker()
        for talk in session.talks():
            seq = member.reads.get(talk.key)
            if seq and member.account_id:
                session.send(Read(room=talk.label_for(session.identity), seq=seq))
        if member.notify or member.highlights:
            session.send(self.wishes(session))

    # --- a session that is resumed

    def reintroduce(self, session: Session, resume: Resume, unread: Found) -> None:
        """Welcome the session, which is linked, again: what it missed follows, exactly."""
        shown = shown_to(session, unread)
        session.send(self.welcome(session, resume.session, resumed=True, unread=shown))
        cursors = self._cursors(session, resume)
        member = session.speaker()
        open_ = (key for key in cursors if not _is_closed(member, key))
        session.fall_behind(cursors, dict.fromkeys(open_, True))
        self._tell_of_rooms_lost(session, resume)
        self._show_marks(session)
        if not session.place:
            session.place = next(iter(session.speaker().rooms), "")

    def _cursors(self, session: Session, resume: Resume) -> dict[str, int]:
        """By log key, where the session goes on: where the client says, or a backlog before the
        end."""
        cursors: dict[str, int] = {}
        if not session.allows("read"):
            return cursors
        said = {self._key_of(session, name): seq for name, seq in resume.rooms.items()}
        for talk in session.talks():
            if isinstance(talk, Direct) and talk.is_closed_for(session.speaker()):
                begin = talk.shown
            elif isinstance(talk, Direct):
                begin = 0  # what the client does not know began while it was away
            else:
                begin = max(0, talk.shown - self._settings.config.limits.backlog_events)
            visible_from = talk.floor(session.identity)
            if said.get(talk.key, 0) > talk.shown:
                said[talk.key] = self._rewound(session, talk, said[talk.key])
            if said.get(talk.key, visible_from) < visible_from:  # out of the room, and in again
                label, first = talk.label_for(session.identity), said[talk.key] + 1
                session.send(Gap(room=label, first=first, last=visible_from))
            cursors[talk.key] = max(said.get(talk.key, begin), visible_from)
        return cursors

    def _rewound(self, session: Session, talk: Room | Direct, cursor: int) -> int:
        """The log ends before the client's cursor: it was set back, and what the client has may be
        another past. Return where it goes on: so that a page of it comes."""
        label = talk.label_for(session.identity)
        session.send(Gap(room=label, first=talk.shown + 1, last=cursor, reason="rewound"))
        return max(0, talk.shown - self._settings.config.limits.page_events_max)

    def _tell_of_rewound(self, session: Session, resume: Resume) -> None:
        """The same for a new session's rooms, whose backlogs follow."""
        auto_join = self._settings.config.rooms.auto_join
        for name, cursor in resume.rooms.items() if session.allows("read") else ():
            room = self._state.directory.named(name)
            if room is None or cursor <= room.shown:
                continue
            if room.key in session.speaker().rooms or room.name in auto_join:
                self._rewound(session, room, cursor)

    def _tell_of_rooms_lost(self, session: Session, resume: Resume) -> None:
        """Tell the client of the rooms that it believes to be in, and is not: it was kicked
        meanwhile, say."""
        member = session.speaker()
        limit = self._settings.config.limits.room_characters
        for name in resume.rooms:
            key = self._key_of(session, name)
            if key not in member.rooms and not name.startswith("@") and len(name) <= limit:
                session.send(Left(room=clean_line(name), nick=member.nick, reason="while away"))

    def _key_of(self, session: Session, name: str) -> str:
        """The log that the client calls *name*."""
        seat, directory = session.seat, self._state.directory
        if seat is not None and name in seat.labels:
            return seat.labels[name]
        if name.startswith("@"):
            direct = directory.find_direct(session.speaker(), name)
            return direct.key if direct is not None else ""
        room = directory.named(name)
        return room.key if room is not None else ""


def _is_closed(member: Member, key: str) -> bool:
    """Return whether *key* is a conversation that the member has closed."""
    direct = member.directs.get(key)
    return direct is not None and direct.is_closed_for(member)


def _limits(config: Config) -> dict[str, int | float]:
    """Return the limits that a client should know before it runs into them."""
    limits = config.limits
    return {
        "line_bytes": MAX_CLIENT_LINE_BYTES,
        "text_bytes": limits.text_bytes,
        "text_lines": limits.text_lines,
        "nick_characters": limits.nick_characters,
        "room_characters": limits.room_characters,
        "topic_characters": limits.topic_characters,
        "page_events": limits.page_events_max,
        "silence_seconds": config.timeouts.drop_seconds,
    }
