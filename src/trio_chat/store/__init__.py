"""The log and the records behind the chat: the Protocols, and what every back end promises.

Whoever uses a store depends on this module; which back end stands behind it is the business of
`open_store` alone. The promises are checked for every back end by tests/store/test_conformance.py:

1. Total order per room, decided by the store; seq dense (1, 2, 3 ...); time never decreasing
   inside a room.
2. A write is answered only when it is durable. Cancelled or `Unavailable` means "unknown": the
   same scope and key give the effect exactly once.
3. What was committed comes out of `committed` in commit order, each write once.
4. Disk full, read-only or broken file: writes are answered with `Unavailable`, what was
   acknowledged stays, reads go on, and the store recovers by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec
import trio

from trio_chat.config import Config
from trio_chat.errors import ChatError, Conflict

EntryKind: TypeAlias = Literal[
    "message", "action", "notice", "edited", "deleted", "topic", "kicked"
]

AUDIT_ROOM = "$audit"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One event of a room's log. (room, seq) is its identity.

    *room* is the log's key: a folded room name, `$audit`, or the key of a direct conversation.
    *sender* is the nick at that time, *account* the account or "". *target* is the seq meant by
    `edited` and `deleted`, the nick meant by `kicked`, else None.
    """

    room: str
    seq: int
    at_ms: int
    kind: EntryKind
    sender: str
    account: str
    text: str
    target: int | str | None = None


class Put(msgspec.Struct, frozen=True, gc=False):
    """One change of a record. *value* None deletes. *expect* is the version it must be at: 0 for
    "must not exist", None for "whatever it is"."""

    space: str
    key: str
    value: bytes | None
    expect: int | None = None


class Record(NamedTuple):
    value: bytes
    version: int


class Write(msgspec.Struct):
    """One atomic unit for the store's writer: at most one event, with the records that change
    with it, at most once per (*scope*, *key*).

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
    # Handed through untouched, for the one who reads `committed`.
    origin: Any = None

    # --- filled by the store
    seq: int = 0
    at_ms: int = 0
    # True: the key was known, nothing was written; room, seq, at_ms and answer are the first ones'.
    repeated: bool = False
    # Unavailable: perhaps it was written; Conflict: a put's *expect* did not hold; BadRequest: it
    # cannot be stored, whatever one tries; both: nothing was written.
    error: ChatError | Conflict | None = None


class Log(Protocol):
    """The ordered, durable log of every room."""

    @property
    def committed(self) -> trio.MemoryReceiveChannel[Sequence[Write]]:
        """The batches, each after its commit (or its failure: look at `Write.error`).

        Exactly one task reads it. It is bounded: a reader that does not keep up holds up the
        writer, and by `submit` the talkers.
        """

    def submit_nowait(self, write: Write) -> None:
        """Queue *write* for the next commit.

        Raises:
            trio.WouldBlock: the queue is full.
            trio.ClosedResourceError: the store is closing.
        """

    async def submit(self, write: Write) -> None:
        """Like `submit_nowait`, but wait for a place in the queue. Not for the commit: that
        shows in `committed`. Once it has returned, cancelling the caller changes nothing."""

    async def page(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int
    ) -> list[Entry]:
        """Return up to *limit* entries, oldest first: the newest with seq < *before*, the oldest
        with seq > *after*, or with neither the newest there are.

        With both: the oldest in between. An unknown room has none.

        Raises:
            Unavailable: the log cannot be read now.
        """

    async def heads(self) -> dict[str, int]:
        """Return the last seq of every room that has a log."""

    async def recall(self, scope: str, key: str) -> Write | None:
        """Return what was stored under this scope and key (room, seq, at_ms, answer; `repeated`
        is True), or None when it has not happened."""

    async def forget_ids(self, before_ms: int) -> int:
        """Forget the keys of writes older than *before_ms*; return how many."""


class Search(Protocol):
    async def search(
        self,
        query: str,
        *,
        rooms: Sequence[str],
        sender: str | None = None,
        before_ms: int | None = None,
        after_ms: int | None = None,
        limit: int,
    ) -> list[Entry]:
        """Return the newest entries that hold every word of *query*, newest first.

        Only *rooms* are looked at. Case and accents do not matter; "quoted words" stand together;
        a trailing `*` matches a word's beginning. An empty query matches everything (then only
        the other conditions count). Both times are exclusive. What was committed when the search
        began is found, unless the disk refuses the index.

        Raises:
            Unavailable: the log cannot be read now, or `store.search_seconds` were not enough.
        """


class Records(Protocol):
    """Small facts under (space, key): sessions, topics, later accounts, roles and bans.

    They change through `Write.puts`, in the same transaction as the event they belong to.
    """

    async def get(self, space: str, key: str) -> Record | None: ...

    async def list(self, space: str, prefix: str = "") -> dict[str, Record]: ...


class Store(Log, Search, Records, Protocol):
    @property
    def description(self) -> str:
        """Where things are kept, for the log: a path, or "memory"."""


def open_store(config: Config) -> AbstractAsyncContextManager[Store]:
    """Open the store that *config* asks for; on leaving, what was submitted is committed first.

    Raises:
        StoreError: the data folder belongs to another server, is newer than this program,
            cannot be written, or is no database of ours.
    """
    if config.store.memory:
        from trio_chat.store.memory import open_memory_store

        return open_memory_store(config.store)
    from trio_chat.store.sqlite import open_sqlite_store

    return open_sqlite_store(config.data_folder, config.store)
