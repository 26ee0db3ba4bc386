"""A bot in a program of asyncio: trio runs as the guest of its loop, in the same thread.

python docs/examples/asyncio_bot.py 127.0.0.1:7373
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import outcome
import trio

from trio_chat.client import open_chat
from trio_chat.events import Said


async def run_trio(function: Callable[[], Awaitable[None]]) -> None:
    """Run *function*, of trio, in a task of asyncio. When that task is cancelled, so is trio, and
    the chat leaves in order."""
    loop = asyncio.get_running_loop()
    began: asyncio.Future[trio.lowlevel.TrioToken] = loop.create_future()
    ended: asyncio.Future[None] = loop.create_future()
    scope = trio.CancelScope()

    async def main() -> None:
        began.set_result(trio.lowlevel.current_trio_token())
        with scope:
            await function()

    def finish(result: outcome.Outcome[None]) -> None:
        if isinstance(result, outcome.Error):
            ended.set_exception(result.error)
        else:
            ended.set_result(None)

    trio.lowlevel.start_guest_run(
        main,
        run_sync_soon_threadsafe=loop.call_soon_threadsafe,
        done_callback=finish,
        host_uses_signal_set_wakeup_fd=True,
    )
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        # Trio ends soon, by a deadline of its own; from outside it is reached by its token only.
        token = await began  # noqa: ASYNC102
        token.run_sync_soon(scope.cancel)
        await ended  # noqa: ASYNC102
        raise


async def listen(address: str, heard: asyncio.Queue[str]) -> None:
    """The side of trio. It may use what is asyncio's, as long as it does not await it."""
    async with open_chat(address, nick="notary", wait_seconds=60) as chat:
        async for event in chat.events():
            if isinstance(event, Said) and not chat.is_own(event):
                heard.put_nowait(event.text)
                await chat.say(event.room, f"{event.sender}: noted")


async def note(heard: asyncio.Queue[str]) -> None:
    """The side of asyncio."""
    while True:
        print(await heard.get(), flush=True)


async def main(address: str) -> None:
    """Run both until cancelled."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_trio(partial(listen, address, heard)))
        tasks.create_task(note(heard))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
