"""A log as far as it was shown: what rooms and direct conversations share. Knows no member."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from trio_chat.events import Deleted, Edited, Kicked, Said, StoredEvent, Topic, timestamp


class LogLine(Protocol):
    """What `stored_event` needs to know of a line of a room's log."""

    @property
    def seq(self) -> int: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def target(self) -> int | str | None: ...
    @property
    def amended(self) -> str: ...


# By an account's id, its name; None: there is no such account any more.
AccountName: TypeAlias = Callable[[str], str | None]


def stored_event(room: str, line: LogLine, account_name: AccountName) -> StoredEvent:
    """Return the event that a line of the log records, in the room that its viewer calls *room*."""
    kind, at, amended = line.kind, timestamp(line.at_ms), line.amended
    if kind in ("message", "action", "notice"):
        return Said(
            room=room,
            seq=line.seq,
            at=at,
            sender=line.sender,
            text=line.text,
            kind=kind,  # type: ignore[arg-type]
            account=account_name(line.account) if line.account else None,
            edited=amended == "edited",
            deleted=amended == "deleted",
        )
    if kind == "topic":
        return Topic(room=room, seq=line.seq, at=at, by=line.sender, text=line.text)
    if kind == "kicked":
        return Kicked(
            room=room, seq=line.seq, at=at, by=line.sender, nick=str(line.target), reason=line.text
        )
    of_target = Edited if kind == "edited" else Deleted
    return of_target(
        room=room,
        seq=line.seq,
        at=at,
        by=line.sender,
        target=int(line.target or 0),
        text=line.text,
    )


class Amended:
    """A line of the log that was edited or deleted after it was shown."""

    __slots__ = ("account", "amended", "at_ms", "kind", "sender", "seq", "target", "text")

    def __init__(self, line: LogLine, by: LogLine) -> None:
        self.seq, self.at_ms, self.kind = line.seq, line.at_ms, line.kind
        self.sender, self.account, self.target = line.sender, line.account, line.target
        self.amended = by.kind
        self.text = by.text if by.kind == "edited" else ""


class Talk:
    """What rooms and direct conversations share: a log, shown up to some seq.

    Attributes:
        key: the log's name in the store.
        shown: the last seq that was broadcast. Every session here has been given all up to it,
            unless it lags.
        recent: the newest shown lines of the log, for those who join. Filled when `loaded`.
        sending: a broadcast to this room is under way; see server/delivery/broadcast.py.
    """

    __slots__ = ("key", "loaded", "recent", "sending", "shown")

    def __init__(self, key: str, *, shown: int, keep_events: int) -> None:
        self.key = key
        self.shown = shown
        self.recent: deque[LogLine] = deque(maxlen=keep_events)
        self.loaded = shown == 0
        self.sending = False

    def found_shown(self, seq: int) -> None:
        """Take up a log that was shown up to *seq* by a former run of the server."""
        self.shown = seq
        self.loaded = seq == 0

    def show(self, lines: Sequence[LogLine]) -> None:
        """Note that *lines*, the next ones of the log, are being broadcast."""
        if lines:
            self.recent.extend(lines)
            self.shown = lines[-1].seq
            for line in lines:
                if line.kind in ("edited", "deleted"):
                    self._amend(line)

    def _amend(self, by: LogLine) -> None:
        """Older lines are now what the log says they are: the one meant, and its edits."""
        for place, line in enumerate(self.recent):
            is_edit = line.kind == "edited" and line.target == by.target and line is not by
            if line.seq == by.target or is_edit:
                self.recent[place] = Amended(line, by)

    def label_for(self, identity: str) -> str:
        """What the member with that identity calls it."""
        raise NotImplementedError

    def floor(self, identity: str) -> int:
        """The seq up to which this member may not read."""
        return 0

    def keep_events(self, count: int) -> None:
        """Keep so many of the newest lines from now on."""
        if count != self.recent.maxlen:
            self.recent = deque(self.recent, maxlen=count)
            self.loaded = self.shown == 0

    def unload(self) -> None:
        """Let go of `recent`; who joins next has it loaded."""
        self.recent = deque(maxlen=self.recent.maxlen)
        self.loaded = self.shown == 0

    def load(self, lines: Iterable[LogLine]) -> None:
        """Fill `recent` with older lines read from the store. What was shown meanwhile stays."""
        if self.loaded:
            return
        first = self.recent[0].seq if self.recent else self.shown + 1
        older = [line for line in lines if line.seq < first]
        room_left = (self.recent.maxlen or 0) - len(self.recent)
        self.recent.extendleft(reversed(older[-room_left:] if room_left else []))
        self.loaded = True
