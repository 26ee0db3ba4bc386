"""What a session is shown when its member is there: a welcome, its rooms and conversations, and
where it stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.chat.rooms import Direct
from trio_chat.chat.rules import check_enter
from trio_chat.errors import ChatError
from trio_chat.events import Gap, Left, Notice, Read, Settings, Welcome
from trio_chat.requests import Resume
from trio_chat.server.delivery.session import Session
from trio_chat.store.api import Put
from trio_chat.text import clean_line
from trio_chat.wire.native import PROTOCOL_VERSION

if TYPE_CHECKING:
    from trio_chat.server.service import Service


class Introductions:
    def __init__(self, service: Service) -> None:
        self._service = service

    def welcome(self, session: Session, token: str, *, resumed: bool) -> Welcome:
        service, member = self._service, session.speaker()
        session.token = token
        return Welcome(
            protocol=PROTOCOL_VERSION,
            server=service.config.server.name,
            version=service.version,
            session=token,
            nick=member.nick,
            account=member.account,
            role=session.role.title,
            resumed=resumed,
            commands=service.table.infos(session.role),
            limits=service.limits,
            motd=service.state.motd,
        )

    def settings(self, session: Session) -> Settings:
        """What the session's member wants to be told of."""
        member, label = session.speaker(), self._service.state.directory.label
        notify = {label(key, session.identity): level for key, level in member.notify.items()}
        return Settings(notify=notify, highlights=member.highlights)

    # --- a session that begins, or speaks for somebody else from now on

    def introduce(self, session: Session, token: str) -> tuple[Put, ...]:
        """Show the session, which is linked, that its member is there; take the member to the
        rooms for everybody. Return what has to be stored."""
        service, member = self._service, session.speaker()
        session.send(self.welcome(session, token, resumed=False))
        puts: list[Put] = []
        for room in tuple(member.rooms.values()):
            service.show_room(session, room, room.joined(member))
        for name in service.config.rooms.auto_join:
            puts += self._join(session, name)
        if not session.place:
            session.place = next(iter(member.rooms), "")
        self._show_directs(session)
        self._show_marks(session)
        service.attendance.warn(session)
        if member.account_id:
            puts += service.member_puts(member)
        return tuple(puts)

    def _join(self, session: Session, name: str) -> tuple[Put, ...]:
        """Take the member into a room for everybody, unless it is banned there."""
        service, member = self._service, session.speaker()
        room = service.state.directory.open_room(name)
        try:
            if room.key not in member.rooms:
                check_enter(room, member, "", service.state.sanctions, service.now_ms())
        except ChatError as exc:
            session.send(Notice(text=f"you are not in #{room.name}: {exc.message}"))
            return ()
        puts = service.enter(session, room)
        session.place = next(iter(member.rooms))
        return puts

    def _show_directs(self, session: Session) -> None:
        """What was written to an account while it was away waits in its conversations."""
        member = session.speaker()
        directs = [direct for direct in member.directs.values() if direct.shown]
        if not member.account_id or not directs:
            return
        self._service.audience.lag(session)
        for direct in directs:
            newest = direct.shown - self._service.config.limits.backlog_events
            session.read_again(direct.key, max(0, newest))

    def _show_marks(self, session: Session) -> None:
        """Up to where an account has read with its other devices, and what to be told of."""
        member = session.speaker()
        for talk in session.talks():
            seq = member.reads.get(talk.key)
            if seq and member.account_id:
                session.send(Read(room=talk.label_for(session.identity), seq=seq))
        if member.notify or member.highlights:
            session.send(self.settings(session))

    # --- a session that is resumed

    def reintroduce(self, session: Session, resume: Resume) -> None:
        """Welcome the session, which is linked, again: what it missed follows, exactly."""
        session.send(self.welcome(session, resume.session, resumed=True))
        cursors = self._cursors(session, resume)
        session.fall_behind(cursors, dict.fromkeys(cursors, True))
        self._tell_of_rooms_lost(session, resume)
        self._show_marks(session)
        self._service.attendance.warn(session)
        if not session.place:
            session.place = next(iter(session.speaker().rooms), "")

    def _cursors(self, session: Session, resume: Resume) -> dict[str, int]:
        """By log key, where the session goes on: where the client says, or a backlog before the
        end."""
        cursors: dict[str, int] = {}
        said = {self._key_of(session, name): seq for name, seq in resume.rooms.items()}
        for talk in session.talks():
            if isinstance(talk, Direct):
                begin = 0  # what the client does not know began while it was away
            else:
                begin = max(0, talk.shown - self._service.config.limits.backlog_events)
            visible_from = talk.floor(session.identity)
            if said.get(talk.key, visible_from) < visible_from:  # out of the room, and in again
                label, first = talk.label_for(session.identity), said[talk.key] + 1
                session.send(Gap(room=label, first=first, last=visible_from))
            cursors[talk.key] = max(said.get(talk.key, begin), visible_from)
        return cursors

    def _tell_of_rooms_lost(self, session: Session, resume: Resume) -> None:
        """What the client believes to be in, and is not: it was kicked meanwhile, say."""
        member = session.speaker()
        limit = self._service.config.limits.room_characters
        for name in resume.rooms:
            key = self._key_of(session, name)
            if key not in member.rooms and not name.startswith("@") and len(name) <= limit:
                session.send(Left(room=clean_line(name), nick=member.nick, reason="while away"))

    def _key_of(self, session: Session, name: str) -> str:
        """The log that the client calls *name*."""
        seat, directory = session.seat, self._service.state.directory
        if seat is not None and name in seat.labels:
            return seat.labels[name]
        if name.startswith("@"):
            direct = directory.find_direct(session.speaker(), name)
            return direct.key if direct is not None else ""
        room = directory.named(name)
        return room.key if room is not None else ""
