"""The client for programs: bots, bridges, tests. It has no screen.

    async with open_chat("127.0.0.1:7373", nick="bot") as chat:
        await chat.say("lobby", "hello")
        async for event in chat.events():
            ...

It stands on the same model and connection as the screens: lines are said exactly once, events are
seen exactly once, and a broken link is mended without a word.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple, TypeAlias, get_args

import trio

from trio_chat.client.connection import Connection, Login, Refused, Unreachable
from trio_chat.client.dial import Dial, dial_tcp, dial_tls, parse_address, tls_context
from trio_chat.client.effects import Effect, Show
from trio_chat.client.model import RETRY_SECONDS, RETRYABLE, Model
from trio_chat.errors import ChatError, ProtocolError, TrioChatError
from trio_chat.events import (
    Announced,
    Backlog,
    Done,
    Error,
    Event,
    Gap,
    Joined,
    Left,
    Renamed,
    Result,
    Said,
    StoredEvent,
)
from trio_chat.requests import Input, Page
from trio_chat.text import fold
from trio_chat.wire.native import encode_request

LiveEvent: TypeAlias = StoredEvent | Joined | Left | Renamed | Gap | Announced

# 10,000 x ~1 KiB, 16 KiB at most: a bot that is further behind than this will not catch up.
BUFFER_EVENTS = 10_000
# So many requests wait for their answers at once; more wait for their turn.
UNANSWERED = 64
_LIVE = (*get_args(StoredEvent), Joined, Left, Renamed, Gap, Announced)
_ERRORS = {kind.code: kind for kind in ChatError.__subclasses__()}


class EventsLost(TrioChatError):
    """The buffer of `Chat.events` was full, and the server could not be kept waiting."""


class Stored(NamedTuple):
    """Where something stands in the log."""

    room: str
    seq: int


class Answer(NamedTuple):
    """What a command found out, and where what it did was stored, if it was."""

    data: Any
    text: str
    stored: Stored | None


class History(NamedTuple):
    """Stored events, oldest first; *more*: there are others before them."""

    events: tuple[StoredEvent, ...]
    more: bool


@asynccontextmanager
async def open_chat(
    address: str,
    *,
    nick: str,
    account: str | None = None,
    password: str | None = None,
    token: str | None = None,
    tls: bool = False,
    ca: str = "",
    buffer_events: int = BUFFER_EVENTS,
    give_up_seconds: float = inf,
    dial: Dial | None = None,
) -> AsyncIterator[Chat]:
    """Connect, say hello, and leave at the end of the block.

    Args:
        address: `HOST` or `HOST:PORT`.
        nick: what to be called; see `Chat.nick` for what it came to be.
        account, password, token: to log in, if given.
        tls, ca: as `--tls` and `--ca` of the command line, see docs/client.md.
        buffer_events: see `Chat.events`.
        give_up_seconds: how long to try to come back after a link broke; inf: for ever.
        dial: opens the links instead; for tests.

    Raises:
        Unreachable: at the start, or for *give_up_seconds* later on.
        ChatError: the hello was refused: `NameTaken`, `LoginFailed` ...
        Refused: the server told us to go.
        ConfigError: *address* or *ca* are not right.
    """
    host, port = parse_address(address)
    if dial is None:
        encrypted = tls or bool(ca)
        dial = dial_tls(host, port, tls_context(ca)) if encrypted else dial_tcp(host, port)
    chat = Chat(
        Model(nick),
        dial,
        address=f"{host}:{port}",
        login=Login(account, password, token),
        buffer_events=buffer_events,
        give_up_seconds=give_up_seconds,
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(chat._run, nursery.cancel_scope)
            try:
                await chat._wait_online()
                yield chat
            finally:
                chat._connection.leave()  # `_run` ends within `leave_seconds`
    except BaseExceptionGroup as group:
        error = _alone(group)
        raise error from error.__cause__
    if chat._end is not None:
        raise chat._end


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody who waits for the answer to an input."""

    text: str
    answered: trio.Event = field(default_factory=trio.Event)
    result: Result | None = None
    stored: Stored | None = None
    error: ChatError | None = None


@dataclass(slots=True, eq=False)
class _PageWaiting:
    """Somebody who waits for a page. Neither *backlog* nor *error*: the link broke."""

    room: str
    answered: trio.Event = field(default_factory=trio.Event)
    backlog: Backlog | None = None
    error: Error | None = None


