"""The rooms as this person sees them: who is where, what was said, what is unread, sans-I/O.

It knows neither requests nor links: those are the model's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from trio_chat.client.effects import Effects
from trio_chat.client.lines import (
    Line,
    Look,
    at_milliseconds,
    describe,
    safe_line,
    safe_name,
    safe_text,
)
from trio_chat.client.rooms import Room
from trio_chat.events import (
    Backlog,
    Deleted,
    Edited,
    Event,
    Gap,
    Joined,
    Kicked,
    Left,
    Members,
    Renamed,
    Said,
    StoredEvent,
    Topic,
)
from trio_chat.text import fold

# A hostile server cannot make the client remember more rooms than this.
ROOMS = 1000


class House:
    """Attributes:
    nick: what the server calls this person; before `welcome`, what is asked for.
    rooms: folded name -> Room, in the order they were first seen.
    current: the room that is talked in; None before the first.
    is_online: the server has told everything that a hello brings.
    returning: rooms this person was in when the link broke, and is not known to be in again.
    """

    def __init__(
        self,
        nick: str,
        effects: Effects,
        *,
        on_own_words: Callable[[Room, Said], None],
        wall_seconds: Callable[[], float],
    ) -> None:
        self.rooms: dict[str, Room] = {}
        self.current: Room | None = None
        self.is_online = False
        self.returning: set[Room] = set()
        self._effects = effects
        self._on_own_words = on_own_words
        self._wall_seconds = wall_seconds
        self._entered: set[Room] = set()  # rooms whose members are to be told
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Said: self._on_live,
            Edited: self._on_live,
            Deleted: self._on_live,
            Topic: self._on_topic,
            Kicked: self._on_kicked,
            Joined: self._on_joined,
            Left: self._on_left,
            Renamed: self._on_renamed,
            Members: self._on_members,
            Backlog: self._on_backlog,
            Gap: self._on_gap,
        }
        self.set_nick(nick)

    def receive(self, event: Event) -> bool:
        """Take in an event; return False if it is none of a room."""
        handler = self._handlers.get(type(event))
        if handler is None:
            return False
        handler(event)
        return True

    def set_nick(self, nick: str) -> None:
        self.nick = safe_name(nick)
        self._own_name = fold(self.nick)
        self._mention = _mention_pattern(self.nick)

    def go_to(self, room: Room) -> None:
        """Make *room* the one that is talked in and read."""
        if room is self.current:
            return
        if self.current is not None and self.current.lines:
            self.current.marker = self.current.lines[-1].serial
        self.current = room
        room.unread = room.mentions = 0
        if room.lines and room.lines[-1].serial == room.marker:
            room.marker = 0  # nothing new

    def room(self, name: str) -> Room:
        """Return the room called *name*, made if it is new."""
        key = fold(name)
        if key not in self.rooms:
            if len(self.rooms) >= ROOMS:
                del self.rooms[next(iter(self.rooms))]
            self.rooms[key] = Room(safe_name(name))
        return self.rooms[key]

    def say(self, look: Look, text: str, room: Room | None = None) -> None:
        """Add a line of the client's or the server's own to *room*, or to the current one."""
        room = room or self.current
        if room is not None:
            room.add(self._line(look, text))

    def now_ms(self) -> int:
        return int(self._wall_seconds() * 1000)

    def _is_own(self, nick: str) -> bool:
        return nick == self.nick or fold(nick) == self._own_name

    # --- who is where

    def _on_joined(self, event: Joined) -> None:
        room = self.room(event.room)
        if not self._is_own(event.nick):
            room.add_member(event.nick)
            nick = safe_name(event.nick)
            room.add(self._line("coming", f"{nick} joined", nick))
            self._effects.show(event)
            return
        was_known = room in self.returning
        room.is_joined = True
        room.cursor.joining = True
        if self.current is None or (self.is_online and not was_known):
            self.go_to(room)
        if not was_known:
            self._entered.add(room)
            self.say("system", "you joined", room)
            self._effects.show(event)

    def _on_left(self, event: Left) -> None:
        room = self.room(event.room)
        reason = f" ({safe_line(event.reason)})" if event.reason else ""
        self._effects.show(event)
        if self._is_own(event.nick):
            room.add(self._line("system", f"you left{reason}"))
            self.gone(room)
        else:
            nick = safe_name(event.nick)
            room.remove_member(event.nick)
            room.add(self._line("going", f"{nick} left{reason}", nick))

    def gone(self, room: Room) -> None:
        """This person is not in *room* any more."""
        room.is_joined = False
        room.cursor.left()
        room.members.clear()
        room.total = 0
        if room is self.current:
            other = next((r for r in self.rooms.values() if r.is_joined), None)
            if other is not None:
                self.go_to(other)

    def _on_renamed(self, event: Renamed) -> None:
        old, new = safe_name(event.old), safe_name(event.new)
        is_own = self._is_own(event.old)
        if is_own:
            self.set_nick(event.new)
        self._rename_direct(f"@{old}", f"@{new}")
        for room in self.rooms.values():
            if room.rename_member(event.old, event.new) or (is_own and room.is_joined):
                room.add(self._line("system", f"{old} is now called {new}"))
        self._effects.show(event)

    def _rename_direct(self, old: str, new: str) -> None:
        """The conversation goes on under the new nick, unless there is one already."""
        if fold(old) not in self.rooms or fold(new) in self.rooms:
            return
        self.rooms = {
            (fold(new) if key == fold(old) else key): room for key, room in self.rooms.items()
        }
        self.rooms[fold(new)].name = new

    def _on_members(self, event: Members) -> None:
        room = self.room(event.room)
        self.returning.discard(room)
        room.is_joined = True
        room.set_members(event)
        if self.current is None:
            self.go_to(room)
        if room in self._entered:
            self._entered.discard(room)
            self._effects.show(event)

    # --- the log

    def _on_live(self, event: StoredEvent) -> None:
        room = self.rooms.get(fold(event.room)) or self.room(event.room)
        for new in room.cursor.live(event):
            self.show_stored(room, new, is_news=True)

    def _on_topic(self, event: Topic) -> None:
        self.room(event.room).topic = safe_line(event.text)
        self._on_live(event)

    def _on_kicked(self, event: Kicked) -> None:
        self._on_live(event)
        room = self.room(event.room)
        if self._is_own(event.nick):
            self.gone(room)
        else:
            room.remove_member(event.nick)

    def _on_backlog(self, event: Backlog) -> None:
        room = self.room(event.room)
        is_news = room.cursor.last is not None
        room.page_more = event.more
        for new in room.cursor.backlog(event.events, more=event.more):
            self.show_stored(room, new, is_news=is_news)

    def _on_gap(self, event: Gap) -> None:
        room = self.room(event.room)
        last = room.cursor.last
        if event.reason != "ignored" and last is not None:
            count = event.last - event.first + 1
            room.add(self._line("system", f"{count} messages can no longer be had"))
            self._effects.show(event)
            if event.first <= last:
                room.cursor.rewind(event.first - 1)
                return
        for stored in room.cursor.gap(event.first, event.last):
            self.show_stored(room, stored, is_news=True)

    def show_stored(self, room: Room, event: StoredEvent, *, is_news: bool) -> None:
        """Show an event that a cursor let through; *is_news*: it is not from before one came."""
        self._effects.show(event)
        if type(event) is Said:
            self._on_said(room, event, is_news)
            return
        look, nick, text = describe(event)
        if isinstance(event, Edited):
            if room.amend(event.target, f"{safe_text(event.text)} (edited)"):
                return
        elif isinstance(event, Deleted) and room.amend(event.target, "(deleted)"):
            return
        at_ms = at_milliseconds(event.at)
        room.add(Line(0, at_ms, look, nick, text, event.seq))

    def _on_said(self, room: Room, event: Said, is_news: bool) -> None:
        look, nick, text = describe(event)
        is_own = self._is_own(nick)
        is_mention = not is_own and (room.is_direct or bool(self._mention.search(text)))
        at_ms = at_milliseconds(event.at)
        room.add(Line(0, at_ms, look, nick, text, event.seq, is_own, is_mention))
        room.heard(nick)
        if is_own:
            self._on_own_words(room, event)
        elif is_news:
            if is_mention:
                self._effects.ring()
            if room is not self.current:
                room.unread += 1
                room.mentions += is_mention

    def _line(self, look: Look, text: str, nick: str = "") -> Line:
        return Line(0, self.now_ms(), look, nick, text)


def _mention_pattern(nick: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(nick)}(?!\w)", re.IGNORECASE)
