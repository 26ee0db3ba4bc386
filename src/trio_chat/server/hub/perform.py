"""Carrying out what follows from a stored command, and from each fact that changes. Nothing here
waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trio_chat.chat import records
from trio_chat.chat.records import Change
from trio_chat.chat.rooms import Member
from trio_chat.commands.effects import Announce, Archive, Dismiss, Effect, Line, Tell
from trio_chat.events import Announced, Notice

if TYPE_CHECKING:
    from trio_chat.server.intake.introduce import Introductions
    from trio_chat.server.service import Service


class Performer:
    """See the module."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._verbs: dict[type[Effect], Callable[..., object]] = {
            Tell: self._tell,
            Announce: self._announce,
            Dismiss: self._dismiss,
            Archive: self._archive,
            Line: self._expel,
        }

    def perform(self, effect: Effect) -> None:
        """Carry out one effect of a write that was committed and shown."""
        self._verbs[type(effect)](effect)

    def _tell(self, effect: Tell) -> None:
        for identity in effect.identities:
            member = self._service.state.directory.of_identity(identity)
            for own in self._service.linked(member) if member is not None else ():
                own.send(Notice(text=effect.text))

    def _announce(self, effect: Announce) -> None:
        self.announce(effect.text)

    def announce(self, text: str) -> None:
        """Show everybody a notice of the server."""
        listening = [session for session in self._service.sessions if session.member]
        self._service.audience.tell_sessions(listening, [Announced(text=text)])

    def _dismiss(self, effect: Dismiss) -> None:
        member = self._service.state.directory.of_identity(effect.identity)
        if member is not None:
            self._service.attendance.dismiss(member, effect.reason, effect.retry_after)

    def _archive(self, effect: Archive) -> None:
        room = self._service.state.directory.rooms.get(effect.key)
        for member in tuple(room.members.values()) if room is not None else ():
            assert room is not None
            self._service.keep(*self._service.leave(member, room, "archived", keeps_floor=True))
            self._service.keep_member(member)

    def _expel(self, effect: Line) -> None:
        """The member is put out of the room, which has been shown why."""
        room = self._service.state.directory.rooms.get(effect.key)
        here = room.members.get(effect.expels) if room is not None else None
        if room is None or here is None:
            return  # it left meanwhile
        left = room.remove(here, "kicked")
        for own in self._service.linked(here):
            if own.cursors is not None:  # it will not read the kick any more
                own.send(left)
            self._service.unhear(own, room)
        self._service.keep(*self._service.forget_floor(here, room))
        self._service.keep_member(here)

    # --- what follows from a fact

    @property
    def _introductions(self) -> Introductions:
        return self._service.requests.hellos.introductions

    def follow_up(self, change: Change) -> None:
        """Do what follows from a change that was applied, whoever decided it."""
        match change.space:
            case records.ACCOUNT if change.before is not None and change.after is not None:
                if change.before.role != change.after.role:
                    self._welcome_again(change.after.id)
            case records.TOKEN if change.after is None and change.before is not None:
                self._end_token(change.before.account, change.before.id)
            case records.PROFILE:
                identity, _, entry = change.key.partition(" ")
                member = self._service.state.directory.of_identity(identity)
                if member is not None:
                    self._take_up_setting(member, *entry.partition(" ")[::2])
            case _:
                pass

    def _welcome_again(self, account: str) -> None:
        member = self._service.state.directory.of_account(account)
        for own in self._service.linked(member) if member is not None else ():
            own.send(self._introductions.welcome(own, own.token, resumed=False))

    def _end_token(self, account: str, id: str) -> None:
        for seat in self._service.seats.of_account(account):
            if seat.token == id:
                self._service.attendance.end_device(seat)

    def _take_up_setting(self, member: Member, field: str, key: str) -> None:
        if field == "ignores":
            for own in self._service.linked(member):
                self._service.audience.subscribe_to_all(own)
        elif field == "blocks":
            self._service.conversations.note_block(member, key)
        elif field in ("notify", "highlights"):
            for own in self._service.linked(member):
                own.send(self._introductions.settings(own))
