"""The log and the records behind the chat: the Protocols, and what every back end promises.

Whoever uses a store depends on this module; which back end stands behind it is the business of
`open_store` alone. The promises are checked for every back end by tests/store/test_conformance.py:

1. Total order per room, decided by the store; seq dense (1, 2, 3 ...); time never decreasing
   inside a room, but once where a wrong clock had put it more than five minutes ahead.
2. A write is answered only when it is durable. Cancelled or `Unavailable` means "unknown": the
   same scope and key give the effect exactly once.
3. What was committed comes out of `committed` in commit order, each write once.
4. Disk full, read-only or broken file: writes are answered with `Unavailable`, what was
   acknowledged stays, reads go on, and the store recovers by itself.
5. What was edited, deleted or redacted is given by no read any more, from the moment its write
   came out of `committed`, and lies in no live part of the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec
import trio

from trio_chat.errors import ChatError, Conflict

EntryKind: TypeAlias = Literal[
    "message", "action", "notice", "edited", "deleted", "topic", "kicked"
]
Amended: TypeAlias = Literal["", "edited", "deleted"]

AUDIT_ROOM = "$audit"

# What one question looks at to find what is not hidden: some 5 ms.
SCAN_ENTRIES = 2000


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event of a room's log. (room, seq) is its identity.

    *room* is the log's key: a folded room name, `$audit`, or the key of a direct conversation.
    *sender* is the nick at that time, *account* the account or "". *target* is the seq meant by
    `edited` and `deleted`, the nick meant by `kicked`, else None.

    *amended* says that the entry is not as it was said: *text* is what it was edited to, or ""
    once it is deleted or redacted. An `edited` entry gives its target's text as it is now,
    however often that was edited later; once it is deleted, "" and "deleted".
    """

    room: str
    seq: int
    at_ms: int
    kind: EntryKind
    sender: str
    account: str
    text: str
    target: int | str | None = None
    amended: Amended = ""


Cursor: TypeAlias = tuple[int, str, int]
"""Where an entry stands among those of all logs: its at_ms, or that of an entry later in its log
if that is less; its room and seq."""


class Hidden(NamedTuple):
    """Persons whose words a reader does not want to see: who has an account by its id alone, a
    guest by its folded nick."""

    accounts: frozenset[str] = frozenset()
    nicks: frozenset[str] = frozenset()

    def hides(self, kind: str, account: str, nick: str) -> bool:
        """Return whether it leaves out an entry of *kind* by *account* ("": a guest with the
        folded *nick*). What carries no words of the person (`deleted`, `kicked`, `topic`) stays.
        """
        by_hidden = account in self.accounts if account else nick in self.nicks
        return by_hidden and kind in ("message", "action", "notice", "edited")


class Page(list[Entry]):
    """Entries of a log, oldest first.

    *go_on* is the seq from which to ask on (as *after* if that was given, else as *before*) when
    there may be more, else None. It is set however few entries there are: what was left out was
    looked at too.
    """

    def __init__(self, entries: Iterable[Entry] = (), go_on: int | None = None) -> None:
        super().__init__(entries)
        self.go_on = go_on


class Hits(list[Entry]):
    """What a search found, newest first; *go_on* is where to search on when there may be more,
    else None."""

    def __init__(self, entries: Iterable[Entry] = (), go_on: Cursor | None = None) -> None:
        super().__init__(entries)
        self.go_on = go_on


class Put(msgspec.Struct, frozen=True, gc=False):
    """One change of a record. *value* None deletes. *expect* is the version it must be at: 0 for
    "must not exist", None for "whatever it is".

    A new record is at version 1, and each put adds 1. One that is deleted and made anew begins at
    1 again. All puts of a write are checked before the first of them is made, so a write should
    put each record once.
    """

    space: str
    key: str
    value: bytes | None
    expect: int | None = None


class Record(NamedTuple):
    value: bytes
    version: int


