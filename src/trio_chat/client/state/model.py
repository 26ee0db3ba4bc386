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
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

from trio_chat import __version__
from trio_chat.client.state.catalogue import Catalogue
from trio_chat.client.state.effects import Effect, Effects
from trio_chat.client.state.inputs import Inputs
from trio_chat.client.state.pages import PAGE_EVENTS, Pages
from trio_chat.client.state.read_marks import ReadMarks
from trio_chat.client.state.recovery import Recovery
from trio_chat.client.state.room.line import (
    safe_line,
    safe_name,
    safe_text,
)
from trio_chat.client.state.room.past import Pull
from trio_chat.client.state.room.room import Room
from trio_chat.client.state.rooms import Rooms
from trio_chat.events import (
    Announced,
    Backlog,
    Bye,
    Done,
    Error,
    Event,
    Gap,
    Notice,
    Pong,
    Result,
    Welcome,
)
from trio_chat.requests import Hello, Input, Resume

# A server that names no time when it cannot take an input.
RETRY_SECONDS = 1.0
RETRYABLE = frozenset({"too_fast", "unavailable"})


class Model:
    """The state of one client.

    Attributes:
        rooms: the rooms as this person sees them.
        has_been_online: at least once.
        inputs: what the person typed; *outgoing*: what of it is not yet answered.
        commands: what the server offers.
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
        self.rooms = Rooms(
            nick,
            self._effects,
            on_own_words=lambda room, event: self.inputs.recognise(room, event),
            wall_seconds=wall_seconds,
            highlights=highlights,
        )
        self.commands = Catalogue()
        self.inputs = Inputs(self.rooms, self._effects, self.commands, room)
        self.outgoing = self.inputs.outgoing
        self.server = ""
        self.account: str | None = None
        self.role = ""
        self._listed: frozenset[str] = frozenset()
        self.limits: dict[str, int | float] = {}
        self._token = ""
        self._hello_id = ""
        self.has_been_online = False
        self._motd = ""
        self._leave_id = ""
        self._recovery = Recovery(self.rooms, self._effects, self.outgoing.new_id)
        self._pages = Pages(self.rooms, self._effects, self.outgoing.new_id)
        self._read_marks = ReadMarks()
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
            known = self.rooms.by_name.values()
            rooms = {r.name: r.cursor.last for r in known if r.cursor.last is not None}
            resume = Resume(session=self._token, rooms=rooms)
        client = f"trio-chat/{__version__}"
        return Hello(id=self._hello_id, nick=self.rooms.nick, client=client, resume=resume)

    @property
    def token(self) -> str:
        """The token of the session, to resume it; empty before the first welcome."""
        return self._token

    def go_on_with(self, token: str) -> None:
        """Resume the session that an earlier run of the program had; before the first hello."""
        self._token = token

    def is_hello(self, id: str | None) -> bool:
        return id is not None and id == self._hello_id

    @property
    def is_leaving(self) -> bool:
        """True once `/quit` was said, or would have been."""
        return self.inputs.is_leaving

    @property
    def first_room_refused(self) -> str | None:
        """The reason why the room asked for at the start cannot be had; None: it was not
        refused."""
        return self.inputs.first_room_refused

    def receive(self, events: Sequence[Event], now: float) -> list[Effect]:
        """Take in what the server said, in its order."""
        for event in events:
            if isinstance(event, Backlog | Gap) and self._pages.keeps(event):
                continue
            if not self.rooms.receive(event):
                self._handlers[type(event)](event, now)
        return self._collect(now)

    def typed(
        self,
        text: str,
        now: float,
        room: Room | None = None,
        *,
        is_literal: bool = False,
        id: str | None = None,
    ) -> list[Effect]:
        """Take in what was typed in *room*; None: in whichever is current when it is sent, so that
        the lines of a script follow its `/join`.

        What a person types in a room follows a `/join` as well, and may be a command that the
        client does by itself. *is_literal*: it goes to *room* as it is, for a program; *id*: of
        that request, instead of a new one.
        """
        self.inputs.typed(text, room, is_literal=is_literal, id=id)
        return self._collect(now)

    def saw(self, room: Room, now: float) -> bool:
        """Take the newest lines of *room* for read; return whether `due_at` changed."""
        return self.rooms.is_online and self._read_marks.saw(room, now)

    def went_away(self, room: Room, now: float) -> list[Effect]:
        """Note that nobody looks at *room* any more."""
        self._read_marks.went_away(room)
        return self._collect(now)

    def pull(self, room: Room, what: Pull, now: float) -> list[Effect]:
        """Fetch what follows in *room*: somebody scrolls to where its lines end."""
        self._pages.pull(room, what)
        return self._collect(now)

    def jump(self, room: Room, seq: int, now: float) -> list[Effect]:
        """Fetch the event *seq* of *room*, and what stands around it, unless it is here."""
        self._pages.jump(room, seq)
        return self._collect(now)

    def due(self, now: float) -> list[Effect]:
        """Send what was told to wait until now."""
        return self._collect(now)

    def due_at(self) -> float:
        """Return when `due` is to be called next, in monotonic seconds; perhaps inf."""
        if not self.rooms.is_online:
            return inf
        return min(self.outgoing.wake_at(), self._read_marks.due_at, self._pages.due_at())

    def leave(self, now: float, text: str = "/quit") -> list[Effect]:
        """Say *text*, the `/quit`, before anything that waits: the nick is to be free at once."""
        self.inputs.is_leaving = True
        if self.rooms.is_online and not self._leave_id:
            self._read_marks.hurry()
            self._send_reads(now)
            self._leave_id = self.outgoing.new_id()
            self._effects.send(Input(id=self._leave_id, text=text))
        return self._collect(now)

    def link_lost(self) -> None:
        self._recovery.link_lost()
        self.rooms.is_online = False
        self._leave_id = ""
        self._pages.link_lost()
        self._read_marks.link_lost()
        self.outgoing.link_lost()
        for room in self.rooms.by_name.values():
            room.cursor.link_lost()

    def note(self, text: str) -> list[Effect]:
        """Show *text*, which the client itself has to say."""
        text = safe_text(text)
        self.rooms.say("system", text)
        self._effects.show(Notice(text=text))
        return self._effects.take()

    def show_as_lists(self, commands: Iterable[str]) -> None:
        """Leave it to the screen to show what these *commands* find: no line of a room tells it."""
        self._listed = frozenset(commands)

    # --- out

    def _collect(self, now: float) -> list[Effect]:
        if self.rooms.is_online:
            self._pages.send(now)
            self._send_reads(now)
            self.inputs.send(now)
        return self._effects.take()

    def _send_reads(self, now: float) -> None:
        while (request := self._read_marks.due(now, self.outgoing.new_id)) is not None:
            self._effects.send(request)

    # --- the session

    def _on_welcome(self, event: Welcome, now: float) -> None:
        same_scope = event.resumed or (event.account is not None and event.account == self.account)
        if same_scope:
            self.outgoing.session_kept()
        self._token = event.session
        self.rooms.set_nick(event.nick)
        self.server = safe_name(event.server)
        self.account = event.account
        self.role = safe_name(event.role)
        self.commands.learn(event.commands)
        self.limits = event.limits
        self._pages.limit = int(event.limits.get("page_events", PAGE_EVENTS))
        if not self.rooms.is_online:  # else it is a later one, after a login: the rooms stay
            self._begin_session(event)

    def _begin_session(self, event: Welcome) -> None:
        self._recovery.session_began(is_resumed=event.resumed)
        if not self.has_been_online:
            self._motd = safe_text(event.motd)
            self._effects.show(event)

    def _hello_done(self) -> None:
        self.rooms.came_online()
        self._recovery.hello_done()
        if self.has_been_online:
            self._recovery.say_back_online()
        else:
            self.inputs.join_first_room()
            if self._motd:
                self.rooms.say("system", self._motd)
        self.has_been_online = True

    # --- answers

    def _on_done(self, event: Done, now: float) -> None:
        if event.id == self._hello_id:
            self._hello_done()
            return
        owners = (self._recovery.rejoined, self._pages.done, self._read_marks.answered)
        if not any(owns(event.id) for owns in owners):
            self.inputs.done(event.id)

    def _on_error(self, event: Error, now: float) -> None:
        id = event.id or ""
        not_before = now + (event.retry_after or RETRY_SECONDS)
        is_passing = event.code in RETRYABLE
        if self._pages.failed(id, not_before if is_passing else None):
            return
        if self._read_marks.refused(id, is_passing=is_passing):
            return
        if self._recovery.rejoin_refused(id):
            self.inputs.show_error(event)
        elif id and id == self._leave_id:
            return  # the deadline for leaving does the rest
        elif self.outgoing.get(id) is None:
            self.inputs.show_error(event)
        elif is_passing:
            self.outgoing.postponed(id, not_before)
        else:
            self.inputs.refused(id, event)

    def _on_result(self, event: Result, now: float) -> None:
        room = self.inputs.room_of(event.id)
        if event.text and not (event.command in self._listed and _has_events(event)):
            self.rooms.say("system", safe_text(event.text), room)
        self._effects.show(event)

    def _on_notice(self, event: Notice | Announced, now: float) -> None:
        self.rooms.say("system", safe_text(event.text))
        self._effects.show(event)

    def _on_bye(self, event: Bye, now: float) -> None:
        """Keep the reason for when a link is back, which one line tells."""
        self._recovery.reason = safe_line(event.reason)
        self._effects.show(event)


def _has_events(result: Result) -> bool:
    return isinstance(result.data, dict) and bool(result.data.get("events"))
