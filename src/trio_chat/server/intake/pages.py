"""Pages of a log, and up to where a member has read it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.rooms import Direct, Room
from trio_chat.errors import BadRequest, NotPermitted
from trio_chat.events import Done, Gap
from trio_chat.events import Read as ReadEvent
from trio_chat.requests import Page, Read
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import View
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.records import Records
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.places import Places
from trio_chat.server.intake.writes import Writes
from trio_chat.server.settings import Settings
from trio_chat.store.api import Entry, Hidden, Log, Put, Write
from trio_chat.wire.fitting import MAX_SERVER_LINE_BYTES, fit_backlog

_PIECE_ENTRIES = 50


class _Found(NamedTuple):
    """Entries of a log, between seqs that were looked at.

    Attributes:
        go_on: the seq to ask on from, if there may be more.
    """

    entries: list[Entry]
    first: int
    last: int
    go_on: int | None


class _Reader:
    """Reads one log in one direction.

    Attributes:
        forward: newer entries are asked for, else older ones.
        go_on: see `store.api.Page`.
    """

    def __init__(self, store: Log, place: Room | Direct, request: Page, session: Session) -> None:
        member = session.speaker()
        self._store = store
        self._key = place.key
        self._visible_from = place.floor(session.identity)
        self._end = place.shown + 1
        if request.before is not None:
            self._end = min(request.before, self._end)
        self._begin = max(request.after or 0, self._visible_from)
        self._without = Hidden(frozenset(member.ignores)) if member.ignores else None
        self.forward = request.after is not None
        self.go_on: int | None = self._begin if self.forward else self._end

    async def read(self, limit: int) -> list[Entry]:
        after = self.go_on if self.forward else None
        before = self._end if self.forward else self.go_on
        page = await self._store.page(
            self._key, after=after, before=before, limit=limit, without=self._without
        )
        self.go_on = page.go_on
        if not self.forward and self.go_on is not None and self.go_on <= self._visible_from + 1:
            self.go_on = None
        return [entry for entry in page if entry.seq > self._visible_from]

    def found(self, entries: list[Entry]) -> _Found:
        if self.forward:
            last = self._end - 1 if self.go_on is None else self.go_on
            return _Found(entries, self._begin + 1, last, self.go_on)
        first = self._visible_from + 1 if self.go_on is None else self.go_on
        if self._without is None and entries:  # what is before it the log has no longer
            first = entries[0].seq
        return _Found(entries, first, self._end - 1, self.go_on)


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
        request = _in_log(session, place, request)
        found = await self._gather(session, place, request)
        view = View(session, place, self._accounts)
        for gap in view.holes(found.entries, found.first, found.last):
            session.send(gap)
        backlog = view.backlog(found.entries, more=found.go_on is not None)
        if not backlog.events and found.go_on is not None:
            backlog = msgspec.structs.replace(backlog, next=found.go_on)
        keep: Literal["oldest", "newest"] = "newest" if request.after is None else "oldest"
        session.send(fit_backlog(backlog, keep=keep))
        if request.id:
            session.send(Done(id=request.id))

    async def _gather(self, session: Session, place: Room | Direct, request: Page) -> _Found:
        """Read what is asked for, of what the member may and wants to read, piece by piece until
        a line is full."""
        limit = min(request.limit, self._settings.config.limits.page_events_max)
        reader = _Reader(self._store, place, request, session)
        entries: list[Entry] = []
        free_bytes = MAX_SERVER_LINE_BYTES
        while len(entries) < limit and free_bytes > 0:
            piece = await reader.read(min(_PIECE_ENTRIES, limit - len(entries)))
            entries = [*entries, *piece] if reader.forward else [*piece, *entries]
            free_bytes -= sum(len(entry.text.encode()) for entry in piece)
            if reader.go_on is None or not piece:  # all was looked at, or enough
                break
        return reader.found(entries)

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


def _in_log(session: Session, place: Room | Direct, request: Page) -> Page:
    """Return *request* for the log as it is: who has seen what is beyond its end has seen a log
    that was set back since. That is told, and the log is given from its beginning."""
    if request.after is None or request.after <= place.shown:
        return request
    label = place.label_for(session.identity)
    gap = Gap(room=label, first=place.shown + 1, last=request.after, reason="rewound")
    session.send(gap)
    return msgspec.structs.replace(request, after=0)
