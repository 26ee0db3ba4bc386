"""The client for programs: bots, bridges, tests. It has no screen.

    async with open_chat("127.0.0.1:7373", nick="bot") as chat:
        await chat.say("lobby", "hello")
        async for event in chat.events():
            ...

It stands on the same model and connection as the screens: lines are said exactly once, events are
seen exactly once, and a broken link is mended without a word.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Any, NamedTuple

import trio

from trio_chat.client.link.connection import Connection, Login
from trio_chat.client.link.dial import Dial, dial_tcp, dial_tls, parse_address, tls_context
from trio_chat.client.link.failures import Refused, Unreachable
from trio_chat.client.program.live import EventStream, News
from trio_chat.client.program.replies import InputReply, PageReply, Replies, chat_error
from trio_chat.client.state.effects import Effect, Show
from trio_chat.client.state.model import RETRY_SECONDS, RETRYABLE, Model
from trio_chat.client.state.room.line import bare_room
from trio_chat.errors import ProtocolError, TrioChatError, Unavailable
from trio_chat.events import Event, StoredEvent
from trio_chat.requests import Input, Page
from trio_chat.wire.native import encode_request

# 10,000 x ~1 KiB, 16 KiB at most: a bot that is further behind than this will not catch up.
BUFFER_EVENTS = 10_000
# So many requests wait for their answers at once; more wait for their turn.
UNANSWERED = 64


class Stored(NamedTuple):
    """The place of an event in the log."""

    room: str
    seq: int


class Answer(NamedTuple):
    """The result of a command, and where its act was stored, if it was."""

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
        address: `HOST`, `HOST:PORT` or `tls://HOST:PORT`.
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
    host, port, is_tls = parse_address(address)
    if dial is None:
        encrypted = tls or bool(ca) or is_tls
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


class Chat:
    """A program's presence on a server, as a person has one; made by `open_chat`."""

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
        self._replies = Replies(model)
        self._news = News(model)
        self._buffer_events = buffer_events
        self._stream: EventStream | None = None
        self._turns = trio.Semaphore(UNANSWERED)
        self._changed = trio.Event()
        self._end: TrioChatError | None = None

    @property
    def nick(self) -> str:
        """The nick that the server has given us."""
        return self._model.rooms.nick

    async def say(self, room: str, text: str) -> Stored:
        """Say *text* in *room*, or to `@nick`; return when it is stored. A leading slash is said.

        Cancelled, it is said all the same, when the server can be reached.

        Raises:
            ChatError: it was refused; see `trio_chat.errors` for the kinds. `Unavailable`: 1,000
                lines that were cancelled wait for the server already.
        """
        answer = await self._ask(f"/{text}" if text.startswith("/") else text, room)
        if answer.where is None:
            raise ProtocolError("bad_request", "the server does not say where it was stored")
        return Stored(*answer.where)

    async def command(self, text: str, *, room: str | None = None) -> Answer:
        """Run `/command ...` in *room*; None: where the server says. Return when it has happened.

        Raises:
            ChatError: it was refused; `Unavailable` also where the link broke and nobody knows
                whether it happened.
        """
        if not text.startswith("/") or text.startswith("//"):
            raise ValueError(f"{text!r} is no command: it begins with one slash")
        answer = await self._ask(text, room)
        stored = Stored(*answer.where) if answer.where else None
        if answer.result is None:
            return Answer(None, "", stored)
        return Answer(answer.result.data, answer.result.text, stored)

    async def history(self, room: str, *, before: int | None = None, limit: int = 200) -> History:
        """Return the newest events of *room*, or the newest before the seq *before*.

        There may be fewer than *limit* though there are more: the server says how many it gives
        at once, and a page has to fit in a line.

        Raises:
            ChatError: it was refused.
        """
        while True:
            async with self._turns:
                answer = await self._page(bare_room(room), before, limit)
            if answer.error is not None and answer.error.code not in RETRYABLE:
                raise chat_error(answer.error)
            if answer.error is not None:
                await trio.sleep(answer.error.retry_after or RETRY_SECONDS)
            elif answer.backlog is not None:
                return History(answer.backlog.events, answer.backlog.more)

    def events(self) -> EventStream:
        """Return what happens from now on in the rooms one is in, also over broken links: what was
        said meanwhile comes late, but comes, once, and in order. One's own words are among it.

        At most *buffer_events*, and what the last read brought (64 KiB), wait for the program.
        When they do, the server is not read from, and nothing is lost. Only while the program
        awaits an answer it is: then twice as many may wait, and beyond that the stream ends in
        `EventsLost`.
        """
        if self._stream is None:
            self._stream = EventStream(self._buffer_events, self._wake)
        return self._stream

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
        while not self._model.rooms.is_online:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    async def _ask(self, text: str, room: str | None) -> InputReply:
        """Say *text* and wait for its answer. Raises ChatError."""
        place = self._model.rooms.room(bare_room(room)) if room is not None else None
        # What no server would take is refused before it is queued.
        encode_request(Input(id="i" * 64, room=place.name if place else "r" * 64, text=text))
        async with self._turns:
            waiting = len(self._model.outgoing)
            self._connection.typed(text, place, is_literal=True)
            if len(self._model.outgoing) == waiting:
                raise Unavailable(f"{waiting} lines wait for the server already")
            id = self._model.outgoing.newest_id()
            answer = self._replies.inputs[id] = InputReply()
            self._wake()
            try:
                await answer.arrived.wait()
            finally:
                del self._replies.inputs[id]
        if answer.error is not None:
            raise answer.error
        return answer

    async def _page(self, room: str, before: int | None, limit: int) -> PageReply:
        await self._wait_online()
        id = self._model.outgoing.new_id()
        answer = self._replies.pages[id] = PageReply(room)
        self._wake()
        try:
            self._connection.ask(Page(id=id, room=room, before=before, limit=limit))
            await answer.arrived.wait()
        finally:
            del self._replies.pages[id]
        return answer

    async def _keep_pace(self) -> None:
        """Do not read what the program cannot take, unless it waits for what comes after that."""
        stream = self._stream
        while stream is not None and stream.is_full and not self._replies:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # --- what the connection hands over

    def _sift(self, events: list[Event]) -> list[Event]:
        passed = self._replies.sift(events)
        self._news.note(passed)
        return passed

    def _on_effects(self, effects: Sequence[Effect]) -> None:
        shown = [effect.event for effect in effects if isinstance(effect, Show)]
        self._replies.shown(shown)
        fresh = self._news.fresh(shown)
        if self._stream is not None:
            self._stream.put(fresh)
        self._wake()

    def _on_status(self) -> None:
        if self._connection.status.state != "online":
            self._replies.link_lost()
        self._wake()


def _alone(group: BaseExceptionGroup) -> BaseException:
    """Return the one error in *group*, so that what the block raised can be caught by its own
    name."""
    return group.exceptions[0] if len(group.exceptions) == 1 else group
