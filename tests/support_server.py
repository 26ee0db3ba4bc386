"""A chat server in the test's own process, over streams of a known capacity, and peers that talk
to it: native and plain ones."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import trio
from argon2 import PasswordHasher
from structlog.processors import format_exc_info
from structlog.testing import capture_logs
from trio.abc import Clock
from trio.testing import MockClock

from support_pipes import CAPACITY_BYTES, PipeLink, PipeStream, pipes
from trio_chat.chat.state import State
from trio_chat.config import Config, load_config
from trio_chat.errors import ConfigError
from trio_chat.server.clock import WallClock
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.hub import Hub
from trio_chat.server.hub.logins import Hashing
from trio_chat.server.parts import Parts
from trio_chat.server.serve import serve_chat
from trio_chat.store.api import Store
from trio_chat.store.opening import open_store
from trio_chat.wire.lines import LineBuffer

T = TypeVar("T")
Event: TypeAlias = dict[str, Any]
Links: TypeAlias = Literal["streams", "sockets"]
Near: TypeAlias = PipeStream | PipeLink
OpenStore: TypeAlias = Callable[[Config], AbstractAsyncContextManager[Store]]

_ids = count(1)


def run_jumping(
    main: Callable[..., Awaitable[T]], *, clock: Clock | None = None, **options: Any
) -> T:
    """Like `trio.run`, on a clock that jumps to the next deadline when nothing else happens."""
    return trio.run(main, clock=clock or MockClock(autojump_threshold=0), **options)


def chat_config(*assignments: str, data: Path | None = None) -> Config:
    """The defaults, without flood control; in memory, or with the store in the folder *data*."""
    where = f"store.data={data}" if data else "store.memory=true"
    return load_config(environment={}, assignments=[where, "limits.flood=false", *assignments])


class MemoryListener(trio.abc.Listener[Any]):
    """Accepts what is put into *dialled*."""

    def __init__(self) -> None:
        self.dialled, self._accepted = trio.open_memory_channel[Near](20_000)

    async def accept(self) -> Near:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        self.dialled.close()
        await trio.lowlevel.checkpoint()


async def _at_once(work: Callable[[], Any]) -> Any:
    """Instead of a thread, for which a clock that jumps would not wait."""
    await trio.lowlevel.checkpoint()
    return work()


_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class ChatServer:
    """Attributes:
    parts: what it consists of; `hub` and `state` are two of them.
    stop: set it to begin an orderly end.
    finished: the end has come.
    links: whether peers come by any stream, or by links that are written to like sockets.
    now_ms: its clock.
    load_config: reads what `/reload` is to take; raises ConfigError.
    expected_bugs: how many errors the log will hold in the end.
    """

    def __init__(
        self,
        config: Config,
        links: Links,
        listener: MemoryListener | None,
        open_store: OpenStore,
        now_ms: Callable[[], int],
    ) -> None:
        self.config = config
        self.links = links
        self.listener = listener or MemoryListener()
        self._open_store = open_store
        self.now_ms = now_ms
        self.stop = trio.Event()
        self.finished = trio.Event()
        self.scope = trio.CancelScope()
        self.parts: Parts
        self.load_config: Callable[[], Config] | None = None
        self.logs: list[Any] = []
        self.expected_bugs = 0

    @property
    def hub(self) -> Hub:
        return self.parts.hub

    @property
    def state(self) -> State:
        return self.parts.hub.state

    async def serve_chat(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        run = partial(
            serve_chat,
            self.config,
            listeners=[self.listener],
            stop=self.stop,
            load_config=self._load_config,
            store=self._open_store,
            now_ms=lambda: self.now_ms(),
            hashing=Hashing(_CHEAP, _at_once),
        )
        with self.scope:
            async with trio.open_nursery() as nursery:
                self.parts = (await nursery.start(run)).parts
                task_status.started()
        self.finished.set()

    async def _load_config(self) -> Config:
        await trio.lowlevel.checkpoint()
        if self.load_config is None:
            raise ConfigError("there is no configuration to read again")
        return self.load_config()

    def bugs(self) -> list[Any]:
        """What was logged as an error."""
        return [entry for entry in self.logs if entry["log_level"] == "error"]

    async def end(self) -> None:
        """Stop in order."""
        self.stop.set()
        await self.finished.wait()

    async def kill(self) -> None:
        """Cancel everything at once."""
        self.scope.cancel()
        await self.finished.wait()

    def dial(self, *, peer: str = "", capacity_bytes: int = CAPACITY_BYTES) -> PipeStream:
        """A new link, as its far end sees it. *peer*: the address that the server takes it to
        come from; else from this machine, by a link of the kind of *links*."""
        to_server, to_peer = pipes(capacity_bytes)
        near: Near
        if peer:
            near = PipeLink(to_server, to_peer, peer)
        elif self.links == "streams":
            near = PipeStream(to_server, to_peer)
        else:
            near = PipeLink(to_server, to_peer)
        self.listener.dialled.send_nowait(near)
        return PipeStream(to_peer, to_server)

    def session_of(self, nick: str) -> Session:
        """The session linked to the member called *nick*."""
        linked = (session for session in self.parts.sessions if session.member)
        return next(one for one in linked if one.member and one.member.nick == nick)

    def lag(self, nick: str) -> None:
        """Have the session of *nick* lag, as if its outbox were full."""
        self.hub.audience.lag(self.session_of(nick))

    async def native(
        self, nick: str, *, capacity_bytes: int = CAPACITY_BYTES, peer: str = ""
    ) -> Peer:
        """A native peer that has said hello and is in its rooms; *peer* is its address."""
        native = Peer(self.dial(capacity_bytes=capacity_bytes, peer=peer))
        answers = await native.hello(nick)
        assert answers[0]["type"] == "welcome", answers
        return native

    async def plain(self, nick: str) -> PlainPeer:
        """A plain peer that is in its rooms."""
        peer = PlainPeer(self.dial())
        await peer.send(nick)
        await peer.until("* in #lobby")
        return peer


@asynccontextmanager
async def open_server(
    config: Config,
    links: Links = "streams",
    *,
    listener: MemoryListener | None = None,
    store: OpenStore = open_store,
    now_ms: Callable[[], int] | None = None,
) -> AsyncIterator[ChatServer]:
    """A server that has ended, in order, when the block is left; without a bug on the way."""
    server = ChatServer(config, links, listener, store, now_ms or WallClock())
    with capture_logs([format_exc_info]) as server.logs:
        async with trio.open_nursery() as nursery:
            await nursery.start(server.serve_chat)
            yield server
            await server.end()
    assert len(server.bugs()) == server.expected_bugs, server.bugs()


async def pass_seconds(seconds: float) -> None:
    """Let time pass: at once, when the clock jumps."""
    with trio.move_on_after(seconds):
        await trio.sleep_forever()


# --- peers


class Peer:
    """Speaks the native wire.

    Attributes:
        token: of its session, once it has said hello.
        patience_seconds: how long it waits for a line.
    """

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self.stream = stream
        self.token = ""
        self.nick = ""
        self.patience_seconds = 10.0
        self._lines = LineBuffer(64 * 1024)
        self._waiting: deque[bytes] = deque()

    async def send(self, **request: Any) -> None:
        await self.send_raw(json.dumps(request).encode() + b"\n")

    async def send_raw(self, data: bytes) -> None:
        with trio.fail_after(self.patience_seconds):
            await self.stream.send_all(data)

    async def line(self) -> bytes:
        """The next line, or b"" at the end."""
        with trio.fail_after(self.patience_seconds):
            while not self._waiting:
                chunk = await self.stream.receive_some(65_536)
                if not chunk:
                    return b""
                for line in self._lines.feed(bytes(chunk)):
                    assert isinstance(line, bytes), "a server's line has at most 64 KiB"
                    self._waiting.append(line)
        return self._waiting.popleft()

    async def next(self) -> Event:
        """The next event. Raises EOFError."""
        line = await self.line()
        if not line:
            raise EOFError
        event: Event = json.loads(line)
        return event

    async def until(self, type: str, **fields: Any) -> list[Event]:
        """Everything up to the first event like this."""
        events = [await self.next()]
        while not is_like(events[-1], type, fields):
            events.append(await self.next())
        return events

    async def expect(self, type: str, **fields: Any) -> Event:
        """The next event like this."""
        return (await self.until(type, **fields))[-1]

    async def to_end(self) -> list[Event]:
        events = []
        while line := await self.line():
            events.append(json.loads(line))
        return events

    async def sync(self) -> list[Event]:
        """Everything that was sent to this peer so far."""
        id = f"sync{next(_ids)}"
        await self.send(type="ping", id=id)
        return (await self.until("pong", id=id))[:-1]

    async def ask(self, type: str, *, id: str | None = None, **fields: Any) -> list[Event]:
        """Everything up to the answer, which is last."""
        id = id or f"ask{next(_ids)}"
        await self.send(type=type, id=id, **fields)
        return await self.answer(id)

    async def answer(self, id: str) -> list[Event]:
        """Everything up to the `done` or `error` with this id."""
        events = [await self.next()]
        while events[-1]["type"] not in ("done", "error") or events[-1].get("id") != id:
            events.append(await self.next())
        return events

    async def input(self, text: str, room: str = "lobby", id: str | None = None) -> list[Event]:
        return await self.ask("input", id=id, room=room, text=text)

    async def hello(self, nick: str, **fields: Any) -> list[Event]:
        events = await self.ask("hello", protocol=1, nick=nick, **fields)
        if events[0]["type"] == "welcome":
            self.token, self.nick = events[0]["session"], events[0]["nick"]
        return events

    async def resume(self, token: str, **rooms: int) -> list[Event]:
        return await self.hello("whoever", resume={"session": token, "rooms": rooms})

    def reset(self) -> None:
        """Cut the link without a word."""
        assert isinstance(self.stream, PipeStream)
        self.stream.reset()

    async def quit(self) -> None:
        """Leave by intent, and read to the end."""
        await self.send(type="input", text="/quit")
        await self.to_end()
        await self.stream.aclose()


class PlainPeer:
    """Speaks the plain wire."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self.peer = Peer(stream)

    async def send(self, *lines: str) -> None:
        await self.peer.send_raw("".join(f"{line}\n" for line in lines).encode())

    async def next(self) -> str:
        line = await self.peer.line()
        if not line:
            raise EOFError
        return line.decode()

    async def until(self, part: str) -> list[str]:
        """Every line up to the first one with *part* in it."""
        lines = [await self.next()]
        while part not in lines[-1]:
            lines.append(await self.next())
        return lines

    async def to_end(self) -> list[str]:
        lines = []
        while line := await self.peer.line():
            lines.append(line.decode())
        return lines


# --- looking at events


def is_like(event: Event, type: str, fields: Event) -> bool:
    return event["type"] == type and all(event.get(key) == fields[key] for key in fields)


def types(events: Iterable[Event]) -> list[str]:
    return [event["type"] for event in events]


def texts(events: Iterable[Event]) -> list[str]:
    """What was said, live or in a backlog."""
    return [event["text"] for event in stored(events) if event["type"] == "said"]


def stored(events: Iterable[Event], room: str | None = None) -> list[Event]:
    """The stored events among *events*, those in a `backlog` included, of one room or of all."""
    found: list[Event] = []
    for event in events:
        inner = event["events"] if event["type"] == "backlog" else [event]
        found += (one for one in inner if "seq" in one and one["type"] != "done")
    return [event for event in found if room in (None, event["room"])]


def seqs(events: Iterable[Event], room: str | None = None) -> list[int]:
    return [event["seq"] for event in stored(events, room)]
