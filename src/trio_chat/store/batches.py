"""The way of a write through a store: a bounded queue in, batches, a bounded channel out.

Every back end has one; how a batch is committed is its own affair.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from trio_chat.store.api import StoreStatistics, Write

# Batches that wait for the broadcast: the next commit runs meanwhile. 4 x `batch_writes`.
COMMITTED_BATCHES = 4
# How long the reader of `committed` may take for the rest when the store closes.
CLOSE_SECONDS = 5.0


class Batches:
    """`submit` fills the queue; while `running`, what has gathered is committed and handed on.

    Attributes:
        committing: see `Log.committing`.
    """

    def __init__(self, queue_writes: int, batch_writes: int) -> None:
        self._submitted, self._queue = trio.open_memory_channel[Write](queue_writes)
        self._committed, self.committed = trio.open_memory_channel[Sequence[Write]](
            COMMITTED_BATCHES
        )
        self._batch_writes = batch_writes
        self._finished = trio.Event()
        self._batches = self._writes = self._refused_writes = 0
        self.committing = False
        self.submit_nowait = self._submitted.send_nowait
        self.submit = self._submitted.send

    def statistics(self) -> StoreStatistics:
        queued_writes = self._queue.statistics().current_buffer_used
        return StoreStatistics(queued_writes, self._batches, self._writes, self._refused_writes)

    @asynccontextmanager
    async def running(
        self, commit: Callable[[list[Write]], Awaitable[None]]
    ) -> AsyncIterator[trio.Nursery]:
        """Have everything that is submitted committed; yield a nursery for what goes on beside
        it. On leaving no more is taken, what was taken is committed, and the nursery cancelled.

        A reader of `committed` that takes nothing for `CLOSE_SECONDS` then has gone: the rest
        is committed without it.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run, commit)
            try:
                yield nursery
            finally:
                self._submitted.close()
                with trio.move_on_after(CLOSE_SECONDS, shield=True) as waiting:
                    await self._finished.wait()
                if waiting.cancelled_caught:
                    self.committed.close()
                nursery.cancel_scope.cancel()

    async def _run(self, commit: Callable[[list[Write]], Awaitable[None]]) -> None:
        # Not cancellable, because what was submitted is committed first; `running` ends it.
        try:
            with trio.CancelScope(shield=True), self._committed:
                async for first in self._queue:
                    batch = self._gather(first)
                    self.committing = True
                    await commit(batch)
                    self.committing = False
                    self._count(batch)
                    await self._hand_on(batch)
        finally:
            self._finished.set()

    def _gather(self, first: Write) -> list[Write]:
        batch = [first]
        take = self._queue.receive_nowait
        try:
            while len(batch) < self._batch_writes:
                batch.append(take())
        except (trio.WouldBlock, trio.EndOfChannel):
            pass
        return batch

    def _count(self, batch: list[Write]) -> None:
        self._batches += 1
        self._writes += len(batch)
        self._refused_writes += sum(write.error is not None for write in batch)

    async def _hand_on(self, batch: list[Write]) -> None:
        try:
            await self._committed.send(batch)
        except trio.BrokenResourceError:
            # The reader has gone, which is for the server to notice; the log goes on.
            await trio.lowlevel.checkpoint()
