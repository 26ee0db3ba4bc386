"""The rooms as this person sees them: their members, what was said, what is unread.

It knows neither requests nor links: those are the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from trio_chat.client.state.attention import Attention
from trio_chat.client.state.effects import Effects
from trio_chat.client.state.room.line import (
    SERIAL_BITS,
    Fate,
    Line,
    Look,
    at_milliseconds,
    describe,
    safe_line,
    safe_name,
    safe_text,
)
from trio_chat.client.state.room.room import Room
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
    Read,
    Renamed,
    Said,
    Settings,
    StoredEvent,
    Topic,
)
from trio_chat.text import fold

# A hostile server cannot make the client remember more rooms than this.
ROOMS = 1000


class Rooms:
    """The rooms, by name, and the one that is talked in.

    Attributes:
        by_name: folded name -> Room, in the order they were first seen.
        current: the room that is talked in; None before the first.
        is_watched: what is said in the current room is seen at once.
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
        highlights: Sequence[str] = (),
    ) -> None:
        self.by_name: dict[str, Room] = {}
        self.current: Room | None = None
        self.is_watched = True
        self.is_online = False
        self.returning: set[Room] = set()
        self._effects = effects
        self._attention = Attention(nick, effects, highlights)
        self._on_own_words = on_own_words
        self._wall_seconds = wall_seconds
        self._entered: set[Room] = set()  # rooms whose members are to be told
        self._greeted: set[Room] = set()  # rooms that are to say so, behind what was before
        self._back = 0  # the serial of the line that says that the link is there again
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
            Read: self._on_read,
            Settings: self._on_settings,
        }

    def receive(self, event: Event) -> bool:
        """Take in an event; return False if it is none of a room."""
        handler = self._handlers.get(type(event))
        if handler is None:
            return False
        handler(event)
        return True

    @property
    def nick(self) -> str:
        """The nick that the server has given this person; before `welcome`, the one asked for."""
        return self._attention.nick

    def set_nick(self, nick: str) -> None:
        self._attention.set_nick(nick)

    def go_to(self, room: Room) -> None:
        """Make *room* the one that is talked in and read."""
        if room is self.current:
            return
        if self.current is not None and self.is_watched:
            self.current.stop_reading()
        self.current = room
        self.is_watched = True
        room.is_closed = False
        room.start_reading()

    def close(self, room: Room) -> None:
        """Take *room*, a conversation, off the list until somebody writes, or one goes there."""
        room.is_closed = True
        room.start_reading()
        if room is self.current:
            others = [other for other in self.open_rooms if other is not room]
            if others:
                self.go_to(others[0])

    def watch(self, is_watched: bool, *, keeps_rule: bool = False) -> None:
        """Note whether the newest lines of the current room are in somebody's sight; *keeps_rule*:
        if not, only because somebody looks at what is above."""
        if is_watched is self.is_watched:
            return
        self.is_watched = is_watched
        if self.current is not None:
            if is_watched:
                self.current.start_reading()
            else:
                self.current.stop_reading(keeps_rule=keeps_rule)

    @property
    def open_rooms(self) -> list[Room]:
        """The rooms that have a place on the screen, in a lasting order: those one is in, and
        those that still have something to tell."""
        return [
            room
            for room in self.by_name.values()
            if room.is_joined
            or (room.is_direct and not room.is_closed)
            or room.unread
            or room is self.current
            or room in self.returning
        ]

    def numbered(self, number: int) -> Room | None:
        """Return the open room with this *number*, counted from 1, if there is one."""
        rooms = self.open_rooms
        return rooms[number - 1] if 1 <= number <= len(rooms) else None

    def beside(self, step: int) -> Room | None:
        """Return the open room *step* places after the current one, round the end."""
        rooms = self.open_rooms
        if self.current not in rooms:
            return None
        return rooms[(rooms.index(self.current) + step) % len(rooms)]

    def next_called(self) -> Room | None:
        """The next room after the current one with a mention, else with something unread."""
        rooms = self.open_rooms
        here = rooms.index(self.current) + 1 if self.current in rooms else 0
        others = rooms[here:] + rooms[:here]
        called = (room for room in others if room.mentions and room is not self.current)
        unread = (room for room in others if room.unread and room is not self.current)
        return next(called, None) or next(unread, None)

    def room(self, name: str) -> Room:
        """Return the room called *name*, made if it is new."""
        key = fold(name)
        if key not in self.by_name:
            if len(self.by_name) >= ROOMS:
                del self.by_name[next(k for k, r in self.by_name.items() if r is not self.current)]
            self.by_name[key] = room = Room(safe_name(name))
            room.notify = self._attention.level(key)
        return self.by_name[key]

    def say(self, look: Look, text: str, room: Room | None = None) -> None:
        """Add a line of the client's or the server's own to *room*, or to the current one."""
        room = room or self.current
        if room is not None:
            room.add(self._line(look, text))

    def say_back(self, text: str) -> None:
        """Say that the link is there again, in place of the line that said so before."""
        room = self.current
        if room is None:
            return
        line = self._line("system", text)
        if self._back and room.lines and room.lines[-1].serial == self._back:
            room.replace_last(line)
        else:
            self._back = room.add(line).serial

    def now_ms(self) -> int:
        return int(self._wall_seconds() * 1000)

    # --- who is where

    def _on_joined(self, event: Joined) -> None:
        room = self.room(event.room)
        if not self._attention.is_own(event.nick):
            room.add_member(event.nick)
            nick = safe_name(event.nick)
            room.add(self._line("coming", f"{nick} joined", nick))
            self._effects.show(event)
            return
        was_known = room in self.returning or room.is_joined
        room.is_joined = True
        room.cursor.joining = True
        if self.current is None:  # else it was perhaps another device that joined
            self.go_to(room)
        if not was_known:
            self._entered.add(room)
            self._greeted.add(room)
            self._effects.show(event)

    def _on_left(self, event: Left) -> None:
        room = self.room(event.room)
        reason = f" ({safe_line(event.reason)})" if event.reason else ""
        self._effects.show(event)
        if self._attention.is_own(event.nick):
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
        room.no_members()
        if room is self.current:
            other = next((r for r in self.by_name.values() if r.is_joined), None)
            if other is not None:
                self.go_to(other)

    def _on_renamed(self, event: Renamed) -> None:
        old, new = safe_name(event.old), safe_name(event.new)
        is_own = self._attention.is_own(event.old)
        if is_own:
            self.set_nick(event.new)
        self._rename_direct(f"@{old}", f"@{new}")
        for room in self.by_name.values():
            if room.rename_member(event.old, event.new) or (is_own and room.is_joined):
                room.add(self._line("system", f"{old} is now called {new}"))
        self._effects.show(event)

    def _rename_direct(self, old: str, new: str) -> None:
        """The conversation goes on under the new nick, unless there is one already."""
        if fold(old) not in self.by_name or fold(new) in self.by_name:
            return
        self.by_name = {
            (fold(new) if key == fold(old) else key): room for key, room in self.by_name.items()
        }
        self.by_name[fold(new)].name = new

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
        room = self.by_name.get(fold(event.room)) or self.room(event.room)
        for new in room.cursor.live(event):
            self.show_stored(room, new, is_news=True)

    def _on_topic(self, event: Topic) -> None:
        self.room(event.room).topic = safe_line(event.text)
        self._on_live(event)

    def _on_kicked(self, event: Kicked) -> None:
        self._on_live(event)
        room = self.room(event.room)
        if self._attention.is_own(event.nick):
            room.mentions += 1  # it stays on the screen until this was seen
            room.unread += 1
            self.gone(room)
        else:
            room.remove_member(event.nick)

    def _on_backlog(self, event: Backlog) -> None:
        room = self.room(event.room)
        is_news = room.cursor.last is not None
        room.page_more = event.more
        if not event.more and not room.lines and event.events:
            room.beginning = event.events[0].seq
        for new in room.cursor.backlog(event.events, more=event.more):
            self.show_stored(room, new, is_news=is_news)
        if room in self._greeted:
            self._greeted.discard(room)
            self.say("system", "you joined", room)

    def _on_gap(self, event: Gap) -> None:
        room = self.room(event.room)
        last = room.cursor.last
        if event.reason != "ignored" and last is not None:
            count = event.last - event.first + 1
            messages = "1 message" if count == 1 else f"{count} messages"
            room.add(self._line("system", f"{messages} can no longer be had"))
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
        elif isinstance(event, Edited | Deleted):
            self._on_amended(room, event, is_news)
        else:
            room.add(self.line_of(room, event))

    def _on_amended(self, room: Room, event: Edited | Deleted, is_news: bool) -> None:
        fate: Fate = "edited" if isinstance(event, Edited) else "deleted"
        text = safe_text(event.text) if fate == "edited" else ""
        if not room.amend(event.target, text, fate) and is_news:
            room.add(self.line_of(room, event))  # of a line that scrolled away

    def line_of(self, room: Room, event: StoredEvent) -> Line:
        """Return how *event* looks in *room*."""
        look, nick, text = describe(event)
        at_ms = at_milliseconds(event.at)
        serial = event.seq << SERIAL_BITS
        if not isinstance(event, Said):
            return Line(serial, at_ms, look, nick, text, event.seq)
        is_own = self._attention.is_own(nick)
        is_mention = not is_own and (room.is_direct or self._attention.is_called(text))
        fate: Fate = "deleted" if event.deleted else "edited" if event.edited else ""
        return Line(serial, at_ms, look, nick, text, event.seq, is_own, is_mention, fate)

    def _on_said(self, room: Room, event: Said, is_news: bool) -> None:
        line = room.add(self.line_of(room, event))
        room.is_closed = False
        room.heard(line.nick)
        if line.is_own:
            self._on_own_words(room, event)
        elif is_news:
            self._count(room, line)

    def _count(self, room: Room, line: Line) -> None:
        """Somebody said something new."""
        calls = line.is_mention and room.notify != "none"
        if calls or room.notify == "all":
            self._attention.ring(room, line, is_online=self.is_online)
        if room is not self.current or not self.is_watched:
            room.add_unread(line, calls=calls)

    # --- what was read, and what rings

    def came_online(self) -> None:
        """Everything that was missed is known now."""
        self.is_online = True
        self._attention.came_online()

    def _on_read(self, event: Read) -> None:
        room = self.by_name.get(fold(event.room))
        if room is None or event.seq <= room.read_seq:
            return
        room.was_read(event.seq)
        if room is self.current and self.is_watched:
            room.start_reading()

    def _on_settings(self, event: Settings) -> None:
        self._attention.take_settings(event)
        for key, room in self.by_name.items():
            room.notify = self._attention.level(key)

    def _line(self, look: Look, text: str, nick: str = "") -> Line:
        return Line(0, self.now_ms(), look, nick, text)
