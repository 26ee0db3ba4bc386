"""What the writer's thread does between the commits: settle, follow, sweep, forget.

Each piece of it is a transaction of some milliseconds, so that no commit waits longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import apsw
import structlog
import trio

from trio_chat.errors import Unavailable
from trio_chat.store.sqlite.asking import RETRY_SECONDS, ask
from trio_chat.store.sqlite.connections import CLOSE_SECONDS, checkpoint
from trio_chat.store.sqlite.writer import Committer

T = TypeVar("T")

# Writes that settle at once: enough that those of one room share pages, moved in some 10 ms.
SETTLE_WRITES = 1024
FORGET_SECONDS = 600.0
TELL_SECONDS = 10.0
FORGET_BITE_IDS = 500

_log = structlog.get_logger()


class Telling:
    """Tells the log how far the index of a former version has been brought up to date."""

    def __init__(self) -> None:
        self._next = trio.current_time()
        self._done = False

    def is_due(self) -> bool:
        return not self._done and trio.current_time() >= self._next

    def tell(self, messages: int) -> None:
        self._next = trio.current_time() + TELL_SECONDS
        self._done = not messages
        if messages:
            _log.info("older messages are cut into words for the search", left=messages)


class Upkeep:
    """The tasks that keep the database in order, and the pieces of work they are made of."""

    def __init__(self, writer: apsw.AsyncConnection, committer: Committer) -> None:
        self._writer = writer
        self._committer = committer
        self._settling = trio.Event()
        self._tidying = trio.Event()
        # One bite at a time, so that a commit waits for one.
        self._bite = trio.Lock()

    def note_commit(self) -> None:
        """Wake those who have something to do after a commit."""
        if self._committer.unsettled >= SETTLE_WRITES:
            self._settling.set()
        if self._committer.index_is_behind:
            self._tidying.set()

    async def bite(self, work: Callable[..., T], *arguments: Any) -> T:
        """Have the writer's thread do *work* between two commits. Not cancelled half-way.

        Raises:
            Unavailable: the disk does not take it.
        """
        async with self._bite:
            with trio.CancelScope(shield=True):
                done = await ask(self._writer, work, *arguments)
        return done

    async def settle(self) -> None:
        # Shielded, because what is cancelled half-way may or may not have happened.
        with trio.CancelScope(shield=True):
            await self._writer.async_run(self._committer.settle)

    async def follow_all(self) -> None:
        """Return when the index holds all that was committed by now as it is."""
        until_turn = await self.bite(self._committer.last_turn)
        more = True
        while more:
            more = await self.bite(self._committer.follow, until_turn)

    async def redact_in(self, base: int, account: str) -> int:
        """Redact *account* in the room with this *base*; return how many were deleted."""
        redacted = 0
        after: int | None = base
        while after is not None:
            after, deleted = await self.bite(self._committer.redact_some, account, after)
            redacted += deleted
            # What waits for the index stays little: searches look through it.
            await self.follow_all()
        return redacted

    async def drop(self, room: str) -> None:
        await self.bite(self._committer.drop, room)
        self._tidying.set()

    async def forget_ids(self, before_ms: int, *, scope: str | None = None) -> int:
        forget = self._committer.forget_ids
        forgotten = 0
        gone = FORGET_BITE_IDS
        while gone == FORGET_BITE_IDS:
            gone = await self.bite(forget, before_ms, FORGET_BITE_IDS, scope)
            forgotten += gone
        return forgotten

    async def finish(self) -> None:
        """Leave a small and settled database: what the next start would have to do else."""
        with trio.move_on_after(CLOSE_SECONDS, shield=True), suppress(Unavailable):
            await ask(self._writer, self._committer.settle)
            await self.follow_all()
            await ask(self._writer, checkpoint, self._writer)

    # --- tasks, until they are cancelled

    async def keep_settling(self) -> None:
        """Settle whenever there is enough."""
        while True:
            await self._settling.wait()
            self._settling = trio.Event()
            try:
                await self.settle()
            except apsw.Error as exc:
                # What is recent stays so, and is tried again after the next commit.
                _log.warning("the search index cannot be kept up to date", reason=repr(exc))
                await trio.sleep(RETRY_SECONDS)

    async def keep_tidying(self) -> None:
        """Have the index follow, and delete what lies in dropped rooms."""
        telling = Telling()
        failing = False
        while True:
            try:
                await self._tidy(telling)
                failing = False
                await self._tidying.wait()
                self._tidying = trio.Event()
            except Unavailable as exc:
                if not failing:
                    _log.warning("what was taken back cannot be removed yet", reason=str(exc))
                failing = True
                await trio.sleep(RETRY_SECONDS)

    async def _tidy(self, telling: Telling) -> None:
        while await self.bite(self._committer.tidy):
            if telling.is_due():
                telling.tell(await self.bite(self._committer.uncut))

    async def keep_forgetting(self, remember_ids_seconds: float) -> None:
        """Forget ids that are old enough, again and again."""
        while True:
            before_seconds = time.time() - remember_ids_seconds
            with suppress(Unavailable):
                await self.forget_ids(int(before_seconds * 1000))
            await trio.sleep(FORGET_SECONDS)
