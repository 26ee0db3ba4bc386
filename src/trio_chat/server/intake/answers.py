"""What a session does with each request: hello, input, page, read, ping.

The order of a session's requests is kept: whatever is not plain talk waits until the talk before
it is committed and shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import trio

from trio_chat.chat.names import check_text
from trio_chat.chat.pace import TokenBucket
from trio_chat.chat.rooms import Direct, Room
from trio_chat.chat.rules import check_direct, check_speak, note_spoke
from trio_chat.errors import (
    BadRequest,
    ChatError,
    HelloFirst,
    NoSuchMember,
    NotInRoom,
    NotPermitted,
    TooFast,
    Unavailable,
    UnknownCommand,
)
from trio_chat.events import Done, Notice, Pong, Result
from trio_chat.events import Read as ReadEvent
from trio_chat.requests import (
    Hello,
    Input,
    Invocation,
    Lookalike,
    Page,
    Ping,
    Read,
    Request,
    parse_slash,
)
from trio_chat.server.delivery.broadcast import done
from trio_chat.server.delivery.catchup import backlog_for, hidden
from trio_chat.server.intake import entrance
from trio_chat.server.intake.dispatch import run_command
from trio_chat.store.api import Entry, Put, Write
from trio_chat.wire.fitting import fit_backlog

if TYPE_CHECKING:
    from trio_chat.chat.rooms import Member
    from trio_chat.server.delivery.session import Session


class Answers:
    """The requests of one session."""

    __slots__ = ("_session", "_told_to_slow_down")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told_to_slow_down = False

    async def answer(self, request: Request) -> None:
        """Do what *request* asks for.

        Raises:
            ChatError: it was refused.
        """
        session = self._session
        if type(request) is Input:
            await self._input(request)
            return
        await session.settle()
        if type(request) is Hello:
            if session.member is not None:
                raise BadRequest("you have said hello already")
            await entrance.hello(session, request)
        elif type(request) is Ping:
            session.watch_silence()
            session.send(Pong(id=request.id))
        elif type(request) is Page:
            await self._page(request)
        elif type(request) is Read:
            await self._read(request)

    # --- input

    def say(self, request: Input) -> bool:
        """Give plain talk to the store, where nothing has to be waited for, looked up or refused.
        This is the way of nearly every line. False: nothing was done."""
        session = self._session
        member, service = session.member, session.service
        limits = service.config.limits
        is_free = session.pending < limits.pipeline and not session.former_scope
        parsed = parse_slash(request.text)
        if member is None or not is_free or type(parsed) is not str:
            return False
        place = self.known_place(request.room)
        if place is None:
            return False
        try:
            self.check_speak(place)
            text = check_text(parsed, limits)
        except ChatError:
            return False
        bucket = self._bucket(queries=False) if limits.flood else None
        if bucket is not None and bucket.take(trio.current_time()):
            return False
        try:
            service.store.submit_nowait(self._line(request, member, place, text))
        except (trio.WouldBlock, trio.ClosedResourceError):
            if bucket is not None:
                bucket.put_back()
            return False
        session.pending += 1
        note_spoke(place, member, service.now_ms())
        return True

    def _line(self, request: Input, member: Member, place: Room | Direct, text: str) -> Write:
        session = self._session
        return Write(
            room=place.key,
            sender=member.nick,
            account=member.account_id,
            text=text,
            scope=session.scope,
            key=request.id or "",
            origin=session,
        )

    async def _input(self, request: Input) -> None:
        if self.say(request):
            return
        session = self._session
        member = self.member()
        parsed = parse_slash(request.text)
        if isinstance(parsed, Invocation):
            await session.settle()
            await self._pay(queries=session.service.table.reads(parsed.name))
            await run_command(session, request, parsed)
            return
        if isinstance(parsed, Lookalike):
            await session.settle()
            await self._pay(queries=False)
            raise UnknownCommand(parsed.message)
        limits = session.service.config.limits
        if limits.flood:
            await self._pay(queries=False)
        text = check_text(parsed, limits)
        place = self.known_place(request.room)
        if place is None:
            # Said, and left since? An error would mean that it did not happen.
            if await self.answered_before(request.id):
                return
            place = self._new_place(request.room)
        elif session.former_scope and await self.answered_before(request.id):
            return
        refused = self._refusal(place)
        if refused is not None:
            # Said, and muted since? An error would mean that it did not happen.
            if await self.answered_before(request.id):
                return
            raise refused
        note_spoke(place, member, session.service.now_ms())
        await self.submit(self._line(request, member, place, text))

    def _refusal(self, place: Room | Direct) -> ChatError | None:
        try:
            self.check_speak(place)
        except ChatError as exc:
            return exc
        return None

    def check_speak(self, place: Room | Direct) -> None:
        """Whether the member may say something there now.

        Raises:
            Muted, Banned, NotPermitted, TooFast.
        """
        session, member = self._session, self.member()
        if session.scopes is not None and "write" not in session.scopes:
            raise NotPermitted("this token may not write")
        service = session.service
        is_open = not (isinstance(place, Direct) or place.quiet)
        if not is_open or service.state.defcon or not service.state.sanctions.is_quiet:
            check_speak(
                place, member, service.state.sanctions, service.state.defcon, service.now_ms()
            )

    async def submit(self, write: Write) -> None:
        """Give *write* to the store; the answer follows its commit.

        Raises:
            Unavailable: the store is closing.
        """
        session = self._session
        most = session.service.config.limits.pipeline
        if session.pending >= most:
            await session.settle(most)
        write.origin = session
        session.pending += 1
        try:
            session.service.store.submit_nowait(write)
        except trio.WouldBlock:
            await self._submit_later(write)
        except trio.ClosedResourceError:
            session.written(1)
            raise self._shutting_down() from None

    async def _submit_later(self, write: Write) -> None:
        try:
            await self._session.service.store.submit(write)
        except trio.ClosedResourceError:
            self._session.written(1)
            raise self._shutting_down() from None
        except trio.Cancelled:
            self._session.written(1)
            raise

    def _shutting_down(self) -> Unavailable:
        retry_seconds = self._session.service.config.timeouts.retry_seconds
        return Unavailable("the server is shutting down", retry_after=retry_seconds)

    def _new_place(self, name: str) -> Room | Direct:
        """A conversation that `@nick` begins.

        Raises:
            NoSuchRoom, NoSuchMember, NotInRoom, Muted, NotPermitted.
        """
        if name.startswith("@"):
            self._check_direct()
            return self._session.service.conversations.open(self.member(), name)
        return self._place(name)

    def known_place(self, name: str) -> Room | Direct | None:
        """The member's room or conversation called *name*; "" is where it last went."""
        member = self.member()
        room = member.rooms.get(name)  # most often the name is the key
        if room is not None and room.name == name:
            return room
        if not name:
            return self._session.service.talk_of(self._session, self._session.place)
        if name.startswith("@"):
            service = self._session.service
            direct = service.state.directory.find_direct(member, name)
            return (
                None
                if direct and service.conversations.is_lonely(direct, member.identity)
                else direct
            )
        room = self._session.service.state.directory.named(name)
        return room if room is not None and room.key in member.rooms else None

    def _place(self, name: str) -> Room | Direct:
        """Raises NoSuchRoom, NoSuchMember, NotInRoom."""
        place = self.known_place(name)
        if place is not None:
            return place
        if not name:
            raise NotInRoom("you are in no room; /join ROOM takes you to one")
        if name.startswith("@"):
            raise NoSuchMember(f"there is no conversation with {name.removeprefix('@')}")
        return self._session.service.state.directory.room_of(self.member(), name)

    def _check_direct(self) -> None:
        """Whether the member may begin a conversation."""
        session, service = self._session, self._session.service
        if session.scopes is not None and "write" not in session.scopes:
            raise NotPermitted("this token may not write")
        check_direct(self.member(), service.state.sanctions, service.state.defcon, service.now_ms())

    # --- ids

    async def answered_before(self, id: str | None) -> bool:
        """Answer an id that has happened as it was answered the first time."""
        session = self._session
        await session.settle()
        if not id:
            return False
        first = await session.service.store.recall(session.scope, id)
        if first is None:
            first = await self._recall_former(id)
        if first is None:
            return False
        if first.answer:
            session.send(msgspec.json.decode(first.answer, type=Result))
        session.send(done(first, session))
        return True

    async def _recall_former(self, id: str) -> Write | None:
        """What this session said before it logged in or out, and was not yet told of."""
        seat = self._session.seat
        if seat is None or not seat.former:
            return None
        first = await self._session.service.store.recall(seat.former, id)
        return first if first is not None and first.at_ms <= seat.switched_ms else None

    # --- flood

    async def _pay(self, *, queries: bool) -> None:
        """Take a token for a line. A peer that cannot repeat a line waits here instead.

        Raises:
            TooFast: with `retry_after`.
        """
        limits = self._session.service.config.limits
        if not limits.flood:
            return
        bucket = self._bucket(queries)
        wait = bucket.take(trio.current_time())
        if wait and self._session.wire.resumable:
            rate = limits.query_per_second if queries else limits.flood_per_second
            burst = limits.query_burst if queries else limits.flood_burst
            raise TooFast(
                f"slow down: {burst} at once, then {rate:g} a second", retry_after=_rounded_up(wait)
            )
        while wait:
            self._tell_to_slow_down(limits.flood_per_second)
            await trio.sleep(wait)
            wait = bucket.take(trio.current_time())

    def _tell_to_slow_down(self, per_second: float) -> None:
        if not self._told_to_slow_down:
            self._told_to_slow_down = True
            self._session.send(
                Notice(text=f"slow down: {per_second:g} lines a second are read; nothing is lost")
            )

    def _bucket(self, queries: bool) -> TokenBucket:
        """The member's, so that another link brings no other."""
        member, limits = self.member(), self._session.service.config.limits
        if queries:
            if member.queries is None:
                member.queries = TokenBucket(limits.query_burst, limits.query_per_second)
            return member.queries
        if member.flood is None:
            member.flood = TokenBucket(limits.flood_burst, limits.flood_per_second)
        return member.flood

    # --- page, read

    async def _page(self, request: Page) -> None:
        session = self._session
        self._check_may_read()
        if request.before is not None and request.after is not None:
            raise BadRequest("page takes before or after, not both")
        await self._pay(queries=True)
        place = self._place(request.room)
        limit = min(request.limit, session.service.config.limits.page_events_max)
        entries = await self._entries(place, request, limit + 1)
        label = session.service.label(place.key, session)
        forward = request.after is not None
        more = len(entries) > limit
        entries = entries[:limit] if forward else entries[-limit:]
        for gap in hidden(session, label, entries):
            session.send(gap)
        backlog = backlog_for(session, label, entries, more=more)
        session.send(fit_backlog(backlog, keep="oldest" if forward else "newest"))
        if request.id:
            session.send(Done(id=request.id))

    def _check_may_read(self) -> None:
        self.member()
        if self._session.scopes is not None and "read" not in self._session.scopes:
            raise NotPermitted("this token may not read")

    async def _entries(self, place: Room | Direct, request: Page, limit: int) -> Sequence[Entry]:
        """What the member may read of what is asked for."""
        store, shown = self._session.service.store, place.shown
        before = shown + 1 if request.before is None else min(request.before, shown + 1)
        floor = place.floor(self.member().identity)
        if request.after is None:
            entries = await store.page(place.key, before=before, limit=limit)
            return [entry for entry in entries if entry.seq > floor] if floor else entries
        return await store.page(
            place.key, before=before, after=max(request.after, floor), limit=limit
        )

    async def _read(self, request: Read) -> None:
        session = self._session
        self._check_may_read()
        await self._pay(queries=True)
        place = self._place(request.room)
        if request.seq > place.shown:
            raise BadRequest(f"the last seq here is {place.shown}")
        member = self.member()
        puts: tuple[Put, ...] = ()
        if member.reads.get(place.key, 0) < request.seq:
            member.reads = {**member.reads, place.key: request.seq}
            puts = session.service.member_puts(member)
            for own in session.service.linked(member):
                if own is not session:
                    label = session.service.label(place.key, own)
                    own.send(ReadEvent(room=label, seq=request.seq))
        if puts:
            await self.submit(Write(scope=session.scope, key=request.id or "", puts=puts))
        elif request.id:
            session.send(Done(id=request.id))

    def member(self) -> Member:
        member = self._session.member
        if member is None:
            raise HelloFirst("say hello first")
        return member


def _rounded_up(seconds: float) -> float:
    return math.ceil(seconds * 1000) / 1000
