"""The state of the client, sans-I/O: events and typed lines in, effects out.

It knows no stream, no clock and no terminal: time is an argument (monotonic seconds), and what is
to be sent or shown comes back as effects. Rules:

1. An input is sent again, with its id, until `done` or a final `error`: over links and sessions.
2. An event is shown once, in the order of its room's log, and none is left out silently.
3. After a session that could not be resumed, what may or may not have been said is looked up in
   the history before it is said again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from trio_chat import __version__
from trio_chat.client.state.effects import Effect, Effects
from trio_chat.client.state.line import (
    safe_line,
    safe_name,
    safe_text,
)
from trio_chat.client.state.outgoing import Outgoing, Pending
from trio_chat.client.state.pages import PAGE_EVENTS, Pages
from trio_chat.client.state.passwords import masked
from trio_chat.client.state.past import Pull
from trio_chat.client.state.read_marks import Reading
from trio_chat.client.state.room import Room
from trio_chat.client.state.rooms import House
from trio_chat.errors import TooLong
from trio_chat.events import (
    Announced,
    Backlog,
    Bye,
    CommandInfo,
    Done,
    Error,
    Event,
    Gap,
    Notice,
    Pong,
    Result,
    Said,
    Welcome,
)
from trio_chat.requests import Hello, Input, Invocation, Resume, parse_slash
from trio_chat.text import clean_text, fold
from trio_chat.wire.native import encode_request

# The person is told when this many lines wait for the server: 1,000 x 16 KiB at most.
PENDING_LINES = 1000
# A server that names no time when it cannot take an input.
RETRY_SECONDS = 1.0
RETRYABLE = frozenset({"too_fast", "unavailable"})
# A hostile server cannot make the client remember more commands than this.
COMMANDS = 500


class Model:
    """Attributes:
    house: the rooms as this person sees them.
    has_been_online: at least once.
    is_leaving: `/quit` was said, or would have been.
    listed: commands whose findings the screen shows by itself, not as a line of the room.
    """

    def __init__(
        self,
        nick: str,
        room: str | None = None,
        *,
        highlights: Sequence[str] = (),
        wall_seconds: Callable[[], float] = time.time,
    ) -> None:
        self._effects = Effects()
        self.house = House(
            nick,
            self._effects,
            on_own_words=self._recognise,
            wall_seconds=wall_seconds,
            highlights=highlights,
        )
        self.server = ""
        self.account: str | None = None
        self.role = ""
        self.commands: tuple[CommandInfo, ...] = ()
        self.listed: frozenset[str] = frozenset()
        self.limits: dict[str, int | float] = {}
        self.is_leaving = False
        self.first_room = _bare(room) if room else None
        # Why the room asked for at start cannot be had.
        self.first_room_refused: str | None = None
        self.outgoing = Outgoing()
        self._token = ""
        self._hello_id = ""
        self.has_been_online = False
        self._resumed = False
        self._motd = ""
        self._leave_id = ""
        self._lost_ms = 0  # since when the link is cut
        self._bye = ""  # why
        self._pages = Pages(self.house, self._effects, self.outgoing.new_id)
        self._reading = Reading()
        self._rejoining: dict[str, Room] = {}  # id of the /join -> the room
        self._handlers: dict[type[Any], Callable[[Any, float], None]] = {
            Welcome: self._on_welcome,
            Result: self._on_result,
            Done: self._on_done,
            Error: self._on_error,
            Pong: lambda event, now: None,
            Notice: self._on_notice,
            Announced: self._on_notice,
            Bye: self._on_bye,
        }

    # --- in

    def hello(self) -> Hello:
        """Return the first request of a new link."""
        self._hello_id = self.outgoing.new_id()
        resume = None
        if self._token:
            known = self.house.rooms.values()
            rooms = {r.name: r.cursor.last for r in known if r.cursor.last is not None}
            resume = Resume(session=self._token, rooms=rooms)
        client = f"trio-chat/{__version__}"
        return Hello(id=self._hello_id, nick=self.house.nick, client=client, resume=resume)

    def is_hello(self, id: str | None) -> bool:
        return id is not None and id == self._hello_id

    def receive(self, events: Sequence[Event], now: float) -> list[Effect]:
        """Take in what the server said, in its order."""
        for event in events:
            if isinstance(event, Backlog | Gap) and self._pages.keeps(event):
                continue
            if not self.house.receive(event):
                self._handlers[type(event)](event, now)
        return self._collect(now)

    def typed(self, text: str, now: float, room: Room | None = None) -> list[Effect]:
        """Take in what the person typed in *room*; None: in whichever is current when it is
        sent, so that the lines of a script follow its `/join`."""
        text = text.encode("utf-8", "replace").decode()
        problem = self._check(text, room)
        if problem:
            self._show_error(Error(code="too_long", message=problem), refused=text)
        else:
            line = self.outgoing.add(text, room.name if room else None, self.house.now_ms())
            line.goes_to = self._target(text)
        return self._collect(now)

    def saw(self, room: Room, now: float) -> bool:
        """The newest lines of *room* are in somebody's sight; return whether `due_at` changed."""
        return self.house.is_online and self._reading.saw(room, now)

    def went_away(self, room: Room, now: float) -> list[Effect]:
        """Nobody looks at *room* any more."""
        self._reading.went_away(room)
        return self._collect(now)

    def pull(self, room: Room, what: Pull, now: float) -> list[Effect]:
        """Somebody scrolls in *room* to where its lines end."""
        self._pages.pull(room, what)
        return self._collect(now)

    def jump(self, room: Room, seq: int, now: float) -> list[Effect]:
        """Somebody wants to see the event *seq* of *room*, and what stands around it."""
        self._pages.jump(room, seq)
        return self._collect(now)

    def due(self, now: float) -> list[Effect]:
        """Send what was told to wait until now."""
        return self._collect(now)

    def due_at(self) -> float:
        """Return when `due` is to be called next, in monotonic seconds; perhaps inf."""
        if not self.house.is_online:
            return inf
        return min(self.outgoing.wake_at(), self._reading.due_at, self._pages.due_at())

    def leave(self, now: float, text: str = "/quit") -> list[Effect]:
        """Say *text*, the `/quit`, before anything that waits: the nick is to be free at once."""
        self.is_leaving = True
        if self.house.is_online and not self._leave_id:
            self._reading.hurry()
            self._send_reads(now)
            self._leave_id = self.outgoing.new_id()
            self._effects.send(Input(id=self._leave_id, text=text))
        return self._collect(now)

    def link_lost(self) -> None:
        if self.house.is_online:
            self._lost_ms = self.house.now_ms()
        self.house.is_online = False
        self._leave_id = ""
        self._pages.link_lost()
        self._reading.link_lost()
        self._rejoining.clear()
        self.house.returning.clear()
        self.outgoing.link_lost()
        for room in self.house.rooms.values():
            room.cursor.link_lost()

    def is_quit(self, text: str) -> bool:
        return self._command(text)[0] == "quit"

    def _target(self, text: str) -> str | None:
        """Return the room that *text*, a `/join`, `/create` or `/query`, goes to."""
        name, rest = self._command(text)
        first = rest.split()[0] if rest.strip() else ""
        if name in ("join", "create") and first:
            return _bare(first)
        is_query = text.lower().startswith("/query ")
        return f"@{first.removeprefix('@')}" if is_query and first else None

    def _command(self, text: str) -> tuple[str, str]:
        """Return the name of the command in *text*, not its alias, and the rest; else blanks."""
        parsed = parse_slash(text)
        if not isinstance(parsed, Invocation):
            return "", ""
        name = parsed.name.lower()
        names = (command.name for command in self.commands if name in command.aliases)
        return next(names, name), parsed.rest

    # --- out

    def _collect(self, now: float) -> list[Effect]:
        if self.house.is_online:
            self._pages.send(now)
            self._send_reads(now)
            self._send_lines(now)
        return self._effects.take()

    def _send_reads(self, now: float) -> None:
        while (request := self._reading.due(now, self.outgoing.new_id)) is not None:
            self._effects.send(request)

    def _send_lines(self, now: float) -> None:
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
                line.room = self.house.current.name if self.house.current else ""
            line.is_sent = True
            self.is_leaving = self.is_leaving or self.is_quit(line.text)
            self._effects.send(Input(id=line.id, room=line.room, text=line.text))

    def _give_up(self, line: Pending) -> None:
        """A command leaves no trace in the history, so it is not repeated on suspicion."""
        message = "the link broke: it is not known whether this happened"
        self._show_error(Error(id=line.id, code="unavailable", message=message), refused=line.text)
        self.outgoing.refused(line.id)

    def _history_is_known(self, name: str) -> bool:
        """Whether everything that was said in that room before this session has been seen."""
        room = self.house.rooms.get(fold(name))
        if room is None:
            return True
        return room.cursor.is_settled and room not in self.house.returning

    def _show_error(self, event: Error, *, refused: str = "") -> None:
        refused = masked(refused)
        self._effects.show(event, refused=refused)
        text = safe_line(event.message)
        if refused:
            text = f"{text} — {safe_text(refused)}"
        self.house.say("error", text, self._line_room(event.id))

    def _line_room(self, id: str | None) -> Room | None:
        line = self.outgoing.get(id) if id else None
        return self.house.rooms.get(fold(line.room)) if line and line.room else None

    def _check(self, text: str, room: Room | None) -> str:
        if len(self.outgoing) >= PENDING_LINES:
            return f"{PENDING_LINES} lines wait for the server already"
        try:
            name = room.name if room else "r" * 64
            encode_request(Input(id="i" * 64, room=name, text=text))
        except TooLong as exc:
            return exc.message
        return ""

    # --- the session

    def _on_welcome(self, event: Welcome, now: float) -> None:
        same_scope = event.resumed or (event.account is not None and event.account == self.account)
        if same_scope:
            self.outgoing.session_kept()
        self._token = event.session
        self.house.set_nick(event.nick)
        self.server = safe_name(event.server)
        self.account = event.account
        self.role = safe_name(event.role)
        self.commands = tuple(map(_safe_command, event.commands[:COMMANDS]))
        self.limits = event.limits
        self._pages.limit = int(event.limits.get("page_events", PAGE_EVENTS))
        if not self.house.is_online:  # else it is a later one, after a login: the rooms stay
            self._begin_session(event)

    def _begin_session(self, event: Welcome) -> None:
        self._resumed = event.resumed
        self.house.returning = {room for room in self.house.rooms.values() if room.is_joined}
        if not event.resumed:
            for room in self.house.rooms.values():
                room.is_joined = False
                room.cursor.suspect_hole()
        if not self.has_been_online:
            self._motd = safe_text(event.motd)
            self._effects.show(event)

    def _hello_done(self) -> None:
        self.house.came_online()
        lost = [room for room in self.house.rooms.values() if room in self.house.returning]
        for room in self.house.rooms.values():
            room.cursor.joining = False
        for room in lost:
            if self._resumed or room.is_direct:
                self.house.returning.discard(room)
            if self._resumed:
                self.house.gone(room)
            elif not room.is_direct:
                self._rejoin(room)
        if self.first_room and not self.has_been_online:
            self._join_first_room(self.first_room)
        if self.has_been_online:
            self._say_back_online()
        elif self._motd:
            self.house.say("system", self._motd)
        self.has_been_online = True

    def _say_back_online(self) -> None:
        """One line in each return, and one for several in a row."""
        self._effects.show(Notice(text="back online"))
        seconds = max(0, self.house.now_ms() - self._lost_ms) // 1000
        reason = f": {self._bye}" if self._bye else ""
        self.house.say_back(f"back online after {seconds} s{reason}")
        self._bye = ""

    def _rejoin(self, room: Room) -> None:
        id = self.outgoing.new_id()
        self._rejoining[id] = room
        self._effects.send(Input(id=id, room=room.name, text=f"/join {room.name}"))

    def _rejoin_refused(self, room: Room, event: Error) -> None:
        self.house.returning.discard(room)
        self.house.gone(room)
        self._show_error(event)

    def _join_first_room(self, name: str) -> None:
        room = self.house.rooms.get(fold(name))
        if name.startswith("@") or (room is not None and room.is_joined):
            self.house.go_to(self.house.room(name))
            return
        line = self.outgoing.add(f"/join {name}", "", self.house.now_ms())
        line.goes_to = name
        self.outgoing.move_first(line)

    def _recognise(self, room: Room, event: Said) -> None:
        """Our own words, in the history since a session that is gone: that line happened."""
        for line in self.outgoing.doubtful():
            is_here = fold(line.room or "") == fold(room.name)
            if is_here and clean_text(line.spoken or "").strip() == event.text.strip():
                self.outgoing.acknowledged(line.id)
                return

    # --- answers

    def _on_done(self, event: Done, now: float) -> None:
        if event.id == self._hello_id:
            self._hello_done()
        elif event.id in self._rejoining:
            self._rejoining.pop(event.id).cursor.joining = False
        elif not self._pages.done(event.id) and not self._reading.answered(event.id):
            self._line_done(event.id)

    def _line_done(self, id: str) -> None:
        line = self.outgoing.acknowledged(id)
        if line is None or line.goes_to is None:
            return
        room = self.house.rooms.get(fold(line.goes_to))
        if room is not None:
            room.cursor.joining = False
            self.house.go_to(room)

    def _on_error(self, event: Error, now: float) -> None:
        id = event.id or ""
        not_before = now + (event.retry_after or RETRY_SECONDS)
        is_passing = event.code in RETRYABLE
        if self._pages.failed(id, not_before if is_passing else None):
            return
        if self._reading.refused(id, is_passing=is_passing):
            return
        if id in self._rejoining:
            self._rejoin_refused(self._rejoining.pop(id), event)
        elif id and id == self._leave_id:
            return  # the deadline for leaving does the rest
        elif self.outgoing.get(id) is None:
            self._show_error(event)
        elif is_passing:
            self.outgoing.postponed(id, not_before)
        else:
            self._line_refused(id, event)

    def _line_refused(self, id: str, event: Error) -> None:
        line = self.outgoing.get(id)
        assert line is not None
        self._show_error(event, refused=line.text)
        self.outgoing.refused(id)
        if self.is_quit(line.text):
            self.is_leaving = False
        if line.goes_to is not None and line.goes_to == self.first_room:
            self.first_room_refused = safe_line(event.message)

    def _on_result(self, event: Result, now: float) -> None:
        room = self._line_room(event.id)
        if event.text and not (event.command in self.listed and _has_events(event)):
            self.house.say("system", safe_text(event.text), room)
        self._effects.show(event)

    def _on_notice(self, event: Notice | Announced, now: float) -> None:
        self.house.say("system", safe_text(event.text))
        self._effects.show(event)

    def _on_bye(self, event: Bye, now: float) -> None:
        """Why the link ends is told when one is back, in one line."""
        self._bye = safe_line(event.reason)
        self._effects.show(event)


def _safe_command(command: CommandInfo) -> CommandInfo:
    return CommandInfo(
        name=safe_name(command.name),
        aliases=tuple(map(safe_name, command.aliases[:8])),
        usage=safe_line(command.usage),
        help=safe_line(command.help),
        role=safe_name(command.role),
    )


def _has_events(result: Result) -> bool:
    return isinstance(result.data, dict) and bool(result.data.get("events"))


def _bare(room: str) -> str:
    return room.removeprefix("#")
