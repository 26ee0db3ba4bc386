"""The state of the client, sans-I/O: events and typed lines in, effects out.

It knows no stream, no clock and no terminal: time is an argument (monotonic seconds), and what is
to be sent or shown comes back as effects. Rules:

1. An input is sent again, with its id, until `done` or a final `error`: over links and sessions.
2. An event is shown once, in the order of its room's log, and none is left out silently.
3. After a session that could not be resumed, what may or may not have been said is looked up in
   the history before it is said again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from trio_chat import __version__
from trio_chat.client.lines import (
    Line,
    Look,
    at_milliseconds,
    describe,
    safe_line,
    safe_name,
    safe_text,
)
from trio_chat.client.outgoing import Outgoing, Pending
from trio_chat.client.rooms import Room
from trio_chat.errors import TooLong
from trio_chat.events import (
    Announced,
    Backlog,
    Bye,
    CommandInfo,
    Deleted,
    Done,
    Edited,
    Error,
    Event,
    Gap,
    Joined,
    Kicked,
    Left,
    Members,
    Notice,
    Pong,
    Renamed,
    Result,
    Said,
    StoredEvent,
    Topic,
    Welcome,
)
from trio_chat.requests import Hello, Input, Invocation, Page, Request, Resume, parse_slash
from trio_chat.text import clean_text, fold
from trio_chat.wire.native import encode_request

# The person is told when this many lines wait for the server: 1,000 x 16 KiB at most.
PENDING_LINES = 1000
# A server that names no time when it cannot take an input.
RETRY_SECONDS = 1.0
RETRYABLE = frozenset({"too_fast", "unavailable"})
PAGE_EVENTS = 200
# A hostile server cannot make the client remember more rooms or commands than this.
ROOMS = 1000
COMMANDS = 500


class Send(NamedTuple):
    request: Request


class Show(NamedTuple):
    """Something new to see. *pending*: the line it refuses, so that its text is not lost."""

    event: Event
    refused: str = ""


class Bell(NamedTuple):
    """Somebody means this person."""


Effect: TypeAlias = Send | Show | Bell


class Model:
    """Attributes:
    nick: what the server calls this person; before `welcome`, what is asked for.
    rooms: folded name -> Room, in the order they were first seen.
    current: the room that is talked in; None before the first.
    is_online: the server has told everything that a hello brings.
    has_been_online: at least once.
    is_leaving: `/quit` was said, or would have been.
    """

    def __init__(
        self,
        nick: str,
        room: str | None = None,
        *,
        wall_seconds: Callable[[], float] = time.time,
    ) -> None:
        self.nick = nick
        self.server = ""
        self.account: str | None = None
        self.commands: tuple[CommandInfo, ...] = ()
        self.limits: dict[str, int | float] = {}
        self.rooms: dict[str, Room] = {}
        self.current: Room | None = None
        self.is_online = False
        self.is_leaving = False
        self.first_room = _bare(room) if room else None
        # Why the room asked for at start cannot be had.
        self.first_room_refused: str | None = None
        self.outgoing = Outgoing()
        self._wall_seconds = wall_seconds
        self._token = ""
        self._hello_id = ""
        self.has_been_online = False
        self._resumed = False
        self._motd = ""
        self._leave_id = ""
        self._pages: dict[str, Room] = {}
        self._rejoining: dict[str, Room] = {}  # id of the /join -> the room
        self._unconfirmed: set[str] = set()  # rooms a resumed session may have lost
        self._entered: set[str] = set()  # rooms whose members are to be told
        self._effects: list[Effect] = []
        self._bell = False
        self._own_name = fold(nick)
        self._mention = _mention_pattern(nick)
        self._handlers: dict[type[Any], Callable[[Any, float], None]] = {
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
            Welcome: self._on_welcome,
            Result: self._on_result,
            Done: self._on_done,
            Error: self._on_error,
            Pong: lambda event, now: None,
            Notice: self._on_notice,
            Announced: self._on_notice,
            Bye: self._on_notice,
        }

    # --- in

    def hello(self) -> Hello:
        """Return the first request of a new link."""
        self._hello_id = self.outgoing.new_id()
        resume = None
        if self._token:
            known = self.rooms.values()
            rooms = {r.name: r.cursor.last for r in known if r.cursor.last is not None}
            resume = Resume(session=self._token, rooms=rooms)
        client = f"trio-chat/{__version__}"
        return Hello(id=self._hello_id, nick=self.nick, client=client, resume=resume)

    def is_hello(self, id: str | None) -> bool:
        return id is not None and id == self._hello_id

    def receive(self, events: Sequence[Event], now: float) -> list[Effect]:
        """Take in what the server said, in its order."""
        for event in events:
            self._handlers[type(event)](event, now)
        return self._collect(now)

    def typed(self, text: str, now: float, room: Room | None = None) -> list[Effect]:
        """Take in what the person typed in *room*; None: in whichever is current when it is
        sent, so that the lines of a script follow its `/join`."""
        text = text.encode("utf-8", "replace").decode()
        problem = self._check(text, room)
        if problem:
            self._show(Error(code="too_long", message=problem), refused=text)
        else:
            line = self.outgoing.add(text, room.name if room else None, self._now_ms())
            line.goes_to = _join_target(text)
        return self._collect(now)

    def due(self, now: float) -> list[Effect]:
        """Send what was told to wait until now."""
        return self._collect(now)

    def due_at(self) -> float:
        """Return when `due` is to be called next, in monotonic seconds; perhaps inf."""
        waiting = [r.page_not_before for r in self.rooms.values() if r.cursor.wants_page]
        return min([self.outgoing.wake_at(), *waiting]) if self.is_online else float("inf")

    def leave(self, now: float) -> list[Effect]:
        """Say `/quit`, before anything that waits: the nick is to be free at once."""
        self.is_leaving = True
        if self.is_online and not self._leave_id:
            self._leave_id = self.outgoing.new_id()
            self._effects.append(Send(Input(id=self._leave_id, text="/quit")))
        return self._collect(now)

    def link_lost(self) -> None:
        self.is_online = False
        self._leave_id = ""
        self._pages.clear()
        self._rejoining.clear()
        self._unconfirmed.clear()
        self.outgoing.link_lost()
        for room in self.rooms.values():
            room.cursor.link_lost()
            room.page_not_before = 0.0

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

    def is_quit(self, text: str) -> bool:
        parsed = parse_slash(text)
        if not isinstance(parsed, Invocation):
            return False
        names = {"quit"}
        for command in self.commands:
            if command.name == "quit":
                names.update(command.aliases)
        return parsed.name.lower() in names

    # --- out

    def _collect(self, now: float) -> list[Effect]:
        if self.is_online:
            self._send_pages(now)
            self._send_lines(now)
        effects, self._effects = self._effects, []
        if self._bell:
            effects.append(Bell())
            self._bell = False
        return effects

    def _send_pages(self, now: float) -> None:
        for room in self.rooms.values():
            if room.cursor.wants_page and room.page_not_before <= now:
                id = self.outgoing.new_id()
                self._pages[id] = room
                room.page_more = False
                after = room.cursor.last
                room.cursor.page_asked()
                limit = int(self.limits.get("page_events", PAGE_EVENTS))
                page = Page(id=id, room=room.name, after=after, limit=max(1, limit))
                self._effects.append(Send(page))

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
                line.room = self.current.name if self.current else ""
            line.is_sent = True
            self.is_leaving = self.is_leaving or self.is_quit(line.text)
            self._effects.append(Send(Input(id=line.id, room=line.room, text=line.text)))

    def _give_up(self, line: Pending) -> None:
        """A command leaves no trace in the history, so it is not repeated on suspicion."""
        message = "the link broke: it is not known whether this happened"
        self._show(Error(id=line.id, code="unavailable", message=message), refused=line.text)
        self.outgoing.refused(line.id)

    def _history_is_known(self, name: str) -> bool:
        """Whether everything that was said in that room before this session has been seen."""
        room = self.rooms.get(fold(name))
        if room is None:
            return True
        return room.cursor.is_settled and room not in self._rejoining.values()

    def _show(self, event: Event, *, refused: str = "") -> None:
        self._effects.append(Show(event, refused))
        if isinstance(event, Error):
            text = safe_line(event.message)
            room = self._line_room(event.id)
            if room is not None:
                room.add(self._line("error", f"{text} — {safe_text(refused)}" if refused else text))

    def _line_room(self, id: str | None) -> Room | None:
        line = self.outgoing.get(id) if id else None
        return self.rooms.get(fold(line.room), self.current) if line and line.room else self.current

    def _line(self, look: Look, text: str, nick: str = "", at_ms: int | None = None) -> Line:
        return Line(0, self._now_ms() if at_ms is None else at_ms, look, nick, text)

    def _now_ms(self) -> int:
        return int(self._wall_seconds() * 1000)

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
        self._set_nick(event.nick)
        self.server = safe_name(event.server)
        self.account = event.account
        self.commands = tuple(map(_safe_command, event.commands[:COMMANDS]))
        self.limits = event.limits
        self._resumed = event.resumed
        self._unconfirmed = {key for key, room in self.rooms.items() if room.is_joined}
        if not event.resumed:
            for room in self.rooms.values():
                room.is_joined = False
                room.cursor.suspect_hole()
        if not self.has_been_online:
            self._motd = safe_text(event.motd)
            self._show(event)

    def _hello_done(self) -> None:
        self.is_online = True
        lost = [self.rooms[key] for key in self._unconfirmed if key in self.rooms]
        self._unconfirmed.clear()
        for room in self.rooms.values():
            room.cursor.joining = False
        for room in lost:
            if self._resumed:
                self._gone(room)
            elif not room.is_direct:
                self._rejoin(room)
        if self.first_room and not self.has_been_online:
            self._join_first_room(self.first_room)
        if self.has_been_online:
            self._on_notice(Notice(text="back online"), 0)
        elif self._motd and self.current is not None:
            self.current.add(self._line("system", self._motd))
        self.has_been_online = True

    def _rejoin(self, room: Room) -> None:
        id = self.outgoing.new_id()
        self._rejoining[id] = room
        self._effects.append(Send(Input(id=id, room=room.name, text=f"/join {room.name}")))

    def _join_first_room(self, name: str) -> None:
        room = self.rooms.get(fold(name))
        if name.startswith("@") or (room is not None and room.is_joined):
            self.go_to(self.room(name))
            return
        line = self.outgoing.add(f"/join {name}", "", self._now_ms())
        line.goes_to = name
        self.outgoing.move_first(line)

    def _set_nick(self, nick: str) -> None:
        self.nick = safe_name(nick)
        self._own_name = fold(self.nick)
        self._mention = _mention_pattern(self.nick)

    def _is_own(self, nick: str) -> bool:
        return nick == self.nick or fold(nick) == self._own_name

    # --- who is where

    def _on_joined(self, event: Joined, now: float) -> None:
        room = self.room(event.room)
        if not self._is_own(event.nick):
            room.add_member(event.nick)
            nick = safe_name(event.nick)
            room.add(self._line("coming", f"{nick} joined", nick))
            self._show(event)
            return
        was_known = fold(room.name) in self._unconfirmed or room in self._rejoining.values()
        self._unconfirmed.discard(fold(room.name))
        room.is_joined = True
        room.cursor.joining = True
        if self.current is None or (self.is_online and not was_known):
            self.go_to(room)
        if not was_known:
            self._entered.add(fold(room.name))
            room.add(self._line("system", "you joined"))
            self._show(event)

    def _on_left(self, event: Left, now: float) -> None:
        room = self.room(event.room)
        reason = f" ({safe_line(event.reason)})" if event.reason else ""
        self._show(event)
        if self._is_own(event.nick):
            room.add(self._line("system", f"you left{reason}"))
            self._gone(room)
        else:
            nick = safe_name(event.nick)
            room.remove_member(event.nick)
            room.add(self._line("going", f"{nick} left{reason}", nick))

    def _gone(self, room: Room) -> None:
        room.is_joined = False
        room.cursor.left()
        room.members.clear()
        room.total = 0
        if room is self.current:
            other = next((r for r in self.rooms.values() if r.is_joined), None)
            if other is not None:
                self.go_to(other)

    def _on_renamed(self, event: Renamed, now: float) -> None:
        old, new = safe_name(event.old), safe_name(event.new)
        is_own = self._is_own(event.old)
        if is_own:
            self._set_nick(event.new)
        self._rename_direct(f"@{old}", f"@{new}")
        for room in self.rooms.values():
            if room.rename_member(event.old, event.new) or (is_own and room.is_joined):
                room.add(self._line("system", f"{old} is now called {new}"))
        self._show(event)

    def _rename_direct(self, old: str, new: str) -> None:
        """The conversation goes on under the new nick, unless there is one already."""
        if fold(old) not in self.rooms or fold(new) in self.rooms:
            return
        self.rooms = {
            (fold(new) if key == fold(old) else key): room for key, room in self.rooms.items()
        }
        self.rooms[fold(new)].name = new

    def _on_members(self, event: Members, now: float) -> None:
        room = self.room(event.room)
        self._unconfirmed.discard(fold(room.name))
        room.is_joined = True
        room.set_members(event)
        if self.current is None:
            self.go_to(room)
        if fold(room.name) in self._entered:
            self._entered.discard(fold(room.name))
            self._show(event)

    # --- the log

    def _on_live(self, event: StoredEvent, now: float) -> None:
        room = self.rooms.get(fold(event.room)) or self.room(event.room)
        for new in room.cursor.live(event):
            self._on_stored(room, new, is_news=True)

    def _on_topic(self, event: Topic, now: float) -> None:
        self.room(event.room).topic = safe_line(event.text)
        self._on_live(event, now)

    def _on_kicked(self, event: Kicked, now: float) -> None:
        self._on_live(event, now)
        room = self.room(event.room)
        if self._is_own(event.nick):
            self._gone(room)
        else:
            room.remove_member(event.nick)

    def _on_backlog(self, event: Backlog, now: float) -> None:
        room = self.room(event.room)
        is_news = room.cursor.last is not None
        room.page_more = event.more
        for new in room.cursor.backlog(event.events, more=event.more):
            self._on_stored(room, new, is_news=is_news)

    def _on_gap(self, event: Gap, now: float) -> None:
        room = self.room(event.room)
        last = room.cursor.last
        if event.reason != "ignored" and last is not None:
            count = event.last - event.first + 1
            room.add(self._line("system", f"{count} messages can no longer be had"))
            self._show(event)
            if event.first <= last:
                room.cursor.rewind(event.first - 1)
                return
        for stored in room.cursor.gap(event.first, event.last):
            self._on_stored(room, stored, is_news=True)

    def _on_stored(self, room: Room, event: StoredEvent, *, is_news: bool) -> None:
        self._effects.append(Show(event))
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
            self._recognise(room, event)
        elif is_news:
            self._bell = self._bell or is_mention
            if room is not self.current:
                room.unread += 1
                room.mentions += is_mention

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
        elif event.id in self._pages:
            room = self._pages.pop(event.id)
            for stored in room.cursor.page_answered(more=room.page_more):
                self._on_stored(room, stored, is_news=True)
        elif event.id in self._rejoining:
            self._rejoining.pop(event.id).cursor.joining = False
        else:
            self._line_done(event.id)

    def _line_done(self, id: str) -> None:
        line = self.outgoing.acknowledged(id)
        if line is None or line.goes_to is None:
            return
        room = self.rooms.get(fold(line.goes_to))
        if room is not None:
            room.cursor.joining = False
            self.go_to(room)

    def _on_error(self, event: Error, now: float) -> None:
        id = event.id or ""
        retry_seconds = event.retry_after or RETRY_SECONDS
        if id in self._pages:
            self._page_failed(self._pages.pop(id), event, now + retry_seconds)
        elif id in self._rejoining:
            self._gone(self._rejoining.pop(id))
            self._show(event)
        elif id and id == self._leave_id:
            return  # the deadline for leaving does the rest
        elif self.outgoing.get(id) is None:
            self._show(event)
        elif event.code in RETRYABLE:
            self.outgoing.postponed(id, now + retry_seconds)
        else:
            self._line_refused(id, event)

    def _line_refused(self, id: str, event: Error) -> None:
        line = self.outgoing.get(id)
        assert line is not None
        self._show(event, refused=line.text)
        self.outgoing.refused(id)
        if self.is_quit(line.text):
            self.is_leaving = False
        if line.goes_to is not None and line.goes_to == self.first_room:
            self.first_room_refused = safe_line(event.message)

    def _page_failed(self, room: Room, event: Error, not_before: float) -> None:
        if event.code in RETRYABLE:
            room.page_not_before = not_before
            room.cursor.page_postponed()
            return
        for stored in room.cursor.page_refused():
            self._on_stored(room, stored, is_news=True)

    def _on_result(self, event: Result, now: float) -> None:
        room = self._line_room(event.id)
        if room is not None and event.text:
            room.add(self._line("system", safe_text(event.text)))
        self._show(event)

    def _on_notice(self, event: Notice | Announced | Bye, now: float) -> None:
        text = f"bye: {event.reason}" if isinstance(event, Bye) else event.text
        if self.current is not None:
            self.current.add(self._line("system", safe_text(text)))
        self._show(event)


def _safe_command(command: CommandInfo) -> CommandInfo:
    return CommandInfo(
        name=safe_name(command.name),
        aliases=tuple(map(safe_name, command.aliases[:8])),
        usage=safe_line(command.usage),
        help=safe_line(command.help),
        role=safe_name(command.role),
    )


def _bare(room: str) -> str:
    return room.removeprefix("#")


def _join_target(text: str) -> str | None:
    parsed = parse_slash(text)
    if not isinstance(parsed, Invocation) or parsed.name.lower() != "join":
        return None
    words = parsed.rest.split()
    return _bare(words[0]) if words else None


def _mention_pattern(nick: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(nick)}(?!\w)", re.IGNORECASE)
