"""What somebody has not read yet, counted from the logs: further back than a backlog shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from trio_chat.chat.accounts import Account
from trio_chat.chat.profiles import member_of
from trio_chat.chat.rooms import Member, direct_key
from trio_chat.chat.state import State
from trio_chat.errors import Unavailable
from trio_chat.events import RoomUnread, Unread
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.store.api import Entry, Log
from trio_chat.text import mention_pattern

Found: TypeAlias = Mapping[str, RoomUnread]
"""By log key."""

# Lines that are looked at in one room, the newest; and in all, which is some 10 ms in slices.
_ROOM_LINES = 1000
_LINES = 5000
_PAGE_LINES = 200
# What is told, so that it fits into the line of a welcome.
_ROOMS = 80
_MENTIONS = 10

_SAID = ("message", "action", "notice")


class Unreads:
    def __init__(self, state: State, store: Log) -> None:
        self._state = state
        self._store = store

    async def of_account(self, account: Account | None) -> Found:
        """What the account, which may not be here, has not read; a new guest: nothing."""
        if account is None:
            return {}
        member = self._state.directory.of_account(account.id)
        if member is not None:
            return await self._of(member, (*member.rooms, *member.directs))
        profile = self._state.profile(account.id)
        member = member_of(account, profile, now_ms=0)
        directs = (direct_key(member.identity, partner) for partner in profile.directs)
        return await self._of(member, (*profile.rooms, *directs))

    async def of_seat(self, seat: Seat, account: Account | None) -> Found:
        """What whoever resumes the seat has not read."""
        if account is not None:
            return await self.of_account(account)
        member = seat.member
        if seat.present:
            return await self._of(member, (*member.rooms, *member.directs))
        directs = (direct_key(member.identity, partner) for partner in seat.directs)
        return await self._of(member, (*seat.rooms, *directs))

    async def _of(self, member: Member, keys: Iterable[str]) -> Found:
        found: dict[str, RoomUnread] = {}
        lines = _LINES
        for key in keys:
            begin, end = self._bounds(member, key)
            if begin < end:
                looked_at = min(lines, _ROOM_LINES, end - begin)
                lines -= looked_at
                unread = await self._in_room(member, key, begin, end, looked_at)
                if unread is not None:
                    found[key] = unread
        return found

    def _bounds(self, member: Member, key: str) -> tuple[int, int]:
        """The seq up to which the member has read the log, and that of its last line."""
        room = self._state.directory.rooms.get(key)
        floor, end = (room.floor(member.identity), room.shown) if room else (0, 0)
        if key.startswith("@"):
            end = self._store.head(key)
        if member.closed.get(key, -1) >= end:
            return end, end
        return max(member.reads.get(key, 0), floor), end

    async def _in_room(
        self, member: Member, key: str, begin: int, end: int, lines: int
    ) -> RoomUnread | None:
        """Count what others said after seq *begin* up to *end*, looking at the newest *lines*."""
        called_by = mention_pattern((member.nick, *member.highlights))
        entries = await self._entries(key, end - lines, end)
        news = [entry for entry in entries if _is_news(entry, member)]
        calling = [entry.seq for entry in news if _calls(entry, called_by)][-_MENTIONS:]
        if begin < end - lines:
            count, first = min(end - begin, _ROOM_LINES), begin + 1
        elif news:
            count, first = len(news), news[0].seq
        else:
            return None
        return RoomUnread(count=count, mentions=tuple(calling), first=first)

    async def _entries(self, key: str, after: int, end: int) -> Sequence[Entry]:
        entries: list[Entry] = []
        while after < end:
            try:
                page = await self._store.page(key, after=after, before=end + 1, limit=_PAGE_LINES)
            except Unavailable:  # it is told less, and misses nothing of the log
                break
            if not page:
                break
            entries += page
            after = page[-1].seq
        return entries


def _is_news(entry: Entry, member: Member) -> bool:
    is_said = entry.kind in _SAID and entry.amended != "deleted"
    return is_said and entry.account != member.author and member.hears(entry.account)


def _calls(entry: Entry, called_by: re.Pattern[str]) -> bool:
    return bool(called_by.search(entry.text))


def shown_to(session: Session, found: Found) -> Unread | None:
    """What the session is told of *found*, with the rooms that call its member first. None: it may
    not read."""
    if not session.allows("read"):
        return None
    talks = sorted(
        (talk for talk in session.talks() if talk.key in found),
        key=lambda talk: not found[talk.key].mentions,
    )
    rooms = {talk.label_for(session.identity): found[talk.key] for talk in talks[:_ROOMS]}
    return Unread(rooms=rooms)
