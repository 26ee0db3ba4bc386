"""One task that keeps the model linked to the server: connect, hello, receive, ping, reconnect.

It knows no screen: what is to be shown goes, one batch per received chunk, to `on_effects`; how the
link is doing stands in `status`.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from math import inf

import msgspec
import trio

from trio_chat.client.link.dial import Dial
from trio_chat.client.link.failures import (
    LinkLost,
    LoginRefused,
    Refused,
    Unreachable,
    explain,
)
from trio_chat.client.link.status import LinkState, Status
from trio_chat.client.link.terms import Login, Timeouts
from trio_chat.client.state.effects import Effect, Send
from trio_chat.client.state.model import RETRYABLE, Model
from trio_chat.client.state.room.line import safe_line
from trio_chat.client.state.room.room import Room
from trio_chat.errors import LoginFailed, NameTaken, ProtocolError, first_leaf
from trio_chat.events import Bye, Error, Event, Pong
from trio_chat.requests import Hello, Ping, Request
from trio_chat.wire.fitting import MAX_SERVER_LINE_BYTES
from trio_chat.wire.lines import LineBuffer
from trio_chat.wire.native import decode_event, encode_request

RECEIVE_BYTES = 65_536
# How a server that expects TLS refuses what is none: an alert of any version.
TLS_ALERT = b"\x15\x03"


class Connection:
    """The client's end of the wire, over one link after the other.

    Args:
        dial: opens a stream to the server; raises OSError.
        address: the server, as shown to the person.
        login: is said in every hello, for the session to resume may be gone.
        waits_for_nick: a nick that the server keeps for a while is waited for, also at the start.
        give_up_seconds: after having been online, how long to try again; inf: for ever.
        start_seconds: before having been online, how long to try; 0: once.
        on_effects: gets every batch of effects but `Send`, also an empty one: something was
            received. Must not block.
        keep_pace: awaited before each read from the server.
        sift: gets every batch of events, and returns those that the model is to see.
        on_status: called after each change of `status`.
        on_welcome: called when the server has let the person in for the first time; returns what
            is to be said then.
    """

    def __init__(
        self,
        dial: Dial,
        model: Model,
        *,
        address: str,
        give_up_seconds: float,
        start_seconds: float = 0.0,
        login: Login | None = None,
        waits_for_nick: bool = False,
        on_effects: Callable[[Sequence[Effect]], None],
        keep_pace: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
        on_status: Callable[[], None] = lambda: None,
        on_welcome: Callable[[], str] | None = None,
        sift: Callable[[list[Event]], list[Event]] = lambda events: events,
        timeouts: Timeouts | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.model = model
        self.status = Status()
        self._dial = dial
        self._address = address
        self._give_up_seconds = give_up_seconds
        self._start_seconds = start_seconds
        self._give_up_at = inf  # monotonic; inf also while one link is tried just once
        self._login = login or Login()
        self._waits_for_nick = waits_for_nick
        self._on_effects = on_effects
        self._keep_pace = keep_pace
        self._on_status = on_status
        self._on_welcome = on_welcome
        self._sift = sift
        self._timeouts = timeouts or Timeouts()
        self._jitter = jitter
        # What waits for the socket: bounded by the model, which has at most PENDING_LINES
        # lines and one page per room under way.
        self._out: list[bytes] = []
        self._out_ready = trio.Event()
        self._due_changed = trio.Event()
        self._life = trio.CancelScope()
        self._failures = 0
        self._was_online = False
        self._is_heard = False
        self._ping_sent_at: dict[str, float] = {}
        self._bye: Bye | None = None

    # --- from the person

    def typed(
        self,
        text: str,
        room: Room | None = None,
        *,
        is_literal: bool = False,
        id: str | None = None,
    ) -> None:
        """Say *text*, or do what it commands; see `Model.typed`."""
        now = trio.current_time()
        self.apply(self.model.typed(text, now, room, is_literal=is_literal, id=id))

    def leave(self, text: str = "/quit") -> None:
        """Say *text*, the `/quit`; `run` ends when the server has said `bye`, or after a moment."""
        now = trio.current_time()
        self.apply(self.model.leave(now, text))
        is_heard = self.status.state == "online"
        self._life.deadline = now + (self._timeouts.leave_seconds if is_heard else 0)

    def hang_up(self) -> None:
        """End the link without `/quit`: the server keeps the session, to be resumed."""
        self._life.cancel()

    def ask(self, request: Request) -> None:
        """Send what the model need not know, on this link only."""
        self._queue(request)

    def apply(self, effects: Sequence[Effect]) -> None:
        """Queue what is to be sent, hand on what is to be shown."""
        for effect in effects:
            if isinstance(effect, Send):
                self._queue(effect.request)
        self._on_effects([effect for effect in effects if not isinstance(effect, Send)])
        self._due_changed.set()

    # --- the life of the client

    async def run(self) -> None:
        """Return when the person has left.

        Raises:
            Unreachable: for longer than *start_seconds* at first contact, or than
                *give_up_seconds* later on.
            Refused: the server will not have us.
        """
        with self._life:
            await self._keep_linked()

    async def _keep_linked(self) -> None:
        if self._start_seconds > 0:
            self._give_up_at = trio.current_time() + self._start_seconds
        while True:
            self._set_state("connecting")
            try:
                await self._link_once()
            except LinkLost as lost:
                if self.model.is_leaving:
                    return
                if self.status.state == "online":
                    self._give_up_at = trio.current_time() + self._give_up_seconds
                wait_seconds = self._wait_or_give_up(lost)
                self.status.retry_at = trio.current_time() + wait_seconds
                self.status.reason = lost.reason
                self._set_state("offline")
                await trio.sleep(wait_seconds)

    def _wait_or_give_up(self, lost: LinkLost) -> float:
        """Return how long to wait before the next link.

        Raises:
            Unreachable, Refused: there is to be no other link.
        """
        if lost.is_kept_nick and self._give_up_at == inf:
            self._give_up_at = trio.current_time() + self._give_up_seconds
        elif not self._was_online and self._start_seconds <= 0:
            raise lost.refusal or Unreachable(f"{self._address}: {lost.reason}") from None
        left_seconds = self._give_up_at - trio.current_time()
        wait_seconds = self._wait_seconds(lost.retry_after)
        if lost.retry_after is not None and wait_seconds >= left_seconds:
            wait_seconds = lost.retry_after  # in time, but for the jitter
        if wait_seconds < left_seconds:
            return wait_seconds
        if lost.refusal is not None and not self._was_online:
            raise lost.refusal from None
        raise Unreachable(f"{self._address}: {lost.reason}; gave up") from None

    def _wait_seconds(self, retry_after: float | None) -> float:
        """Return how long to wait before the next link: exponential, with jitter, so that a
        thousand clients do not come back at once."""
        if retry_after is not None:
            return retry_after * (1 + self._jitter() / 4)
        limit = self._timeouts.backoff_max_seconds
        seconds = min(limit, self._timeouts.backoff_first_seconds * 2.0 ** min(self._failures, 10))
        self._failures += 1
        return seconds * (1 + self._jitter()) / 2

    async def _link_once(self) -> None:
        """Serve one link, from dialling to its end.

        Raises:
            LinkLost: always, unless Refused: a link does not end by itself.
        """
        stream = await self._open_stream()
        self.status.is_encrypted = isinstance(stream, trio.SSLStream)
        self._is_heard = False
        self._out.clear()
        self._ping_sent_at.clear()
        self._bye = None
        end: BaseException | None = None
        try:
            async with trio.open_nursery() as nursery:
                self._queue(self._hello())
                nursery.start_soon(self._send_queued, stream)
                nursery.start_soon(self._ping)
                nursery.start_soon(self._send_due)
                await self._receive(stream)
        except* (LinkLost, Refused) as group:
            end = first_leaf(group)
        finally:
            self._out.clear()
            self.model.link_lost()
            await trio.aclose_forcefully(stream)
        if end is not None:
            raise end

    def _hello(self) -> Hello:
        login = self._login
        return msgspec.structs.replace(
            self.model.hello(),
            account=login.account,
            password=login.password,
            token=login.token,
        )

    def _patience(self, seconds: float) -> float:
        """Return *seconds*, or what is left of them before it is time to give up."""
        return max(0.0, min(seconds, self._give_up_at - trio.current_time()))

    async def _open_stream(self) -> trio.abc.Stream:
        try:
            with trio.fail_after(self._patience(self._timeouts.dial_seconds)):
                return await self._dial()
        except trio.TooSlowError:
            raise LinkLost("does not answer") from None
        except OSError as exc:
            raise LinkLost(explain(exc)) from None
        except UnicodeError:  # from the encoding of names that are not ASCII
            raise LinkLost("this cannot be the name of a host") from None

    # --- the tasks of one link

    async def _receive(self, stream: trio.abc.Stream) -> None:
        buffer = LineBuffer(MAX_SERVER_LINE_BYTES)
        seconds = self._patience(self._timeouts.hello_seconds)
        while True:
            await self._keep_pace()
            with trio.move_on_after(seconds) as scope:
                try:
                    chunk = await stream.receive_some(RECEIVE_BYTES)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    chunk = b""
            if scope.cancelled_caught:
                raise LinkLost(f"does not answer{self._tls_hint()}")
            if not chunk:
                raise self._end_of_link()
            self._is_heard = True
            if chunk.startswith(TLS_ALERT) and not self.status.is_encrypted:
                raise LinkLost("speaks TLS; --tls encrypts the link")
            seconds = self._timeouts.silence_seconds
            lines = buffer.feed(bytes(chunk))
            self._take_in([event for line in lines if (event := _decode(line)) is not None])

    def _take_in(self, events: list[Event]) -> None:
        now = trio.current_time()
        for event in events:
            if isinstance(event, Pong):
                self._pong(event, now)
            elif isinstance(event, Bye):
                self._bye = event
            elif isinstance(event, Error) and self.status.state != "online":
                self._hello_refused(event)
        was_online = self.model.rooms.is_online
        self.apply(self.model.receive(self._sift(events), now))
        if self.model.rooms.is_online and not was_online:
            self._came_online()

    def _hello_refused(self, error: Error) -> None:
        if not self.model.is_hello(error.id):
            return
        message = safe_line(error.message)
        # Our own dead link may still hold the nick, for a while that the server knows.
        is_passing = error.code in RETRYABLE or error.retry_after is not None
        advice = f"; try again in {error.retry_after:.0f} s" if error.retry_after else ""
        kind = LoginRefused if error.code == LoginFailed.code else Refused
        refusal = kind(f"{self._address}: {message}{advice}", error)
        if is_passing:
            is_kept = error.code == NameTaken.code and error.retry_after is not None
            raise LinkLost(
                message,
                error.retry_after,
                refusal=refusal,
                is_kept_nick=is_kept and self._waits_for_nick and not self._was_online,
            )
        raise refusal

    def _came_online(self) -> None:
        self._failures = 0
        self._give_up_at = inf
        if not self._was_online and self._on_welcome is not None:
            self.apply(self.model.note(self._on_welcome()))
        self._was_online = True
        self._set_state("online")
        self._send_ping()

    def _end_of_link(self) -> LinkLost | Refused:
        bye = self._bye
        if bye is None:
            return LinkLost(f"the server closed the connection{self._tls_hint()}")
        if bye.retry_after is None and not self.model.is_leaving:
            return Refused(f"{self._address}: {safe_line(bye.reason)}", code=bye.code)
        return LinkLost(safe_line(bye.reason), bye.retry_after)

    def _tls_hint(self) -> str:
        """Return what may help where a link that is not encrypted is not answered at all."""
        is_likely = not (self._is_heard or self._was_online or self.status.is_encrypted)
        return "; if it wants TLS, --tls encrypts the link" if is_likely else ""

    async def _send_queued(self, stream: trio.abc.Stream) -> None:
        while True:
            await self._out_ready.wait()
            self._out_ready = trio.Event()
            data = b"".join(self._out)
            self._out.clear()
            with trio.move_on_after(self._timeouts.send_seconds) as scope:
                try:
                    await stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return  # what the server said last is still to be read
            if scope.cancelled_caught:
                raise LinkLost("takes nothing any more")

    async def _ping(self) -> None:
        while True:
            await trio.sleep(self._timeouts.ping_seconds)
            self._send_ping()

    async def _send_due(self) -> None:
        """Send again, in time, what the server asked to send later."""
        while True:
            self._due_changed = trio.Event()
            with trio.move_on_at(self.model.due_at()):
                await self._due_changed.wait()
                continue
            self.apply(self.model.due(trio.current_time()))

    # --- small things

    def _queue(self, request: Request) -> None:
        self._out.append(encode_request(request))
        self._out_ready.set()

    def _send_ping(self) -> None:
        id = self.model.outgoing.new_id()
        self._ping_sent_at = {id: trio.current_time()}
        if self.status.asked_at is None:
            self.status.asked_at = trio.current_time()
        self._queue(Ping(id=id))

    def _pong(self, event: Pong, now: float) -> None:
        sent_at = self._ping_sent_at.pop(event.id or "", None)
        if sent_at is not None:
            self.status.latency_seconds = now - sent_at
            self.status.asked_at = None
            self._on_status()

    def _set_state(self, state: LinkState) -> None:
        self.status.state = state
        if state != "online":
            self.status.latency_seconds = None
            self.status.asked_at = None
        self._on_status()


def _decode(line: object) -> Event | None:
    """Return the event, or None for what is too long, or of a type that is not known yet."""
    if not isinstance(line, bytes):
        return None
    try:
        return decode_event(line)
    except ProtocolError:
        return None
