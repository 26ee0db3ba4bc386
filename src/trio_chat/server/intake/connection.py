"""One link: what its wire makes of what arrives is answered, and what ends it ends this session
alone.

Knows neither what the requests mean nor what the others see of the session, nor any language.

| state    | told by         | an item of the wire | hello accepted | close    | link ends |
|----------|-----------------|---------------------|----------------|----------|-----------|
| asked    | no member       | dealt with          | talking        | farewell | finished  |
| talking  | member          | taken or dealt with |                | farewell | finished  |
| farewell | session.closing | discarded           |                |          | finished  |
| finished | outbox.closed   | discarded           |                |          |           |

What is done with an item stands in `trio_chat.wire`; a `Refusal` leads to `farewell`, too.
A bug in what the session's own tasks do leads to `farewell`, with an answer to the request that
brought it out; a second one, and a link that breaks, to `finished`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

import structlog
import trio

from trio_chat.errors import ChatError
from trio_chat.events import Error, error_for
from trio_chat.requests import Input, Ping, Request
from trio_chat.server.delivery import catchup
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.outbox import Outbox
from trio_chat.server.delivery.session import Session
from trio_chat.server.net.deadlines import Deadline, Deadlines
from trio_chat.server.net.fence import GONE, attempt
from trio_chat.server.net.links import Link
from trio_chat.server.settings import Settings
from trio_chat.wire import Fault, Received, Refusal, Reply, Switch, Wire
from trio_chat.wire.detect import DetectingWire

log = structlog.get_logger()

_CLOSE_SECONDS = 1.0  # a stream that closes by talking (TLS) gets this long
# After so many items of one chunk the other tasks get a turn: each costs up to 0.1 ms.
_TURN_ITEMS = 50
_LONGEST_NAP_SECONDS = 1.0  # the end of the session is noticed by then
_BUG = "the server has a bug here; what you asked for may have happened or not"


@dataclass(frozen=True, slots=True)
class Shared:
    """The things that all connections of a server have in common.

    Attributes:
        start_soon: starts a task that lives no longer than the sessions.
        take: does at once what needs no waiting; False: nothing was done.
        answer: does what a request asks for; raises ChatError.
        hold_back: counts what is paid from no allowance; returns for how long (seconds) nothing
            more is to be read, then it was not counted.
        went_live: a session that was behind has caught up.
        ended: the link of a session is gone.
    """

    settings: Settings
    source: catchup.Source
    deadlines: Deadlines
    audience: Audience
    start_soon: Callable[..., object]
    take: Callable[[Session, Input], bool]
    answer: Callable[[Session, Request], Awaitable[None]]
    hold_back: Callable[[Session], float]
    went_live: Callable[[Session], object]
    ended: Callable[[Session], object]


class Connection:
    """See the module. It carries its session (`delivery.session.Carrier`)."""

    __slots__ = (
        "_answering",
        "_bad_lines",
        "_deadline",
        "_greeting",
        "_kept",
        "_link",
        "_shared",
        "_watches_silence",
        "session",
    )

    def __init__(self, shared: Shared, link: Link) -> None:
        self._shared = shared
        self._link = link
        config = shared.settings.config
        wire = DetectingWire(config.server.name, guests=config.accounts.guests)
        self._greeting = wire.greeting  # until the peer has said what it speaks
        outbox = Outbox(link, config.limits.outbox_bytes, self)
        self.session = Session(link.peer, outbox, wire, self)
        self._kept: Iterator[Received] | None = None
        self._answering: str | None = None
        self._bad_lines = 0
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
            attempt(self._abort, session=self.session.number)

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
        while await self._link.receive(self):
            self.session.outbox.send = self._link.send  # by now it is known how
            await self._deal_with_kept()
        await self._hear_out()
        await self._finish()

    async def _read_on(self) -> None:
        """Discard what comes, until the peer or the farewell ends the link."""
        while await self._link.receive(self):
            pass

    def take(self, chunk: bytes) -> bool:
        """Take plain talk without the session's task, which waits for it; keep the rest for the
        task. See `Link.receive`."""
        session = self.session
        items = session.wire.receive(chunk)
        if session.member is None or session.closing or not session.outbox.flows:
            self._kept = items
            return False
        session.heard_at = trio.current_time()
        item = None
        for item in items:
            is_taken = False
            if type(item) is Input:
                self._answering = item.id
                is_taken = self._shared.take(session, item)
                self._answering = None
            if not is_taken:
                self._kept = chain((item,), items)
                return False
            self._bad_lines = 0
        if item is None:  # so many blanks are not for nothing
            self._kept = items
        return item is not None

    async def _deal_with_kept(self) -> None:
        """Deal with the items that were kept, one by one: an answer may change what the wire makes
        of the next line, or which wire it is."""
        session = self.session
        while self._kept is not None:
            items, self._kept = self._kept, None
            number = 0
            for number, item in enumerate(items, 1):
                if session.closing or session.outbox.closed:
                    return
                if isinstance(item, Switch):
                    self._greeting = b""
                    session.speak(item.wire)
                    self._kept = item.wire.receive(item.rest)
                    break
                await self._deal_with(item)
                session.note_flavour()
                if number % _TURN_ITEMS == 0:
                    await trio.lowlevel.checkpoint()
            else:
                session.note_flavour()
                if not number:
                    await self._hold_back()

    async def _hear_out(self) -> None:
        """Deal with what a wire has held back for the case that nothing more comes."""
        ended: Wire | None = None
        while ended is not self.session.wire:
            ended = self.session.wire
            self._kept = ended.end()
            await self._deal_with_kept()

    async def _deal_with(self, item: Request | Reply | Fault | Refusal) -> None:
        session = self.session
        if not session.outbox.flows:
            await session.outbox.drained(self._shared.settings.config.limits.outbox_bytes // 2)
        session.heard_at = trio.current_time()
        if isinstance(item, Reply | Refusal):
            await session.settle()  # it comes after whatever the lines before it cause
        if session.closing:
            return
        is_paid = False
        match item:
            case Reply():
                session.outbox.put(item.data)
            case Refusal():
                self._refuse(item)
            case Fault():
                self._note_fault(item)
            case _:
                is_paid = await self._answer(item)
        if not is_paid:
            await self._hold_back()

    async def _hold_back(self) -> None:
        """Read no more for a while from who pings, or is refused, all the time."""
        session = self.session
        while not (session.closing or session.outbox.closed):
            seconds = self._shared.hold_back(session)
            if not seconds:
                return
            await trio.sleep(min(seconds, _LONGEST_NAP_SECONDS))

    async def _answer(self, request: Request) -> bool:
        """Return whether it was paid for from an allowance: not a ping, and not refused."""
        session, is_paid = self.session, type(request) is not Ping
        self._answering = request.id
        self._bad_lines = 0
        try:
            await self._shared.answer(session, request)
        except ChatError as exc:
            session.send(error_for(exc, request.id))
            is_paid = False
        self._answering = None
        if type(request) is Ping:
            self._watch_silence()
        return is_paid

    def _note_fault(self, fault: Fault) -> None:
        self.session.send(fault.error())
        if fault.counts:
            self._bad_lines += 1
        if self._bad_lines >= self._shared.settings.config.limits.bad_lines:
            self.session.close(f"{self._bad_lines} lines in a row were no requests")

    def _refuse(self, refusal: Refusal) -> None:
        """Tell the peer in its own language that it is not served, and close."""
        session = self.session
        self._shared.audience.unsubscribe_from_all(session)
        session.closing = session.silent = True
        session.outbox.put(refusal.data)
        session.outbox.seal()
        self._shared.start_soon(self._fenced, self._leave)

    # --- deadlines

    def _greet(self) -> None:
        """The peer has been silent: a person, perhaps, who waits to be spoken to."""
        self._await_hello()
        if not self.session.closing:
            self.session.outbox.put(self._greeting)

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

    def flavour_changed(self) -> None:
        self._shared.audience.subscribe_to_all(self.session)

    def start_writer(self) -> None:
        self._shared.start_soon(self._fenced, self._write)

    async def _write(self) -> None:
        """Runs while something waits."""
        shared = self._shared
        await catchup.serve(self.session, shared.source, shared.went_live)
