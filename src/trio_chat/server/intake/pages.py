"""Pages of a log, and up to where a member has read it."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.rooms import Direct, Room
from trio_chat.errors import BadRequest, NotPermitted
from trio_chat.events import Done
from trio_chat.events import Read as ReadEvent
from trio_chat.requests import Page, Read
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import backlog_for, hidden
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.records import Records
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.places import Places
from trio_chat.server.intake.writes import Writes
from trio_chat.server.settings import Settings
from trio_chat.store.api import Entry, Log, Put, Write
from trio_chat.wire.fitting import fit_backlog


class Pages:
    def __init__(
        self,
        store: Log,
        accounts: Accounts,
        settings: Settings,
        devices: Devices,
        records: Records,
        places: Places,
        writes: Writes,
        flood: Flood,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._settings = settings
        self._devices = devices
        self._records = records
        self._places = places
        self._writes = writes
        self._flood = flood

    async def page(self, session: Session, request: Page) -> None:
        _check_may_read(session)
        if request.before is not None and request.after is not None:
            raise BadRequest("page takes before or after, not both")
        await self._flood.pay(session, queries=True)
        place = self._places.find(session, request.room)
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
        """Return what is asked for, as far as the member may read it: after *visible_from*."""
        shown = place.shown
        before = shown + 1 if request.before is None else min(request.before, shown + 1)
        if request.after is None:
            entries = await self._store.page(place.key, before=before, limit=limit)
            return [entry for entry in entries if entry.seq > visible_from]
        return await self._store.page(
            place.key, before=before, after=max(request.after, visible_from), limit=limit
        )

    async def read(self, session: Session, request: Read) -> None:
        _check_may_read(session)
        if not session.allows("write"):  # other devices go by it
            raise NotPermitted("this token may not write, and so moves no read mark")
        await self._flood.pay(session, queries=True)
        place = self._places.find(session, request.room)
        if request.seq > place.shown:
            raise BadRequest(f"the last seq here is {place.shown}")
        puts = self._note_read(session, place, request.seq)
        if puts:
            write = Write(scope=session.scope, key=request.id or "", puts=puts)
            await self._writes.submit(session, write)
        elif request.id:
            session.send(Done(id=request.id))

    def _note_read(self, session: Session, place: Room | Direct, seq: int) -> tuple[Put, ...]:
        """The member has read so far; its other devices are told. Return what is to be stored."""
        member = session.speaker()
        if member.reads.get(place.key, 0) >= seq:
            return ()
        member.reads = {**member.reads, place.key: seq}
        puts = self._records.member_puts(member)
        for own in self._devices.of(member):
            if own is not session:
                own.send(ReadEvent(room=place.label_for(own.identity), seq=seq))
        return puts


def _check_may_read(session: Session) -> None:
    """Raises HelloFirst, NotPermitted."""
    session.speaker()
    if not session.allows("read"):
        raise NotPermitted("this token may not read")
