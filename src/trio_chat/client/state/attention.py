"""Which lines call this person, and which ring."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.client.state.effects import Bell, Effects
from trio_chat.client.state.room.line import Line, safe_name
from trio_chat.client.state.room.room import Room
from trio_chat.events import NotifyLevel, Settings
from trio_chat.text import fold, mention_pattern

# A hostile server cannot make the client remember more rooms or words than this.
LEVELS = 1000
HIGHLIGHTS = 100


class Attention:
    """Recognises the nick and the words of this person, and rings.

    Attributes:
        nick: given by the server; before `welcome`, the one asked for.
    """

    def __init__(self, nick: str, effects: Effects, highlights: Sequence[str]) -> None:
        self._effects = effects
        self._missed: dict[Room, tuple[int, Bell]] = {}  # what is to ring when one is back
        self._levels: dict[str, NotifyLevel] = {}
        self._own_highlights = tuple(highlights)
        self._highlights: tuple[str, ...] = ()
        self.set_nick(nick)

    def set_nick(self, nick: str) -> None:
        self.nick = safe_name(nick)
        self._own_name = fold(self.nick)
        self._mention = mention_pattern((self.nick, *self._own_highlights, *self._highlights))

    def take_settings(self, event: Settings) -> None:
        """Take in the levels and words that the account has set, on whichever device."""
        self._levels = {
            fold(name.removeprefix("#")): level
            for name, level in list(event.notify.items())[:LEVELS]
        }
        self._highlights = tuple(map(safe_name, event.highlights[:HIGHLIGHTS]))
        self.set_nick(self.nick)

    def is_own(self, nick: str) -> bool:
        return nick == self.nick or fold(nick) == self._own_name

    def is_called(self, text: str) -> bool:
        """Return whether *text* has the nick of this person, or one of the words that mean it."""
        return bool(self._mention.search(text))

    def level(self, key: str) -> NotifyLevel:
        """Return what rings in the room whose folded name is *key*."""
        return self._levels.get(key, "mentions")

    def ring(self, room: Room, line: Line, *, is_online: bool) -> None:
        """Ring for *line*; not before `came_online`, if what was read elsewhere is told later."""
        bell = Bell(room.name, line.nick, line.text)
        if is_online:
            self._effects.ring(bell)
        else:
            self._missed[room] = (line.seq, bell)

    def came_online(self) -> None:
        """Ring for what was missed, unless it was read on another device."""
        for room, (seq, bell) in self._missed.items():
            if seq > room.read_seq:
                self._effects.ring(bell)
        self._missed.clear()
