"""One link: what arrives on it becomes requests, and what ends it ends this session alone.

Knows neither what the requests mean nor what the others see of the session.

| state    | told by             | a line             | hello accepted | close    | link ends |
|----------|---------------------|--------------------|----------------|----------|-----------|
| unknown  | the wire is UNKNOWN | detected: asked    |                | farewell | finished  |
|          |                     | refused: farewell  |                |          |           |
| asked    | no member           | answered           | talking        | farewell | finished  |
| talking  | member              | taken, or answered |                | farewell | finished  |
| farewell | session.closing     | discarded          |                |          | finished  |
| finished | outbox.closed       | discarded          |                |          |           |

A bug in what the session's own tasks do leads to `farewell`, with an answer to the request that
brought it out; a second one, and a link that breaks, to `finished`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from trio_chat.errors import ChatError, ProtocolError
from trio_chat.events import Error
from trio_chat.requests import Input, Ping, Request
from trio_chat.server.delivery import catchup
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.outbox import Outbox
from trio_chat.server.delivery.session import Session
from trio_chat.server.net.deadlines import Deadline, Deadlines
from trio_chat.server.net.fence import GONE
from trio_chat.server.net.links import Link
from trio_chat.server.settings import Settings
from trio_chat.store.api import Log
from trio_chat.wire.detect import REFUSALS, Language, detect, detect_bytes
from trio_chat.wire.lines import LineBuffer, Overlong
from trio_chat.wire.native import MAX_CLIENT_LINE_BYTES, NativeWire
from trio_chat.wire.plain import PlainWire, greeting

log = structlog.get_logger()

_CLOSE_SECONDS = 1.0  # a stream that closes by talking (TLS) gets this long
_BUG = "the server has a bug here; what you asked for may have happened or not"


@dataclass(frozen=True, slots=True)
class Shared:
    """What all connections of a server have in common.

    Attributes:
        start_soon: starts a task that lives no longer than the sessions.
        take: does at once what needs no waiting; False: nothing was done.
        answer: does what a request asks for; raises ChatError.
        went_live: a session that was behind has caught up.
        ended: the link of a session is gone.
    """

    settings: Settings
    store: Log
    deadlines: Deadlines
    audience: Audience
    start_soon: Callable[..., object]
    take: Callable[[Session, Input], bool]
    answer: Callable[[Session, Request], Awaitable[None]]
    went_live: Callable[[Session], object]
    ended: Callable[[Session], object]


class Connection:
    """See the module. It carries its session (`delivery.session.Carrier`)."""

    __slots__ = (
        "_answering",
        "_bad_lines",
        "_deadline",
        "_lines",
        "_link",
        "_shared",
        "_watches_silence",
        "session",
    )

    def __init__(self, shared: Shared, link: Link) -> None:
        self._shared = shared
        self._link = link
        outbox = Outbox(link, shared.settings.config.limits.outbox_bytes, self)
        self.session = Session(link.peer, outbox, _UNKNOWN, self)
        self._answering: str | None = None
        self._bad_lines = 0
        self._lines = LineBuffer(MAX_CLIENT_LINE_BYTES)
        self._deadline: Deadline | None = None
        self._watches_silence = False

    # --- life

    async def run(self) -> None:
        """Live until the peer is gone. Raises nothing but Cancelled."""
        try:
            await self._converse()
        except Exception as exc:
            if self._failed(exc):
                self.session.fail()
                await self._fenced(self._read_on)
        finally:
            with trio.move_on_after(_CLOSE_SECONDS, shield=True):
                await self._fenced(self._end)

    async def _end(self) -> None:
        self._cancel_deadline()
        self.session.outbox.close()
        try:
            self._shared.ended(self.session)
        finally:
            await self._link.aclose()

    async def _fenced(self, work: Callable[[], Awaitable[object]]) -> None:
        """Run a task of this session: one session's bug ends that session."""
        try:
            await work()
        except Exception as exc:
            self._failed(exc)
            self._abort()

    def _failed(self, exc: Exception) -> bool:
        """The one place where any exception ends up. True: it is a bug of ours."""
        number, peer = self.session.number, self.session.peer
        if isinstance(exc, GONE):
            return False
        if isinstance(exc, trio.TooSlowError):
            log.info("session stalled", session=number, peer=peer)
            return False
        log.error("session failed", session=number, peer=peer, exc_info=exc)
        return True

    def _abort(self) -> None:
        self.session.outbox.close()
        self._link.abort()

    # --- what arrives

    async def _converse(self) -> None:
        timeouts = self._shared.settings.config.timeouts
        self._deadline = self._shared.deadlines.after(timeouts.greet_seconds, self._greet)
        self.session.hello_by = trio.current_time() + timeouts.hello_seconds
        first = True
        while chunk := await self._link.receive(self):
            if first:
                self.session.outbox.send = self._link.send  # by now it is known how
                if detect_bytes(chunk) is not None:
                    self._refuse(Language.TLS)
            first = False
            for line in self._lines.feed(chunk):
                await self._handle(line)
        if rest := self._lines.rest():
            await self._handle(rest)
        await self._finish()

    async def _read_on(self) -> None:
        """Discard what comes, until the peer or the farewell ends the link."""
        while await self._link.receive(self):
            pass

    def take(self, chunk: bytes) -> bytes:
        """Take plain talk without the session's task, which waits for it; return the lines that
        are for the task. See `Link.receive`."""
        session = self.session
        if session.member is None or session.closing or not session.outbox.flows:
            return chunk
        is_short = len(chunk) <= MAX_CLIENT_LINE_BYTES  # then each of its lines is
        if self._lines.is_amid_line or not (is_short and chunk.endswith(b"\n")) or b"\r" in chunk:
            return chunk
        session.heard_at = trio.current_time()
        lines = chunk.split(b"\n")
        for number, line in enumerate(lines[:-1]):
            if not self._take_line(line):
                return b"\n".join(lines[number:])
        return b""

    def _take_line(self, line: bytes) -> bool:
        self._answering = None
        try:
            request = self.session.wire.decode(line)
        except (ProtocolError, ChatError):
            return False
        if type(request) is not Input:
            return False
        self._answering = request.id
        if not self._shared.take(self.session, request):
            return False
        self._answering = None
        self._bad_lines = 0
        return True

    async def _handle(self, line: bytes | Overlong) -> None:
        session = self.session
        if session.closing or session.outbox.closed:
            return
        if session.wire is _UNKNOWN and (not line or not self._detected(line)):
            return
        if not session.outbox.flows:
            await session.outbox.drained(self._shared.settings.config.limits.outbox_bytes // 2)
        session.heard_at = trio.current_time()
        if isinstance(line, Overlong):
            message = f"a line has at most {line.limit_bytes} bytes"
            session.send(Error(code="too_long", message=message))
            return
        self._answering = None
        try:
            await self._answer(line)
        except ProtocolError as exc:
            self._bad_line(exc)
        except ChatError as exc:
            id = self._answering or getattr(exc, "id", None)
            retry = exc.retry_after
            session.send(Error(id=id, code=exc.code, message=exc.message, retry_after=retry))
        self._answering = None

    async def _answer(self, line: bytes) -> None:
        """Raises ProtocolError, ChatError."""
        request = self.session.wire.decode(line)
        if request is None:
            return
        self._answering = request.id
        self._bad_lines = 0
        await self._shared.answer(self.session, request)
        if type(request) is Ping:
            self._watch_silence()

    def _bad_line(self, exc: ProtocolError) -> None:
        self.session.send(Error(id=exc.id, code=exc.code, message=exc.message))
        self._bad_lines += 1
        if self._bad_lines >= self._shared.settings.config.limits.bad_lines:
            self.session.close(f"{self._bad_lines} lines in a row were no requests")

    # --- the first line

    def _detected(self, line: bytes | Overlong) -> bool:
        """Choose the wire. False: refused."""
        language = Language.PLAIN if isinstance(line, Overlong) else detect(line)
        if language in REFUSALS:
            self._refuse(language)
            return False
        self.session.wire = _NATIVE if language is Language.NATIVE else PlainWire()
        return True

    def _refuse(self, language: Language) -> None:
        """Answer in the peer's own language that it is not served, and close."""
        session = self.session
        session.closing = session.silent = True
        session.outbox.put(REFUSALS[language])
        self._shared.start_soon(self._fenced, self._leave)

    # --- deadlines

    def _greet(self) -> None:
        """The peer has been silent: a person, perhaps, who waits to be spoken to."""
        settings, session = self._shared.settings, self.session
        self._await_hello()
        if session.wire is _UNKNOWN and not session.closing:
            session.outbox.put(greeting(settings.config.server.name))

    def _await_hello(self) -> None:
        """Close, unless the hello comes in time."""
        session, seconds = self.session, self._shared.settings.config.timeouts.hello_seconds
        left = session.hello_by - trio.current_time()
        if session.member is not None:
            self._deadline = None
        elif left > 0:  # it may be inf for a while
            self._deadline = self._shared.deadlines.after(min(left, seconds), self._await_hello)
        else:
            session.close("no hello came")

    def _watch_silence(self) -> None:
        """The peer pings: from now on it is expected to be heard from."""
        if not self._watches_silence and self.session.member is not None:
            self._watches_silence = True
            self._cancel_deadline()
            self._check_silence()

    def _check_silence(self) -> None:
        session, drop_seconds = self.session, self._shared.settings.config.timeouts.drop_seconds
        left = session.heard_at + drop_seconds - trio.current_time()
        if session.outbox.queued_bytes or session.outbox.lagging:
            left = drop_seconds  # it reads slowly, so it is not read from: its writer watches it
        if left > 0:
            self._deadline = self._shared.deadlines.after(left, self._check_silence)
        else:
            session.close(f"nothing was heard for {drop_seconds:.0f} s")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- the end

    def start_farewell(self) -> None:
        if self.session.wire is _UNKNOWN:
            self.session.wire = PlainWire()
        self._shared.start_soon(self._fenced, partial(self._bid_farewell, self._answering))

    async def _bid_farewell(self, answering: str | None) -> None:
        await self.session.settle()
        self._say_bye(answering)
        await self._leave()

    def _say_bye(self, answering: str | None = None) -> None:
        """Say that it is over, and nothing after it. *answering*: the id of the request under
        way when it came to that; if that brought out a bug it gets its answer, so that nobody
        repeats it for ever."""
        session = self.session
        if session.bye is not None:
            self._shared.audience.unsubscribe_from_all(session)
            if session.broken:
                session.send(Error(id=answering, code="internal", message=_BUG))
            session.say_bye()

    async def _leave(self) -> None:
        """Let what waits go out, and the peer know that nothing more comes."""
        timeouts, outbox = self._shared.settings.config.timeouts, self.session.outbox
        with trio.fail_after(timeouts.stall_seconds):
            await outbox.drained()
            if not outbox.closed:
                await self._link.end()
        # A close with unread input would be a reset, which swallows the bye: so read on.
        self._shared.deadlines.after(timeouts.linger_seconds, self._link.abort)

    async def _finish(self) -> None:
        """The peer will say no more: let it have what is its due."""
        outbox = self.session.outbox
        with trio.fail_after(self._shared.settings.config.timeouts.stall_seconds):
            await self.session.settle()
            self._say_bye()
            await outbox.drained()
            if not outbox.closed:
                await self._link.end()

    # --- what is sent

    def start_writer(self) -> None:
        self._shared.start_soon(self._fenced, self._write)

    async def _write(self) -> None:
        """Runs while something waits."""
        shared = self._shared
        await catchup.serve(self.session, shared.store, shared.settings, shared.went_live)


_UNKNOWN = PlainWire()  # stands for "not detected yet"
_NATIVE = NativeWire()  # which has no state