class Write(msgspec.Struct):
    """One atomic unit for the store's writer: at most one event, with what changes with it, at
    most once per (*scope*, *key*).

    `edited` and `deleted` amend the entry *target* of their room, which must be a message, an
    action or a notice that is not deleted yet, and append their own entry: `edited` with the new
    text, `deleted` with the reason.

    The sender fills the upper part and gives it away; the store fills the lower part, and hands
    the same object back through `Log.committed`.
    """

    # The event; an empty *room* is no event.
    room: str = ""
    kind: EntryKind = "message"
    sender: str = ""
    account: str = ""
    text: str = ""
    target: int | str | None = None
    # Who may repeat it (an account, or a session) and under which id; an empty *key* is never
    # taken for a repetition. *answer* is kept with the key, and given back to a repetition.
    scope: str = ""
    key: str = ""
    answer: bytes = b""
    puts: tuple[Put, ...] = ()
    # What the audit log is told: when not empty, a notice there by the same sender and account.
    audit: str = ""
    # Handed through untouched, for the one who reads `committed`: the changes of records that the
    # *puts* stand for, what is done once the event was shown, who is answered, and an event that
    # is set when all of that has been done, also after an error.
    changes: tuple[Any, ...] = ()
    effects: tuple[Any, ...] = ()
    origin: Any = None
    settled: trio.Event | None = None

    # --- filled by the store
    seq: int = 0
    at_ms: int = 0
    # True: the key was known, nothing was written; room, seq, at_ms and answer are the first ones'.
    repeated: bool = False
    # Unavailable: perhaps it was written; Conflict: a put's *expect* did not hold; BadRequest: it
    # cannot be stored, whatever one tries; both: nothing was written.
    error: ChatError | Conflict | None = None

    @property
    def amended(self) -> Amended:
        """What it is when it is written; see `Entry.amended`."""
        return ""


class StoreStatistics(NamedTuple):
    """The figures of a store since it was opened.

    Attributes:
        queued_writes: that wait for a commit now.
        batches: that were committed, or refused as a whole.
        writes: in all batches.
        refused_writes: those of them that were answered with an error.
    """

    queued_writes: int
    batches: int
    writes: int
    refused_writes: int


class Pages(Protocol):
    """Reading a log page by page."""

    def head(self, room: str) -> int:
        """The last seq of the room's log, 0 if it has none."""

    async def page(
        self,
        room: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int,
        without: Hidden | None = None,
    ) -> Page:
        """Return up to *limit* entries, oldest first: the newest with seq < *before*, the oldest
        with seq > *after*, or with neither the newest there are.

        With both: the oldest in between. An unknown room has none. Entries are given as amended.
        Those that *without* hides are left out and do not count; then at most `SCAN_ENTRIES` are
        looked at, so that there may be fewer than *limit*, and more to come: see `Page.go_on`.

        Raises:
            Unavailable: the log cannot be read now.
        """


class Log(Pages, Protocol):
    """The ordered, durable log of every room."""

    @property
    def committed(self) -> trio.MemoryReceiveChannel[Sequence[Write]]:
        """The batches, each after its commit (or its failure: look at `Write.error`).

        Exactly one task reads it. It is bounded: a reader that does not keep up holds up the
        writer, and by `submit` the talkers.
        """

    @property
    def committing(self) -> bool:
        """A batch is being committed, so that more will come out of `committed` soon."""

    def statistics(self) -> StoreStatistics: ...

    def submit_nowait(self, write: Write) -> None:
        """Queue *write* for the next commit.

        Raises:
            trio.WouldBlock: the queue is full.
            trio.ClosedResourceError: the store is closing.
        """

    async def submit(self, write: Write) -> None:
        """Like `submit_nowait`, but wait for a place in the queue. Not for the commit: that
        shows in `committed`. Once it has returned, cancelling the caller changes nothing."""

    @property
    def generation(self) -> str:
        """What this run of the store is called; no other run is called so. Who keeps it beside
        the seqs that it saw can ask later whether they still mean the same: see `continues`."""

    def continues(self, generation: str) -> bool:
        """Return whether every log goes on from what was seen in the run *generation*.

        False when the data is another one's, or an older copy's: of a backup, or of a folder that
        was copied before that run. A seq seen then may mean another entry now, or none yet.
        """

    async def heads(self) -> dict[str, int]:
        """Return the last seq of every room that has a log."""

    async def recall(self, scope: str, key: str) -> Write | None:
        """Return what was stored under this scope and key (room, seq, at_ms, answer; `repeated`
        is True), or None when it has not happened."""

    async def forget_ids(self, before_ms: int, *, scope: str | None = None) -> int:
        """Forget the keys of writes older than *before_ms*, with what they were answered; return
        how many. With *scope*: of those with that scope."""


