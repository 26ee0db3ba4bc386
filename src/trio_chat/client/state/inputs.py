"""The lines that the person types, from the key to the answer: checked, sent in their order, sent
again after a break if need be. It knows no streams."""

from __future__ import annotations

from trio_chat.client.state.catalogue import Catalogue
from trio_chat.client.state.effects import Effects
from trio_chat.client.state.outgoing import Outgoing, Pending
from trio_chat.client.state.passwords import masked
from trio_chat.client.state.room.line import bare_room, safe_line, safe_text
from trio_chat.client.state.room.room import Room
from trio_chat.client.state.rooms import Rooms
from trio_chat.errors import TooLong
from trio_chat.events import Error, Said
from trio_chat.requests import Input, Invocation, parse_slash
from trio_chat.text import clean_text, fold
from trio_chat.wire.native import encode_request

# A longer line that is refused is shown by its beginning: it would push its reason off the screen.
REFUSED_CHARACTERS = 300
# The person is told when this many lines wait for the server: 1,000 x 16 KiB at most.
PENDING_LINES = 1000


class Inputs:
    """The lines that were typed.

    Attributes:
        outgoing: those that are not yet answered.
        is_leaving: `/quit` was said, or would have been.
        first_room: the room asked for at the start; *first_room_refused*: why it cannot be had.
    """

    def __init__(
        self, rooms: Rooms, effects: Effects, commands: Catalogue, first_room: str | None
    ) -> None:
        self.outgoing = Outgoing()
        self.is_leaving = False
        self.first_room = bare_room(first_room) if first_room else None
        self.first_room_refused: str | None = None
        self._rooms = rooms
        self._effects = effects
        self._commands = commands

    # --- in

    def typed(
        self, text: str, room: Room | None, *, is_literal: bool, id: str | None = None
    ) -> None:
        """Take in what was typed in *room*; see `Model.typed`."""
        text = text.encode("utf-8", "replace").decode()
        problem = self._check(text, room)
        if problem:
            self.show_error(Error(code="too_long", message=problem), refused=text)
        elif room is None or is_literal:
            name = room.name if room else None
            line = self.outgoing.add(text, name, self._rooms.now_ms(), id)
            line.goes_to = self._target(text)
        elif not self._done_here(text, room):
            self._add(text, room)

    def _add(self, text: str, room: Room) -> None:
        """Queue *text*. Behind a `/join` that was typed in *room* and is not yet answered, it is
        meant for the room that this goes to."""
        going = self.outgoing.last_going(room.name)
        name = room.name if going is None else None
        line = self.outgoing.add(text, name, self._rooms.now_ms())
        line.typed_in = room.name
        line.follows = going.id if going else None
        line.goes_to = self._target(text)

    def _done_here(self, text: str, room: Room) -> bool:
        """Do what a command asks of the client alone; return whether the server need not know.

        `/query NICK` goes to a conversation, `/close` takes this one off the list; a server that
        has such commands remembers it for all devices.
        """
        command = parse_slash(text)
        if not isinstance(command, Invocation):
            return False
        name, words = command.name.lower(), command.rest.split()
        if name == "close" and not words and room.is_direct:
            self._rooms.close(room)
        elif name == "query" and len(words) == 1 and not words[0].startswith("#"):
            if not self._has(name):
                self._rooms.go_to(self._rooms.room(f"@{words[0].removeprefix('@')}"))
        else:
            return False
        return not self._has(name)

    def _has(self, name: str) -> bool:
        """Return whether the server has a command called *name*, not only an alias."""
        command = self._commands.find(name)
        return command is not None and command.name == name

    def join_first_room(self) -> None:
        """Go to the room that was asked for at the start, before anything that was typed."""
        name = self.first_room
        if not name:
            return
        room = self._rooms.by_name.get(fold(name))
        if name.startswith("@") or (room is not None and room.is_joined):
            self._rooms.go_to(self._rooms.room(name))
            return
        line = self.outgoing.add(f"/join {name}", "", self._rooms.now_ms())
        line.goes_to = name
        self.outgoing.move_first(line)

    def is_quit(self, text: str) -> bool:
        return self._commands.parse(text)[0] == "quit"

    def _check(self, text: str, room: Room | None) -> str:
        """Return why *text* cannot be taken; empty: it can."""
        if len(self.outgoing) >= PENDING_LINES:
            return f"{PENDING_LINES} lines wait for the server already"
        try:
            name = room.name if room else "r" * 64
            encode_request(Input(id="i" * 64, room=name, text=text))
        except TooLong as exc:
            return exc.message
        return ""

    def _target(self, text: str) -> str | None:
        """Return the room that *text*, a `/join`, `/create` or `/query`, goes to."""
        name, rest = self._commands.parse(text)
        first = rest.split()[0] if rest.strip() else ""
        if name in ("join", "create") and first:
            return bare_room(first)
        is_query = text.lower().startswith("/query ")
        return f"@{first.removeprefix('@')}" if is_query and first else None

    # --- out

    def send(self, now: float) -> None:
        """Send what may be sent at *now*, in monotonic seconds."""
        while (line := self.outgoing.next_line(now)) is not None:
            if line.is_doubtful and line.spoken is None:
                self._give_up(line)
                continue
            if line.is_doubtful and not self._history_is_known(line.room or ""):
                return
            line.is_doubtful = False
            if line.room is None:
                if self.first_room_refused is not None:
                    return  # it was meant for another room
                line.room = self._rooms.current.name if self._rooms.current else ""
            line.is_sent = True
            self.is_leaving = self.is_leaving or self.is_quit(line.text)
            self._effects.send(Input(id=line.id, room=line.room, text=line.text))

    def _give_up(self, line: Pending) -> None:
        """Report a command whose answer got lost: it leaves no trace in the history, so it is not
        repeated on suspicion."""
        message = "the link broke: it is not known whether this happened"
        self.show_error(Error(id=line.id, code="unavailable", message=message), refused=line.text)
        self._drop(line)

    def _drop(self, line: Pending) -> None:
        """Forget *line*, which did not happen, and give back what was meant for the room that it
        went to: nothing of that is said elsewhere."""
        self.outgoing.refused(line.id)
        for follower in self.outgoing.followers(line.id):
            error = Error(id=follower.id, code="not_in_room", message="the room was not entered")
            self.show_error(error, refused=follower.text)
            self._drop(follower)

    def _history_is_known(self, name: str) -> bool:
        """Return whether everything that was said in that room before this session was seen."""
        room = self._rooms.by_name.get(fold(name))
        if room is None:
            return True
        return room.cursor.is_settled and room not in self._rooms.returning

    # --- answers

    def recognise(self, room: Room, event: Said) -> None:
        """Acknowledge the line that is *event*: our own words, in the history since a session that
        is gone."""
        for line in self.outgoing.doubtful():
            is_here = fold(line.room or "") == fold(room.name)
            if is_here and clean_text(line.spoken or "").strip() == event.text.strip():
                self.outgoing.acknowledged(line.id)
                return

    def done(self, id: str) -> None:
        """Take in that the line *id* has happened."""
        line = self.outgoing.acknowledged(id)
        if line is None or line.goes_to is None:
            return
        if line.goes_to.startswith("@"):  # a conversation begins without a word of the server
            self._rooms.room(line.goes_to)
        room = self._rooms.by_name.get(fold(line.goes_to))
        for follower in self.outgoing.followers(id):
            follower.room = room.name if room else line.goes_to
        if room is not None:
            room.cursor.joining = False
            self._rooms.go_to(room)

    def refused(self, id: str, event: Error) -> None:
        """Take in that the line *id* was refused for good; there must be such a line."""
        line = self.outgoing.get(id)
        assert line is not None
        self.show_error(event, refused=line.text)
        self._drop(line)
        if self.is_quit(line.text):
            self.is_leaving = False
        if line.goes_to is not None and line.goes_to == self.first_room:
            self.first_room_refused = safe_line(event.message)

    def show_error(self, event: Error, *, refused: str = "") -> None:
        """Show *event* where the line stands that it answers; *refused*: the text of that line."""
        refused = masked(refused)
        self._effects.show(event, refused=refused)
        text = safe_line(event.message)
        if refused:
            text = f"{text} — {safe_text(beginning(refused))}"
        self._rooms.say("error", text, self.room_of(event.id))

    def room_of(self, id: str | None) -> Room | None:
        """Return the room in which the line *id* was typed; None if that is not known."""
        line = self.outgoing.get(id) if id else None
        return self._rooms.by_name.get(fold(line.room)) if line and line.room else None


def beginning(refused: str) -> str:
    """Return as much of a *refused* line as is shown; the history of the input line has it all."""
    if len(refused) <= REFUSED_CHARACTERS:
        return refused
    return f"{refused[:REFUSED_CHARACTERS]}… ({len(refused)} characters; Up brings them back)"
