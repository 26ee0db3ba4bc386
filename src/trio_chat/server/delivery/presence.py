"""Joins and leaves, as the others in the room see them: at once in a small room, in batches in a
large one, not at all in a huge one. A join costs O(members), so a storm of them costs O(n²)."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.chat.rooms import Room
from trio_chat.events import Joined, Left
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
        count, section = len(room.members), self._settings.config.rooms
        if room.key in self._pending:
            self._note(room, newcomers)
        if count > section.presence_members:
            return
        if count < section.fold_members and room.key not in self._pending:
            self._audience.tell(room.key, [event], but=newcomers)
            return
        pending = self._pending.setdefault(room.key, [])
        if not pending:
            self._deadlines.after(section.fold_seconds, lambda: self.flush(room.key))
        pending.append(event)
        self._note(room, newcomers)

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
