"""Joins and leaves, as the others in the room see them: at once in a small room, in batches in a
large one, not at all in a huge one. A join costs O(members), so a storm of them costs O(n²)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from trio_chat.chat.rooms import Room
from trio_chat.events import Joined, Left, Quit
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.session import Session
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.settings import Settings


class Presence:
    def __init__(self, audience: Audience, deadlines: Deadlines, settings: Settings) -> None:
        self._audience = audience
        self._deadlines = deadlines
        self._settings = settings
        self._pending: dict[str, list[Joined | Left]] = {}
        # Who joined while events were pending, and how many of them it knows already.
        self._newcomers: dict[str, dict[Session, int]] = {}

    def show(self, room: Room, event: Joined | Left, newcomers: Sequence[Session] = ()) -> None:
        """Show that somebody joined or left. The *newcomers*, its own sessions, have been told."""
        if room.key in self._pending:
            self._note(room, newcomers)
        if self._is_shown_at_once(room):
            self._audience.tell(room.key, [event], but=newcomers)
        elif self._hold(room, event):
            self._note(room, newcomers)

    def show_quit(self, quit: Quit, left: Sequence[tuple[Room, Left]]) -> None:
        """Show that somebody left the chat, and with it these rooms: once to each session, however
        many of them it is in; but a room where many come and go has its own time for that.
        *quit* names no rooms yet."""
        shared: dict[Session, list[str]] = {}
        for room, event in left:
            if self._is_shown_at_once(room):
                for session in self._audience.of(room.key) or ():
                    shared.setdefault(session, []).append(room.name)
            else:
                self._hold(room, event)
        alike: dict[tuple[str, ...], list[Session]] = {}
        for session, names in shared.items():
            alike.setdefault(tuple(names), []).append(session)
        for rooms, sessions in alike.items():
            self._audience.tell_sessions(sessions, [replace(quit, rooms=rooms)])

    def _is_shown_at_once(self, room: Room) -> bool:
        most = self._settings.config.rooms
        is_small = len(room.members) < min(most.fold_members, most.presence_members + 1)
        return is_small and room.key not in self._pending

    def _hold(self, room: Room, event: Joined | Left) -> bool:
        """Show *event* a little later, with others. False: the room is too large even for that."""
        section = self._settings.config.rooms
        if len(room.members) > section.presence_members:
            return False
        pending = self._pending.setdefault(room.key, [])
        if not pending:
            self._deadlines.after(section.fold_seconds, lambda: self.flush(room.key))
        pending.append(event)
        return True

    def _note(self, room: Room, newcomers: Sequence[Session]) -> None:
        """They know what is pending now."""
        for session in newcomers:
            known = len(self._pending[room.key])
            self._newcomers.setdefault(room.key, {})[session] = known

    def flush(self, key: str) -> None:
        """Show what is pending in the room: before the timer, when somebody speaks."""
        pending = self._pending.pop(key, None)
        if pending is None:
            return
        newcomers = self._newcomers.pop(key, {})
        hearers = self._audience.of(key)
        if hearers is None:
            return
        self._audience.tell_sessions(
            [session for session in hearers if session not in newcomers], pending
        )
        for session, known in newcomers.items():
            if not session.closing and pending[known:]:
                self._audience.tell_sessions([session], pending[known:])
