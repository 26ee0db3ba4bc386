"""Which request goes where; pages of a log, read marks and pings are answered here.

The order of a session's requests is kept: whatever is not plain talk waits until the talk before
it is committed and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trio_chat.chat.rooms import Direct, Room
from trio_chat.errors import BadRequest, NotPermitted, UnknownCommand
from trio_chat.events import Done, Pong
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
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import backlog_for, hidden
from trio_chat.server.intake.dispatch import run_command
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.hello import Hellos
from trio_chat.server.intake.places import Places
from trio_chat.server.intake.talk import Talking
from trio_chat.server.intake.writes import Writes
from trio_chat.store.api import Entry, Put, Write
from trio_chat.wire.fitting import fit_backlog

if TYPE_CHECKING:
    from trio_chat.server.service import Service


class Requests:
    """Answers the requests of all sessions.

    Attributes:
        places, writes, talking, hellos: what a command may need of it.
    """

    def __init__(self, service: Service) -> None:
        state, store, settings = service.state, service.store, service.settings
        self._service = service
        self._store = store
        self._accounts = state.accounts
        self._settings = settings
        self._flood = Flood(settings)
        self.writes = Writes(store, state.directory, settings)
        self.places = Places(state, service.conversations, service.now_ms)
        self.talking = Talking(
            state, settings, self.places, self.writes, self._flood, service.now_ms
        )
        self.hellos = Hellos(service, self.writes)

    async def answer(self, session: Session, request: Request) -> None:
        """Do what *request* asks for.

        Raises:
            ChatError: it was refused.
        """
        if type(request) is Input:
            await self._input(session, request)
            return
        await session.settle()
        if type(request) is Hello:
            if session.member is not None:
                raise BadRequest("you have said hello already")
            await self.hellos.hello(session, request)
        elif type(request) is Ping:
            session.send(Pong(id=request.id))
        elif type(request) is Page:
            await self._page(session, request)
        elif type(request) is Read:
            await self._read(session, request)

    async def _input(self, session: Session, request: Input) -> None:
        if self.talking.say_nowait(session, request):
            return
        session.speaker()
        parsed = parse_slash(request.text)
        if isinstance(parsed, Invocation):
            await session.settle()
            if not self._service.table.is_free(parsed.name):
                await self._flood.pay(session, queries=self._service.table.reads(parsed.name))
            await run_command(self._service, session, request, parsed)
        elif isinstance(parsed, Lookalike):
            await session.settle()
            await self._flood.pay(session, queries=False)
            raise UnknownCommand(parsed.message)
        else:
            await self.talking.say(session, request, parsed)

    # --- page

    async def _page(self, session: Session, request: Page) -> None:
        _check_may_read(session)
        if request.before is not None and request.after is not None:
            raise BadRequest("page takes before or after, not both")
        await self._flood.pay(session, queries=True)
        place = self.places.find(session, request.room)
        limit = min(request.limit, self._settings.config.limits.page_events_max)
        visible_from = place.floor(session.identity)
        entries = await self._entries(place, visible_from, request, limit + 1)
        label = place.label_for(session.identity)
        forward = request.after is not None
        more = len(entries) > limit
        entries = entries[:limit] if forward else entries[-limit:]
        for gap in hidden(session, label, entries, self._accounts):
            session.send(gap)
        backlog = backlog_for(session, label, entries, self._accounts, more=more)
        session.send(fit_backlog(backlog, keep="oldest" if forward else "newest"))
        if request.id:
            session.send(Done(id=request.id))

    async def _entries(
        self, place: Room | Direct, visible_from: int, request: Page, limit: int
    ) -> Sequence[Entry]:
        """What is asked for of what the member may read: what comes after *visible_from*."""
        shown = place.shown
        before = shown + 1 if request.before is None else min(request.before, shown + 1)
        if request.after is None:
            entries = await self._store.page(place.key, before=before, limit=limit)
            return [entry for entry in entries if entry.seq > visible_from]
        return await self._store.page(
            place.key, before=before, after=max(request.after, visible_from), limit=limit
        )

    # --- read

    async def _read(self, session: Session, request: Read) -> None:
        _check_may_read(session)
        if not session.allows("write"):  # other devices go by it
            raise NotPermitted("this token may not write, and so moves no read mark")
        await self._flood.pay(session, queries=True)
        place = self.places.find(session, request.room)
        if request.seq > place.shown:
            raise BadRequest(f"the last seq here is {place.shown}")
        puts = self._note_read(session, place, request.seq)
        if puts:
            write = Write(scope=session.scope, key=request.id or "", puts=puts)
            await self.writes.submit(session, write)
        elif request.id:
            session.send(Done(id=request.id))

    def _note_read(self, session: Session, place: Room | Direct, seq: int) -> tuple[Put, ...]:
        """The member has read so far; its other devices are told. Return what is to be stored."""
        member = session.speaker()
        if member.reads.get(place.key, 0) >= seq:
            return ()
        member.reads = {**member.reads, place.key: seq}
        puts = self._service.member_puts(member)
        for own in self._service.linked(member):
            if own is not session:
                own.send(ReadEvent(room=place.label_for(own.identity), seq=seq))
        return puts


def _check_may_read(session: Session) -> None:
    """Raises HelloFirst, NotPermitted."""
    session.speaker()
    if not session.allows("read"):
        raise NotPermitted("this token may not read")