class Search(Protocol):
    async def search(
        self,
        query: str,
        *,
        rooms: Mapping[str, int],
        sender: str | None = None,
        before_ms: int | None = None,
        after_ms: int | None = None,
        before: Cursor | None = None,
        limit: int,
        without: Hidden | None = None,
    ) -> Hits:
        """Return the newest entries that hold every word of *query*, newest first: by time, then
        by room, then by seq. Where the clock was wrong, and time went back in a room, what had
        been put ahead stands right before what followed.

        Only *rooms* are looked at, each above the seq given (0: all of it). Case and accents do
        not matter; "quoted words" stand together; a trailing `*` matches a word's beginning. In
        scripts without blanks between words any part of a text is found. An empty query matches
        everything (then only the other conditions count). Both times are exclusive, and so is
        *before*: with the former `Hits.go_on` the search goes on. What was committed when the
        search began is found, unless the disk refuses the index. What was edited is found where
        it was said, not once more in its `edited`. What *without* hides is left out and does not
        count; at most `SCAN_ENTRIES` of a room are looked at to find others.

        Raises:
            BadRequest: the query is too long, has too many words or too short a beginning.
            Unavailable: the log cannot be read now, `store.search_seconds` were not enough, or
                too many searches take long at the moment.
        """


class Authors(Protocol):
    """Reading what one account said."""

    async def said_by(
        self, account: str, *, after: tuple[str, int] | None = None, limit: int
    ) -> list[Entry]:
        """Return up to *limit* entries of *account*, never "", from all logs but the audit log.

        They come log by log, by name, and in a log by seq; *after* is the (room, seq) of the last
        one that was given. What was committed when it began is included, unless the disk
        refuses the index.

        Raises:
            Unavailable: the log cannot be read now.
        """


class Keeping(Authors, Protocol):
    """What is done with all that somebody said, a log, or everything. It may take long; writes
    are held up by a few milliseconds at a time.
    """

    async def redact(self, account: str) -> int:
        """Delete every message, action and notice of *account*, never "", outside the audit log;
        return how many were deleted. Its topics, its reasons for kicks and deletions, and what
        it edited lose their texts.

        Covers what was committed when it began; when it returns, the index has followed. Once
        begun anew it goes on where it was ended. What others see of a topic now is a record.

        Raises:
            Unavailable: the log cannot be written now; part of it is done.
        """

    async def drop(self, room: str) -> None:
        """Forget a whole log at once; without one, do nothing. What lay in it is removed from
        the disk afterwards, also after a restart.

        A write committed later begins the log anew, at seq 1. Ids that happened in the old one
        are still known, and answered as the first time.

        Raises:
            Unavailable: the log cannot be written now; perhaps it is forgotten.
        """

    async def backup(self, path: Path) -> int:
        """Write a consistent copy to *path*, which no other user may read; return its bytes.

        The copy is a database for a data folder of its own. *path* appears when all is written.

        Raises:
            BadRequest: *path* exists already, or no file can be made there.
            Unavailable: nothing is kept on disk, or the disk does not take it.
        """


class Records(Protocol):
    """Small facts under (space, key): sessions, topics, accounts, roles and bans.

    They change through `Write.puts`, in the same transaction as the event they belong to.
    """

    async def get(self, space: str, key: str) -> Record | None: ...

    async def list(self, space: str, prefix: str = "") -> dict[str, Record]: ...


class Store(Log, Search, Keeping, Records, Protocol):
    @property
    def description(self) -> str:
        """Where things are kept, for the log: a path, or "memory"."""
