"""What a member has not read yet, counted from the logs, so that it is told of more than its
backlog shows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trio_chat.chat.rooms import Member, Room
from trio_chat.errors import Unavailable
from trio_chat.events import RoomUnread, Unread
from trio_chat.server.delivery.session import Session
from trio_chat.store.api import Entry, Log
from trio_chat.text import mention_pattern

# Lines of one room that are looked at, the newest; of all rooms, some 10 ms of the loop in slices.
_ROOM_LINES = 1000
_LINES = 5000
_PAGE_LINES = 200
# Jumped to one after the other; the newest, since a line of the wire has an end.
_MENTIONS = 20
# Rooms in one event, for the same reason.
_EVENT_ROOMS = 50

_SAID = ("message", "action", "notice")


class Unreads:
    def __init__(self, store: Log) -> None:
        self._store = store

    async def tell(self, session: Session) -> None:
        """Tell the session, which was just introduced, what its member has not read."""
        member = session.member
        if member is None or not session.allows("read"):
            return
        # As the backlogs are: what is said from now on comes by itself.
        ends = [
            (talk, talk.shown)
            for talk in session.talks()
            if isinstance(talk, Room) or not talk.is_closed_for(member)
        ]
        found: dict[str, RoomUnread] = {}
        lines = _LINES
        for talk, end in ends:
            begin = max(member.reads.get(talk.key, 0), talk.floor(member.identity))
            if begin >= end:
                continue
            unread = await self._unread(member, talk.key, begin, end, min(lines, _ROOM_LINES))
            lines -= min(end - begin, lines, _ROOM_LINES)
            if unread is not None:
                found[talk.label_for(member.identity)] = unread
        labels = list(found)
        for start in range(0, max(1, len(labels)), _EVENT_ROOMS):
            part = labels[start : start + _EVENT_ROOMS]
            session.send(Unread(rooms={label: found[label] for label in part}))

    async def _unread(
        self, member: Member, key: str, begin: int, end: int, lines: int
    ) -> RoomUnread | None:
        """Count what others said after seq *begin* up to *end*, looking at the newest *lines*."""
        mentions = mention_pattern((member.nick, *member.highlights))
        looked_from = max(begin, end - lines)
        seqs: list[int] = []
        calling: list[int] = []
        for entry in await self._entries(key, looked_from, end):
            if _is_news(entry, member):
                seqs.append(entry.seq)
                if _calls(entry, mentions):
                    calling.append(entry.seq)
        count = len(seqs)
        if looked_from > begin:
            count, first = min(end - begin, _ROOM_LINES), begin + 1
        elif seqs:
            first = seqs[0]
        else:
            return None
        return RoomUnread(count=count, mentions=tuple(calling[-_MENTIONS:]), first=first)

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


def _calls(entry: Entry, mentions: re.Pattern[str]) -> bool:
    return bool(mentions.search(entry.text))
