"""Carrying out what follows from a stored command, and from each fact that changes. Nothing here
waits."""

from __future__ import annotations

from collections.abc import Callable

from trio_chat.chat import records
from trio_chat.chat.directory import Directory
from trio_chat.chat.records import Change
from trio_chat.chat.rooms import Member
from trio_chat.commands.effects import Announce, Archive, Dismiss, Effect, Line, Tell
from trio_chat.events import Notice
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.sessions import Sessions
from trio_chat.server.hub.conversations import Conversations
from trio_chat.server.hub.departures import Departures
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.membership import Membership
from trio_chat.server.hub.seats import Seats


class Performer:
    """See the module."""

    def __init__(
        self,
        directory: Directory,
        sessions: Sessions,
        devices: Devices,
        seats: Seats,
        membership: Membership,
        departures: Departures,
        conversations: Conversations,
        *,
        welcome_again: Callable[[Session], object],
        show_wishes: Callable[[Session], object],
    ) -> None:
        """*welcome_again* tells a session who it speaks for and what it may do; *show_wishes* what
        its member wants to be told of."""
        self._directory = directory
        self._sessions = sessions
        self._devices = devices
        self._seats = seats
        self._membership = membership
        self._departures = departures
        self._conversations = conversations
        self._welcome_again = welcome_again
        self._show_wishes = show_wishes
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
            for own in self._devices_of(identity):
                own.send(Notice(text=effect.text))

    def _announce(self, effect: Announce) -> None:
        self._sessions.announce(effect.text)

    def _dismiss(self, effect: Dismiss) -> None:
        member = self._directory.of_identity(effect.identity)
        if member is not None:
            code, retry_after = effect.code, effect.retry_after
            self._departures.dismiss(member, effect.reason, code, retry_after)

    def _archive(self, effect: Archive) -> None:
        room = self._directory.rooms.get(effect.key)
        if room is not None:
            self._membership.close_room(room)

    def _expel(self, effect: Line) -> None:
        room = self._directory.rooms.get(effect.key)
        if room is not None:
            self._membership.expel(room, effect.expels)

    # --- what follows from a fact

    def follow_up(self, change: Change) -> None:
        """Do what follows from a change that was applied, whoever decided it."""
        before, after = change.before, change.after
        if change.space == records.ACCOUNT and before is not None and after is not None:
            if before.role != after.role:
                for own in self._devices_of(after.identity):
                    self._welcome_again(own)
        elif change.space == records.TOKEN and before is not None and after is None:
            self._end_token(before.account, before.id)
        elif change.space == records.PROFILE:
            identity, _, entry = change.key.partition(" ")
            member = self._directory.of_identity(identity)
            if member is not None:
                self._take_up_setting(member, entry)

    def _end_token(self, account: str, id: str) -> None:
        """The sessions that a token opened end with it."""
        for seat in self._seats.of_account(account):
            if seat.token == id:
                self._departures.end_device(seat, "the token was revoked", "token_revoked")

    def _take_up_setting(self, member: Member, entry: str) -> None:
        field, _, key = entry.partition(" ")
        if field == "ignores":
            self._devices.resubscribe(member)
        elif field == "blocks":
            self._conversations.note_block(member, key)
        elif field == "closed" and key in member.closed:
            self._conversations.show_closed(member, key)
        elif field in ("notify", "highlights"):
            for own in self._devices.of(member):
                self._show_wishes(own)

    def _devices_of(self, identity: str) -> tuple[Session, ...]:
        member = self._directory.of_identity(identity)
        return tuple(self._devices.of(member)) if member is not None else ()