class Chat:
    """A person's place on a server, for a program; made by `open_chat`."""

    def __init__(
        self,
        model: Model,
        dial: Dial,
        *,
        address: str,
        login: Login,
        buffer_events: int,
        give_up_seconds: float,
    ) -> None:
        self._model = model
        self._connection = Connection(
            dial,
            model,
            address=address,
            login=login,
            give_up_seconds=give_up_seconds,
            on_effects=self._on_effects,
            keep_pace=self._keep_pace,
            on_status=self._on_status,
            sift=self._sift,
        )
        self._end: TrioChatError | None = None
        self._changed = trio.Event()
        self._turns = trio.Semaphore(UNANSWERED)
        self._inputs: dict[str, _Waiting] = {}
        self._pages: dict[str, _PageWaiting] = {}
        self._held: list[Event] = []  # from a backlog that may be a page's, until its `done`
        self._entering: set[str] = set()  # rooms whose backlog is of before we came
        self._old: set[int] = set()  # the identities of such events, in this batch
        self._buffer_events = buffer_events
        self._buffer: deque[LiveEvent] | None = None
        self._lost = 0

    @property
    def nick(self) -> str:
        """What the server calls us now."""
        return self._model.house.nick

    async def say(self, room: str, text: str) -> Stored:
        """Say *text* in *room*, or to `@nick`; return when it is stored. A leading slash is said.

        Cancelled, it may be said all the same.

        Raises:
            ChatError: it was refused; see `errors` for the kinds.
        """
        waiting = await self._ask(f"/{text}" if text.startswith("/") else text, room)
        if waiting.stored is None:
            raise ProtocolError("bad_request", "the server does not say where it was stored")
        return waiting.stored

    async def command(self, text: str, *, room: str | None = None) -> Answer:
        """Run `/command ...` in *room*; None: where the server says. Return when it has happened.

        Raises:
            ChatError: it was refused; `Unavailable` also where the link broke and nobody knows
                whether it happened.
        """
        if not text.startswith("/") or text.startswith("//"):
            raise ValueError(f"{text!r} is no command: it begins with one slash")
        waiting = await self._ask(text, room)
        result = waiting.result
        return Answer(
            result.data if result else None, result.text if result else "", waiting.stored
        )

    async def history(self, room: str, *, before: int | None = None, limit: int = 200) -> History:
        """Return the newest events of *room*, or the newest before the seq *before*.

        There may be fewer than *limit* though there are more: the server says how many it gives
        at once, and a page has to fit in a line.

        Raises:
            ChatError: it was refused.
        """
        room = _bare(room)
        while True:
            waiting = _PageWaiting(room)
            async with self._turns:
                await self._wait_online()
                id = self._model.outgoing.new_id()
                self._pages[id] = waiting
                try:
                    self._connection.ask(Page(id=id, room=room, before=before, limit=limit))
                    await waiting.answered.wait()
                finally:
                    self._pages.pop(id, None)
                    self._wake()
            if waiting.backlog is not None:
                return History(waiting.backlog.events, waiting.backlog.more)
            if waiting.error is not None:
                if waiting.error.code not in RETRYABLE:
                    raise chat_error(waiting.error)
                await trio.sleep(waiting.error.retry_after or RETRY_SECONDS)

    def events(self) -> EventStream:
        """Return what happens from now on in the rooms one is in, also over broken links: what was
        said meanwhile comes late, but comes, once, and in order. One's own words are among it.

        At most *buffer_events*, and what the last read brought (64 KiB), wait for the program.
        When they do, the server is not read from, and nothing is lost. Only while the program
        awaits an answer it is: then twice as many may wait, and beyond that the stream ends in
        `EventsLost`.
        """
        if self._buffer is None:
            self._buffer = deque()
        return EventStream(self)

    # --- waiting

    async def _run(self, scope: trio.CancelScope) -> None:
        # `open_chat` ends this by `leave`, which has its own deadline.
        with trio.CancelScope(shield=True):
            try:
                await self._connection.run()
            except Refused as exc:
                self._end = chat_error(exc.error) if exc.error else exc
            except Unreachable as exc:
                self._end = exc
        scope.cancel()

    async def _wait_online(self) -> None:
        while not self._model.house.is_online:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    async def _ask(self, text: str, room: str | None) -> _Waiting:
        """Raises ChatError."""
        house = self._model.house
        place = house.room(_bare(room)) if room is not None else None
        # What no server would take is refused before it is queued.
        encode_request(Input(id="i" * 64, room=place.name if place else "r" * 64, text=text))
        async with self._turns:
            self._connection.typed(text, place)
            id = self._model.outgoing.newest_id()
            waiting = self._inputs[id] = _Waiting(text)
            try:
                await waiting.answered.wait()
            finally:
                del self._inputs[id]
                self._wake()
        if waiting.error is not None:
            raise waiting.error
        return waiting

    async def _keep_pace(self) -> None:
        while self._is_full and not self._inputs and not self._pages:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    @property
    def _is_full(self) -> bool:
        return self._buffer is not None and len(self._buffer) >= self._buffer_events

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # --- what the connection hands over

    def _on_status(self) -> None:
        if self._connection.status.state != "online":
            self._held.clear()
            for page in self._pages.values():
                page.answered.set()
        self._wake()

    def _sift(self, events: list[Event]) -> list[Event]:
        """Take out the pages we asked for; note what is of before we came."""
        passed: list[Event] = []
        for event in events:
            if self._held:
                self._held.append(event)
                if isinstance(event, Done | Error):
                    passed += self._release(event.id)
            elif isinstance(event, Backlog) and self._is_paged(event.room):
                self._held.append(event)
            elif not isinstance(event, Done | Error) or not self._page_answered(event):
                passed.append(event)
        for event in passed:
            self._note(event)
        return passed

    def _is_paged(self, room: str) -> bool:
        return any(fold(page.room) == fold(room) for page in self._pages.values())

    def _release(self, id: str | None) -> list[Event]:
        """Return what was held, without the page that the answer with *id* ends."""
        held, self._held = self._held, []
        page = self._pages.get(id or "")
        if page is None:
            return held
        answer = held.pop()
        for index in range(len(held) - 1, -1, -1):
            event = held[index]
            if isinstance(event, Backlog) and fold(event.room) == fold(page.room):
                page.backlog = event
                del held[index]
                break
        assert isinstance(answer, Done | Error)
        self._page_answered(answer)
        return held

    def _page_answered(self, answer: Done | Error) -> bool:
        page = self._pages.get(answer.id or "")
        if page is None:
            return False
        if isinstance(answer, Error):
            page.error = answer
        page.answered.set()
        return True

    def _note(self, event: Event) -> None:
        if isinstance(event, Backlog):
            self._note_backlog(event)
        elif isinstance(event, Done):
            self._entering.clear()
            self._done(event)
        elif isinstance(event, Result) and event.id in self._inputs:
            self._inputs[event.id].result = event

    def _note_backlog(self, event: Backlog) -> None:
        key = fold(event.room)
        room = self._model.house.rooms.get(key)
        is_new = room is None or room.cursor.last is None
        if not self._model.has_been_online or (is_new and not key.startswith("@")):
            self._entering.add(key)
        if key in self._entering:
            self._old.update(map(id, event.events))

    def _done(self, event: Done) -> None:
        waiting = self._inputs.get(event.id)
        if waiting is not None:
            if event.room is not None and event.seq is not None:
                waiting.stored = Stored(event.room, event.seq)
            waiting.answered.set()

    def _on_effects(self, effects: Sequence[Effect]) -> None:
        events = [effect.event for effect in effects if isinstance(effect, Show)]
        for event in events:
            if isinstance(event, Error) and event.id in self._inputs:
                waiting = self._inputs[event.id]
                waiting.error = chat_error(event)
                waiting.answered.set()
            elif isinstance(event, Said):
                self._recognised(event)
        self._put([e for e in events if isinstance(e, _LIVE) and id(e) not in self._old])
        self._old.clear()
        self._wake()

    def _recognised(self, event: Said) -> None:
        """A line whose `done` got lost with its session shows in the history."""
        for id, waiting in self._inputs.items():
            if waiting.answered.is_set() or self._model.outgoing.get(id) is not None:
                continue
            waiting.stored = Stored(event.room, event.seq)
            waiting.answered.set()
            return

    def _put(self, events: Sequence[Any]) -> None:
        """A batch is what one read brought, so it is kept or lost as a whole."""
        if self._buffer is None:
            return
        if len(self._buffer) < 2 * self._buffer_events:
            self._buffer.extend(events)
        else:
            self._lost += len(events)


class EventStream:
    """The events of `Chat.events`, to iterate over once."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> LiveEvent:
        """Raises EventsLost."""
        chat = self._chat
        buffer = chat._buffer
        assert buffer is not None
        while not buffer:
            if chat._lost:
                raise EventsLost(f"{chat._lost} events came while too many others waited")
            await chat._changed.wait()
        await trio.lowlevel.checkpoint()
        event = buffer.popleft()
        chat._wake()
        return event


def _alone(group: BaseExceptionGroup) -> BaseException:
    """The nursery is a detail: what the block raised can be caught by its own name."""
    return group.exceptions[0] if len(group.exceptions) == 1 else group


def chat_error(error: Error) -> ChatError:
    """Return the exception for what the server refused: by its code, else `ChatError` itself."""
    kind = _ERRORS.get(error.code)
    if kind is None:
        return ChatError(f"{error.message} ({error.code})", retry_after=error.retry_after)
    exc = kind(error.message)
    exc.retry_after = error.retry_after
    return exc


def _bare(room: str) -> str:
    return room.removeprefix("#")
