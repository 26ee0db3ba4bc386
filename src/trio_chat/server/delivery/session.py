"""One connection's life, hello to close: reading, detection, closing, and the fence round it.

What the requests mean is in `answers`; what is read from the log for a session that lags or
resumes, in `catchup`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import TYPE_CHECKING

import structlog
import trio

from trio_chat.chat.accounts import Scope
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member
from trio_chat.errors import ChatError, ProtocolError
from trio_chat.events import Bye, Error, Event
from trio_chat.requests import Input
from trio_chat.server.delivery.catchup import CatchUp
from trio_chat.server.delivery.outbox import Outbox
from trio_chat.server.intake.answers import Answers
from trio_chat.server.net.fence import GONE
from trio_chat.server.net.links import Link, is_local, source_of
from trio_chat.wire import Refusal, Wire
from trio_chat.wire.detect import detect, is_tls
from trio_chat.wire.lines import LineBuffer, Overlong
from trio_chat.wire.native import MAX_CLIENT_LINE_BYTES
from trio_chat.wire.plain import PlainWire, greeting

if TYPE_CHECKING:
    from trio_chat.server.hub.seats import Seat
    from trio_chat.server.net.deadlines import Deadline
    from trio_chat.server.service import Service

log = structlog.get_logger()
_numbers = count(1)

_BUG_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 1.0  # a stream that closes by talking (TLS) gets this long


class Session:
    """See the module.

    Attributes:
        member: who speaks here; None until the hello is accepted.
        seat: what a resumable session leaves behind, or None.
        place: the key of the room or conversation last gone to: where a plain peer talks.
        scopes: what the token allows that opened the session; None: anything.
        token: the session's own, for a resume.
        pending: writes under way in the store.
        closing: `bye` is being said; what still arrives is discarded.
    """

    __slots__ = (
        "_answering",
        "_bad_lines",
        "_bye",
        "_bye_said",
        "_deadline",
        "_lines",
        "_settled",
        "answers",
        "catch_up",
        "closing",
        "heard_at",
        "link",
        "member",
        "number",
        "outbox",
        "pending",
        "place",
        "presence_missed",
        "scopes",
        "seat",
        "service",
        "token",
        "wire",
    )

    def __init__(self, service: Service, link: Link) -> None:
        limits = service.config.limits
        self.service = service
        self.link = link
        self.number = next(_numbers)
        self.wire: Wire = _UNKNOWN
        self.outbox = Outbox(link, limits.outbox_bytes, self)
        self.member: Member | None = None
        self.seat: Seat | None = None
        self.place = ""
        self.scopes: tuple[Scope, ...] | None = None
        self.token = ""
        self.pending = 0
        self.closing = False
        self.presence_missed = False
        self.heard_at = 0.0
        self.answers = Answers(self)
        self.catch_up: CatchUp | None = None
        self._answering: str | None = None
        self._bad_lines = 0
        self._lines = LineBuffer(MAX_CLIENT_LINE_BYTES)
        self._bye: Bye | None = None
        self._bye_said = False
        self._settled: trio.Event | None = None
        self._deadline: Deadline | None = None

    # --- what the others see

    @property
    def identity(self) -> str:
        return self.member.identity if self.member else ""

    @property
    def scope(self) -> str:
        """Whose ids are compared when an input comes again."""
        return self.seat.scope if self.seat is not None else ""

    @property
    def former_scope(self) -> str:
        """The one from before a `/login` or `/logout`, or ""."""
        return self.seat.former if self.seat is not None else ""

    @property
    def role(self) -> Role:
        """What may be done here: a token that may not moderate makes nobody a moderator."""
        if self.member is None:
            return Role.GUEST
        if self.scopes is not None and "moderate" not in self.scopes:
            return min(self.member.role, Role.MEMBER)
        return self.member.role

    @property
    def throttled_address(self) -> str:
        """Where attempts to log in are counted; "" for this machine itself."""
        return "" if is_local(self.link.peer) else source_of(self.link.peer)

    @property
    def picky(self) -> bool:
        return bool(self.member and self.member.ignores)

    def hears(self, nick: str) -> bool:
        return self.member is None or self.member.hears(nick)

    def send(self, event: Event) -> None:
        """Send an answer, or anything meant for this session alone. Nothing follows a `bye`."""
        if not self._bye_said:
            self.outbox.put(self.wire.encode(event))

    def lag(self, key: str = "", seq: int = 0) -> None:
        """Take no more talk; read it from the log when what waits is out. The room *key* was
        shown here up to *seq*, all others as far as everyone."""
        if self.catch_up is None:
            self.catch_up = CatchUp(self, {})
            for talk in self.service.talks_of(self):
                shown = self.service.audience.shown_to(self, talk)
                self.catch_up.cursors[talk.key] = shown
            if key:
                self.catch_up.cursors[key] = seq
            log.info("session lags", session=self.number, room=key, seq=seq)
        self.outbox.lag()

    def written(self, count: int) -> None:
        """So many writes of this session have been committed and answered."""
        self.pending -= count
        if self._settled is not None:
            self._settled.set()
            self._settled = None

    async def settle(self, below: int = 1) -> None:
        """Wait until fewer than *below* writes are under way, all before them answered."""
        while self.pending >= below:
            if self._settled is None:
                self._settled = trio.Event()
            await self._settled.wait()

    # --- life

    async def run(self) -> None:
        """Live until the peer is gone. Raises nothing but Cancelled."""
        try:
            await self._converse()
        except Exception as exc:
            if self._failed(exc):
                await self.fenced(self._apologize)
        finally:
            with trio.move_on_after(_CLOSE_SECONDS, shield=True):
                await self.fenced(self._end)

    async def _end(self) -> None:
        self._cancel_deadline()
        self.outbox.close()
        try:
            self.service.session_ended(self)
        finally:
            await self.link.aclose()

    async def fenced(self, work: Callable[[], Awaitable[object]]) -> None:
        """Run another task of this session: one session's bug ends that session."""
        try:
            await work()
        except Exception as exc:
            self._failed(exc)
            self._abort()

    def _failed(self, exc: Exception) -> bool:
        """The one place where any exception ends up. True: it is a bug of ours."""
        if isinstance(exc, GONE):
            return False
        if isinstance(exc, trio.TooSlowError):
            log.info("session stalled", session=self.number, peer=self.link.peer)
            return False
        log.error("session failed", session=self.number, peer=self.link.peer, exc_info=exc)
        return True

    async def _apologize(self) -> None:
        """A request brought out a bug: it gets its answer, so that nobody repeats it for ever."""
        message = "the server has a bug here; what you asked for may have happened or not"
        self.closing = True
        with trio.move_on_after(_CLOSE_SECONDS):
            await self.settle()
            self.send(Error(id=self._answering, code="internal", message=message))
            self._bye = Bye(reason="internal error", retry_after=_BUG_RETRY_SECONDS)
            self._send_bye()
            await self.outbox.drained()
            await self.link.end()

    async def _converse(self) -> None:
        timeouts = self.service.config.timeouts
        self._deadline = self.service.deadlines.after(timeouts.greet_seconds, self._greet)
        first = True
        while chunk := await self.link.receive(self):
            if first and is_tls(chunk):
                self._detected(chunk)
            first = False
            for line in self._lines.feed(chunk):
                await self._handle(line)
        if rest := self._lines.rest():
            await self._handle(rest)
        await self._finish()

    def take(self, chunk: bytes) -> bytes:
        """Take plain talk without the session's task, which waits for it; return the lines that
        are for the task. See `Link.receive`."""
        if self.member is None or self.closing or not self.outbox.flows:
            return chunk
        is_short = len(chunk) <= MAX_CLIENT_LINE_BYTES  # then each of its lines is
        if self._lines.is_amid_line or not (is_short and chunk.endswith(b"\n")) or b"\r" in chunk:
            return chunk
        self.heard_at = trio.current_time()
        lines = chunk.split(b"\n")
        for number, line in enumerate(lines[:-1]):
            if not self._take_line(line):
                return b"\n".join(lines[number:])
        return b""

    def _take_line(self, line: bytes) -> bool:
        self._answering = None
        try:
            request = self.wire.decode(line)
        except (ProtocolError, ChatError):
            return False
        if type(request) is not Input:
            return False
        self._answering = request.id
        if not self.answers.say(request):
            return False
        self._bad_lines = 0
        return True

    async def _handle(self, line: bytes | Overlong) -> None:
        if self.closing or self.outbox.closed:
            return
        if self.wire is _UNKNOWN and (not line or not self._detected(line)):
            return
        if not self.outbox.flows:
            await self.outbox.drained(self.service.config.limits.outbox_bytes // 2)
        self.heard_at = trio.current_time()
        if isinstance(line, Overlong):
            message = f"a line has at most {line.limit_bytes} bytes"
            self.send(Error(code="too_long", message=message))
            return
        self._answering = None
        try:
            request = self.wire.decode(line)
            if request is not None:
                self._answering = request.id
                self._bad_lines = 0
                await self.answers.answer(request)
        except ProtocolError as exc:
            self._bad_line(exc)
        except ChatError as exc:
            id = self._answering or getattr(exc, "id", None)
            retry = exc.retry_after
            self.send(Error(id=id, code=exc.code, message=exc.message, retry_after=retry))

    def _bad_line(self, exc: ProtocolError) -> None:
        self.send(Error(id=exc.id, code=exc.code, message=exc.message))
        self._bad_lines += 1
        if self._bad_lines >= self.service.config.limits.bad_lines:
            self.close(f"{self._bad_lines} lines in a row were no requests")

    # --- the first line

    def _detected(self, line: bytes | Overlong) -> bool:
        """Choose the wire. False: refused."""
        answer = PlainWire if isinstance(line, Overlong) else detect(line).answer
        if isinstance(answer, Refusal):
            self._refuse(answer.data)
            return False
        self.wire = answer()
        return True

    def _refuse(self, data: bytes) -> None:
        """Answer in the peer's own language that it is not served, and close."""
        self.closing = True
        self.outbox.put(data)
        self._bye_said = True
        self.service.start_soon(self.fenced, self._leave)

    def _greet(self) -> None:
        """The peer has been silent: a person, perhaps, who waits to be spoken to."""
        timeouts = self.service.config.timeouts
        left = max(0.0, timeouts.hello_seconds - timeouts.greet_seconds)
        self._deadline = self.service.deadlines.after(left, self._late)
        if self.wire is _UNKNOWN and not self.closing:
            config = self.service.config
            self.outbox.put(greeting(config.server.name, guests=config.accounts.guests))

    def _late(self) -> None:
        if self.wire is _UNKNOWN:
            self.wire = PlainWire()
        self.close("no hello came")

    def greeted(self) -> None:
        """The hello has come, and is looked into or accepted."""
        self._cancel_deadline()

    def await_hello(self) -> None:
        """A hello is due, as at first."""
        seconds = self.service.config.timeouts.hello_seconds
        self._deadline = self.service.deadlines.after(seconds, self._late)

    def watch_silence(self) -> None:
        """The peer pings: from now on it is expected to be heard from."""
        if self._deadline is None:
            drop_seconds = self.service.config.timeouts.drop_seconds
            self._deadline = self.service.deadlines.after(drop_seconds, self._check_silence)

    def _check_silence(self) -> None:
        drop_seconds = self.service.config.timeouts.drop_seconds
        left = self.heard_at + drop_seconds - trio.current_time()
        if self.outbox.queued_bytes or self.outbox.lagging:
            left = drop_seconds  # it reads slowly, so it is not read from: its writer watches it
        if left > 0:
            self._deadline = self.service.deadlines.after(left, self._check_silence)
        else:
            self.close(f"nothing was heard for {drop_seconds:.0f} s")

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # --- the end

    def close(self, reason: str, *, retry_after: float | None = None) -> None:
        """Say `bye`; what waits is still sent, what still comes is discarded."""
        if self.closing:
            return
        if self.wire is _UNKNOWN:
            self.wire = PlainWire()
        self.closing = True
        self._bye = Bye(reason=reason, retry_after=retry_after)
        self.service.start_soon(self.fenced, self._say_bye)

    async def _say_bye(self) -> None:
        await self.settle()
        self._send_bye()
        await self._leave()

    def _send_bye(self) -> None:
        """Send the `bye`, if it is due and not sent yet, and nothing after it."""
        if self._bye is not None:
            self.service.hush(self)
            self.send(self._bye)
            self._bye, self._bye_said = None, True
            self.outbox.seal()

    async def _leave(self) -> None:
        """Let what waits go out, and the peer know that nothing more comes."""
        timeouts = self.service.config.timeouts
        with trio.fail_after(timeouts.stall_seconds):
            await self.outbox.drained()
            if not self.outbox.closed:
                await self.link.end()
        # A close with unread input would be a reset, which swallows the bye: so read on.
        self.service.deadlines.after(timeouts.linger_seconds, self.link.abort)

    def _abort(self) -> None:
        self.outbox.close()
        self.link.abort()

    async def _finish(self) -> None:
        """The peer will say no more: let it have what is its due."""
        with trio.fail_after(self.service.config.timeouts.stall_seconds):
            await self.settle()
            self._send_bye()
            await self.outbox.drained()
            if not self.outbox.closed:
                await self.link.end()

    def start_writer(self) -> None:
        self.service.start_soon(self.fenced, self._write)

    async def _write(self) -> None:
        """Runs while something waits."""
        await self.outbox.write(self._caught_up, self.service.config.timeouts.stall_seconds)

    async def _caught_up(self) -> bytes:
        if self.catch_up is None:
            self.outbox.caught_up()
            return b""
        return await self.catch_up.read()


_UNKNOWN = PlainWire()  # stands for "not detected yet"
