"""A small server of the native wire for the client's tests: a log per room, sessions that can be
resumed, ids that are remembered; and knobs for what goes wrong on the way.

It speaks over any stream: memory streams in the tests, TCP in a terminal by
`python tests/support_client.py PORT`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
import trio
from trio.testing import memory_stream_pair

from trio_chat.events import (
    Backlog,
    Bye,
    CommandInfo,
    Done,
    Edited,
    Error,
    Event,
    Gap,
    Joined,
    Left,
    MemberInfo,
    Members,
    Pong,
    Result,
    Said,
    StoredEvent,
    Welcome,
    timestamp,
)
from trio_chat.requests import Hello, Input, Invocation, Page, Ping, Read, Request, parse_slash
from trio_chat.wire.lines import LineBuffer

START_MS = 1_795_348_800_000
BACKLOG_EVENTS = 50
PAGE_EVENTS = 100
COMMANDS = tuple(
    CommandInfo(
        name=name, aliases=aliases, usage=f"/{name} {usage}".rstrip(), help=help, role="guest"
    )
    for name, aliases, usage, help in (
        ("edit", (), "SEQ TEXT", "mend what you said"),
        ("help", (), "[COMMAND]", "list the commands"),
        ("join", ("j",), "ROOM", "enter a room"),
        ("me", (), "TEXT", "say what you do"),
        ("msg", (), "NICK TEXT", "private message"),
        ("part", (), "[ROOM]", "leave a room"),
        ("notify", (), "[all/mentions/none]", "what rings"),
        ("quit", ("exit",), "", "leave the server"),
        ("search", (), "WORDS", "find what was said"),
    )
)


@dataclass
class Session:
    token: str
    nick: str
    rooms: list[str] = field(default_factory=lambda: ["lobby"])
    answers: dict[str, Event] = field(default_factory=dict)


class FakeServer:
    """Attributes:
    requests: everything that was ever asked, in order.
    lost_answers: this many answers to inputs get lost, with the link, after the input was
        stored; *lost_inputs*: the same before.
    resumes: whether a token is honoured.
    rewound_to: where the logs ended when the server was restored from a copy; who resumes behind
        it is told.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.logs: dict[str, list[StoredEvent]] = {"lobby": []}
        self.sessions: dict[str, Session] = {}
        self.links: dict[trio.abc.Stream, Session | None] = {}
        self.requests: list[Request] = []
        self.lost_answers = 0
        self.lost_inputs = 0
        self.resumes = True
        self.is_down = False
        self.hello_errors: list[Error] = []
        self.input_errors: list[Error] = []
        self.page_errors: list[Error] = []
        self.gone_up_to = 0
        self.rewound_to: int | None = None
        self._start_ms = START_MS
        self.silent = False
        self.flood = False
        self._tokens_left = 5.0
        self._token_at = trio.current_time()
        self._tokens = count(1)
        self._locks: dict[trio.abc.Stream, trio.Lock] = {}
        self._changed = trio.Event()

    # --- the network

    async def dial(self) -> trio.abc.Stream:
        """What a client calls instead of connecting by TCP."""
        if self.is_down:
            raise ConnectionRefusedError(111, "Connection refused")
        ours, theirs = memory_stream_pair()
        self.nursery.start_soon(self.serve, ours)
        return theirs

    async def cut(self) -> None:
        """Break every link, without a word."""
        for stream in tuple(self.links):
            await trio.aclose_forcefully(stream)

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait until a request made *is_so* true; for at most 200 (mocked) seconds."""
        with trio.fail_after(200):
            while not is_so():
                await self._changed.wait()

    def said(self, room: str = "lobby") -> list[str]:
        return [event.text for event in self.logs[room] if isinstance(event, Said)]

    def asked(self, kind: type[Any]) -> list[Any]:
        return [request for request in self.requests if isinstance(request, kind)]

    # --- what other members do

    async def say(self, text: str, nick: str = "bob", room: str = "lobby") -> None:
        await self.tell(self.store(room, nick, text))

    async def tell(self, *events: Event) -> None:
        """Send *events* to everyone."""
        for stream in tuple(self.links):
            await self._send(stream, *events)

    async def _send(self, stream: trio.abc.Stream, *events: Event) -> None:
        async with self._locks[stream]:
            await stream.send_all(b"".join(map(_encode, events)))

    def store(self, room: str, nick: str, text: str, kind: Any = "message") -> Said:
        """Append to the log without telling anybody."""
        log = self.logs.setdefault(room, [])
        at = timestamp(self._start_ms + 1000 * sum(map(len, self.logs.values())))
        said = Said(room=room, seq=len(log) + 1, at=at, sender=nick, text=text, kind=kind)
        log.append(said)
        return said

    def minutes_later(self) -> None:
        """What is said from now on has other times than anything before."""
        self._start_ms += 600_000

    @staticmethod
    def leaves(room: str, nick: str) -> Left:
        return Left(room=room, nick=nick, reason="")

    # --- one link

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.links[stream] = None
        self._locks[stream] = trio.Lock()
        buffer = LineBuffer(16 * 1024)
        try:
            while chunk := await stream.receive_some(65_536):
                for line in buffer.feed(bytes(chunk)):
                    assert isinstance(line, bytes)
                    await self._answer(stream, msgspec.json.decode(line, type=Request))
                    self._wake()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            del self.links[stream]
            await trio.aclose_forcefully(stream)
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _answer(self, stream: trio.abc.Stream, request: Request) -> None:
        self.requests.append(request)
        session = self.links[stream]
        if self.silent:
            return
        match request:
            case Hello():
                await self._hello(stream, request)
            case Ping():
                await self._send(stream, Pong(id=request.id))
            case Page():
                assert session is not None
                await self._send(stream, *self._page(request))
            case Read():
                await self._send(stream, Done(id=request.id or ""))
            case Input():
                assert session is not None
                await self._input(stream, session, request)

    async def _hello(self, stream: trio.abc.Stream, hello: Hello) -> None:
        if self.hello_errors:
            error = self.hello_errors.pop(0)
            await self._send(stream, msgspec.structs.replace(error, id=hello.id))
            return
        old = self.sessions.get(hello.resume.session) if hello.resume and self.resumes else None
        session = old or Session(f"token-{next(self._tokens)}", hello.nick)
        self.sessions[session.token] = session
        self.links[stream] = session
        out: list[Event] = [self._welcome(session, resumed=old is not None)]
        for room in session.rooms:
            if old is None:
                out += self._join(session, room)
            else:
                assert hello.resume is not None
                out += [self._members(room), *self._missed(room, hello.resume.rooms.get(room))]
        out.append(Done(id=hello.id or ""))
        await self._send(stream, *out)

    def _welcome(self, session: Session, *, resumed: bool) -> Welcome:
        return Welcome(
            protocol=1,
            server="fake",
            version="0",
            session=session.token,
            nick=session.nick,
            account=None,
            role="guest",
            resumed=resumed,
            commands=COMMANDS,
            limits={},
            motd="",
        )

    def _members(self, room: str) -> Members:
        nicks = [s.nick for s in self.sessions.values() if room in s.rooms] + ["bob"]
        infos = tuple(MemberInfo(nick=n, account=None, role="", away=None) for n in nicks)
        return Members(room=room, members=infos, total=len(infos), topic="be kind")

    def _join(self, session: Session, room: str) -> list[Event]:
        log = self.logs.setdefault(room, [])
        newest = tuple(log[-BACKLOG_EVENTS:])
        backlog = Backlog(room=room, events=newest, more=len(log) > BACKLOG_EVENTS)
        return [Joined(room=room, nick=session.nick), self._members(room), backlog]

    def _missed(self, room: str, last: int | None) -> list[Event]:
        out: list[Event] = []
        events = self.logs[room][last or 0 :]
        if last is not None and self.rewound_to is not None and last > self.rewound_to:
            out.append(Gap(room=room, first=self.rewound_to + 1, last=last))
            events = self.logs[room][self.rewound_to :]
        elif last is not None and last < self.gone_up_to:
            out.append(Gap(room=room, first=last + 1, last=self.gone_up_to))
            events = self.logs[room][self.gone_up_to :]
        while len(events) > PAGE_EVENTS:
            out.append(Backlog(room=room, events=tuple(events[:PAGE_EVENTS]), more=True))
            events = events[PAGE_EVENTS:]
        return [*out, Backlog(room=room, events=tuple(events), more=False)]

    def _page(self, page: Page) -> list[Event]:
        assert page.id is not None
        if self.page_errors:
            return [msgspec.structs.replace(self.page_errors.pop(0), id=page.id)]
        log = self.logs.setdefault(page.room, [])
        limit = min(page.limit, PAGE_EVENTS)
        if page.after is not None:
            return self._page_after(page, page.after, limit)
        older = log[: len(log) if page.before is None else max(0, page.before - 1)]
        events, more = tuple(older[-limit:]), len(older) > limit
        return [Backlog(room=page.room, events=events, more=more), Done(id=page.id)]

    def _page_after(self, page: Page, after: int, limit: int) -> list[Event]:
        """What comes after a seq, and before it what is missing there."""
        assert page.id is not None
        log, gaps = self.logs[page.room], list[Gap]()
        end = log[-1].seq if log else 0
        if after > end:
            gaps.append(Gap(room=page.room, first=end + 1, last=after, reason="rewound"))
            after = 0
        found = [event for event in log if event.seq > after]
        for event in found[:limit]:
            if event.seq > after + 1:
                gaps.append(Gap(room=page.room, first=after + 1, last=event.seq - 1))
            after = event.seq
        more = len(found) > limit
        return [
            *gaps,
            Backlog(room=page.room, events=tuple(found[:limit]), more=more),
            Done(id=page.id),
        ]

    async def _input(self, stream: trio.abc.Stream, session: Session, request: Input) -> None:
        assert request.id is not None
        if self.lost_inputs:
            self.lost_inputs -= 1
            raise trio.ClosedResourceError("the link is cut")
        if self.input_errors:
            error = self.input_errors.pop(0)
            await self._send(stream, msgspec.structs.replace(error, id=request.id))
            return
        if self.flood and not self._has_token():
            error = Error(id=request.id, code="too_fast", message="slow down", retry_after=0.5)
            await self._send(stream, error)
            return
        if request.id not in session.answers:
            await self._happen(stream, session, request)
        if self.lost_answers:
            self.lost_answers -= 1
            raise trio.ClosedResourceError("the link is cut")
        await self._send(stream, session.answers[request.id])
        if request.text.startswith(("/quit", "/exit")):
            await self._send(stream, Bye(reason="see you"))
            await trio.aclose_forcefully(stream)

    def _edited(self, session: Session, room: str, target: int, text: str) -> Edited:
        log = self.logs[room]
        at = timestamp(START_MS)
        edited = Edited(
            room=room, seq=len(log) + 1, at=at, by=session.nick, target=target, text=text
        )
        log.append(edited)
        return edited

    def _found(self, id: str, word: str) -> Result:
        events = [e for log in self.logs.values() for e in log if word in getattr(e, "text", "")]
        data = {"events": msgspec.to_builtins(events), "more": False}
        text = "\n".join(str(event.seq) for event in events) or "nothing found"
        return Result(id=id, command="search", data=data, text=text)

    def _has_token(self) -> bool:
        now = trio.current_time()
        self._tokens_left = min(5.0, self._tokens_left + 2 * (now - self._token_at))
        self._token_at = now
        if self._tokens_left < 1:
            return False
        self._tokens_left -= 1
        return True

    async def _happen(self, stream: trio.abc.Stream, session: Session, request: Input) -> None:
        assert request.id is not None
        answer: Event = Done(id=request.id)
        match parse_slash(request.text):
            case Invocation("join", room):
                await self._send(stream, *self._join(session, room))
                session.rooms = [*dict.fromkeys([*session.rooms, room])]
            case Invocation("part", _):
                session.rooms.remove(request.room)
                left = Left(room=request.room, nick=session.nick, reason="")
                await self._send(stream, left)
            case Invocation("quit" | "exit", _):
                del self.sessions[session.token]
            case Invocation("edit", rest):
                seq, _, text = rest.partition(" ")
                await self.tell(self._edited(session, request.room, int(seq), text))
            case Invocation("login" | "register" | "passwd", _):
                pass
            case Invocation("help", _):
                text = "\n".join(f"/{c.name} {c.usage}: {c.help}" for c in COMMANDS)
                answer_lines = Result(id=request.id, command="help", data=None, text=text)
                await self._send(stream, answer_lines)
            case Invocation("search", word):
                await self._send(stream, self._found(request.id, word))
            case Invocation("me", text):
                await self.tell(self.store(request.room, session.nick, text, "action"))
            case Invocation(name, _):
                message = f"unknown command /{name}"
                answer = Error(id=request.id, code="unknown_command", message=message)
            case str(text):
                said = self.store(request.room or "lobby", session.nick, text)
                if not self.lost_answers:
                    await self.tell(said)
                answer = Done(id=request.id, room=said.room, seq=said.seq)
        session.answers[request.id] = answer


def _encode(event: Event) -> bytes:
    return msgspec.json.encode(event) + b"\n"


async def serve_tcp(port: int) -> None:
    """For tests of whole processes, and for a look at the client in a terminal."""
    async with trio.open_nursery() as nursery:
        server = FakeServer(nursery)
        [listener] = await trio.open_tcp_listeners(port, host="127.0.0.1")
        print(listener.socket.getsockname()[1], flush=True)
        await trio.serve_listeners(server.serve, [listener])


if __name__ == "__main__":
    trio.run(serve_tcp, int(sys.argv[1]))
