"""An asyncio loop as the guest of one trio task, so that prompt_toolkit runs inside trio.

    async with open_asyncio() as aio:
        text = await aio.run(session.prompt_async, "> ")

It knows nothing of chat. Everything stays in trio's thread: a key binding may call trio's
synchronous functions (`send_nowait`, `Event.set`, `CancelScope.cancel`), and trio code may call the
user interface's. POSIX only: trio waits for the file descriptor of the loop's selector.
"""

from __future__ import annotations

import asyncio
import selectors
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from math import inf
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

import trio

# An asyncio task may swallow a cancellation, and then goes on. Restoring a terminal takes less.
CANCEL_AGAIN_SECONDS = 2.0

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


class _GuestSelector(selectors.DefaultSelector):
    """A selector that only polls: where asyncio would sleep, it ends the slice and notes how long
    the sleep would last."""

    guest: GuestLoop | None = None  # None: an ordinary selector, which blocks

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.guest is None:
            return super().select(timeout)
        events = super().select(0)
        if not events and (timeout is None or timeout > 0):
            self.guest.nap_seconds = inf if timeout is None else timeout
            self.guest.stop()  # run_forever() returns after this round
        return events


class GuestLoop(asyncio.SelectorEventLoop):
    """An asyncio loop that a trio task turns, slice by slice."""

    def __init__(self) -> None:
        self.nap_seconds = inf  # until the next asyncio timer
        self._is_busy = False  # work came in since the slice began
        self._nap: trio.CancelScope | None = None
        self._shadowed: dict[int, list[Any]] = {}  # signal -> replaced handlers, a stack
        self._guest_selector = _GuestSelector()
        super().__init__(self._guest_selector)

    def time(self) -> float:
        return trio.current_time()  # and so trio.testing.MockClock works

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self._wake()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._wake()
        return super().call_at(when, callback, *args, context=context)

    # call_soon_threadsafe() needs nothing: it writes to the loop's self-pipe, which makes the
    # selector readable.

    # asyncio's own signal methods take trio's wakeup fd away, and drop the handler of an outer
    # prompt_toolkit application when an inner one ends.
    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        old = signal.signal(sig, lambda *_: self.call_soon_threadsafe(callback, *args))
        self._shadowed.setdefault(sig, []).append(old)

    def remove_signal_handler(self, sig: int) -> bool:
        if not self._shadowed.get(sig):
            return False
        signal.signal(sig, self._shadowed[sig].pop())
        return True

    @trio.lowlevel.enable_ki_protection
    async def drive(self, scope: trio.CancelScope) -> None:
        """Turn the loop until *scope* is cancelled, then end its tasks and close it."""
        self._guest_selector.guest = self
        try:
            with scope:
                while True:
                    await self._turn()
        finally:
            self._nap = None
            self._guest_selector.guest = None  # from here on an ordinary, blocking loop
            self._finish()

    async def _turn(self) -> None:
        self._is_busy = False
        self.run_forever()  # one slice; never blocks
        if self._is_busy:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(self.nap_seconds) as self._nap:
            await trio.lowlevel.wait_readable(self._guest_selector.fileno())
        self._nap = None

    def _wake(self) -> None:
        self._is_busy = True
        if self._nap is not None:
            self._nap.cancel()

    def _finish(self) -> None:
        """End the tasks, the generators and the threads of the loop, as asyncio.run() does."""
        try:
            if tasks := asyncio.all_tasks(self):
                for task in tasks:
                    task.cancel()
                self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.run_until_complete(self.shutdown_asyncgens())
            self.run_until_complete(self.shutdown_default_executor())
        finally:
            self.close()


class _Exit(Exception):
    """KeyboardInterrupt or SystemExit, wrapped: a task that ends in one of these themselves takes
    its whole loop down."""

    def __init__(self, reason: KeyboardInterrupt | SystemExit) -> None:
        super().__init__(reason)
        self.reason = reason


class Aio:
    """The loop as trio code uses it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    async def run(
        self, afn: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Await an asyncio coroutine from trio; cancelling the trio scope cancels it, again and
        again until it ends.

        If it finishes, or fails, all the same, its value or error is not lost.
        """

        async def carry() -> T:
            try:
                return await afn(*args, **kwargs)
            except (KeyboardInterrupt, SystemExit) as exc:
                raise _Exit(exc) from None

        task = self.loop.create_task(carry())
        waiting = trio.lowlevel.current_task()
        task.add_done_callback(lambda _: trio.lowlevel.reschedule(waiting))
        raise_cancelled: Callable[[], Any] | None = None

        def cancel() -> None:
            if not task.done():
                task.cancel()
                self.loop.call_later(CANCEL_AGAIN_SECONDS, cancel)

        def abort(raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
            nonlocal raise_cancelled
            raise_cancelled = raise_cancel
            cancel()
            return trio.lowlevel.Abort.FAILED  # prompt_toolkit restores the terminal first

        await trio.lowlevel.wait_task_rescheduled(abort)
        if raise_cancelled is not None and task.cancelled():
            raise_cancelled()
        try:
            return task.result()
        except _Exit as exit:
            raise exit.reason from None


@asynccontextmanager
async def open_asyncio() -> AsyncIterator[Aio]:
    """Open an asyncio loop in a task of its own; on leaving, its tasks are cancelled."""
    loop = GuestLoop()
    scope = trio.CancelScope(shield=True)  # keeps turning while a cancelled body unwinds
    async with trio.open_nursery() as nursery:
        nursery.start_soon(loop.drive, scope)
        try:
            yield Aio(loop)
        finally:
            scope.cancel()
