"""asyncio as a guest of trio: it runs, waits, is cancelled and ends as asyncio's users expect."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import trio
from trio.testing import MockClock

from trio_chat.client.ui.aiotrio import open_asyncio


async def test_value_and_error_come_back() -> None:
    async def add(a: int, *, b: int) -> int:
        await asyncio.sleep(0)
        return a + b

    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("x")

    async with open_asyncio() as aio:
        assert await aio.run(add, 1, b=2) == 3
        with pytest.raises(LookupError):
            await aio.run(fail)


async def test_asyncio_timers_follow_trios_clock(autojump_clock: MockClock) -> None:
    async with open_asyncio() as aio:
        before = trio.current_time()
        await aio.run(asyncio.sleep, 3600)
        assert trio.current_time() - before == pytest.approx(3600, abs=1)


async def test_trio_and_asyncio_take_turns(autojump_clock: MockClock) -> None:
    order: list[str] = []

    async def guest() -> None:
        for i in range(3):
            await asyncio.sleep(1)
            order.append(f"asyncio {i}")

    async def host() -> None:
        await trio.sleep(0.5)
        for i in range(3):
            order.append(f"trio {i}")
            await trio.sleep(1)

    async with open_asyncio() as aio, trio.open_nursery() as nursery:
        nursery.start_soon(aio.run, guest)
        nursery.start_soon(host)
    assert order == [f"{who} {i}" for i in range(3) for who in ("trio", "asyncio")]


async def test_host_wakes_a_guest_that_waits_for_nothing_else() -> None:
    async with open_asyncio() as aio:
        event = asyncio.Event()
        woken: list[bool] = []

        async def guest() -> None:
            woken.append(await event.wait())

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(aio.run, guest)
                await trio.testing.wait_all_tasks_blocked()
                assert woken == []
                aio.loop.call_soon(event.set)
        assert woken == [True]


async def test_thread_wakes_the_guest() -> None:
    async def wait_for_thread() -> int:
        future = aio.loop.create_future()
        threading.Thread(target=lambda: aio.loop.call_soon_threadsafe(future.set_result, 7)).start()
        return int(await future)

    async with open_asyncio() as aio:
        with trio.fail_after(5):
            assert await aio.run(wait_for_thread) == 7
            assert await aio.run(asyncio.to_thread, lambda: 8) == 8


async def test_asyncio_streams_work() -> None:
    async def talk() -> bytes:
        ours, theirs = socket.socketpair()
        _, writer = await asyncio.open_connection(sock=ours)
        reader, other_writer = await asyncio.open_connection(sock=theirs)
        writer.write(b"hello\n")
        line = await reader.readline()
        for each in (writer, other_writer):
            each.close()
            await each.wait_closed()
        return line

    async with open_asyncio() as aio:
        with trio.fail_after(5):
            assert await aio.run(talk) == b"hello\n"


async def test_idle_guest_uses_no_cpu() -> None:
    async with open_asyncio() as aio:
        with trio.move_on_after(0.2):
            before = time.process_time()
            await aio.run(asyncio.sleep, 10)
        assert time.process_time() - before < 0.05


async def test_cancelling_the_scope_cancels_the_coroutine_and_waits_for_its_clean_up(
    autojump_clock: MockClock,
) -> None:
    async def stubborn() -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(asyncio.sleep, 1)
            await asyncio.sleep(100)

    async with open_asyncio() as aio:
        before = trio.current_time()
        with trio.move_on_after(5) as scope:
            await aio.run(stubborn)
        assert scope.cancelled_caught
        assert trio.current_time() - before == pytest.approx(6, abs=0.1)


async def test_value_is_not_lost_when_it_comes_in_spite_of_the_cancellation(
    autojump_clock: MockClock,
) -> None:
    async def finishes() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(100)
        return "the line"

    async with open_asyncio() as aio:
        with trio.move_on_after(5):
            assert await aio.run(finishes) == "the line"


async def test_scope_cancelled_beforehand_does_not_start_the_coroutine() -> None:
    started = False

    async def start() -> None:
        nonlocal started
        started = True
        await asyncio.sleep(0)

    async with open_asyncio() as aio:
        with trio.CancelScope() as scope:
            scope.cancel()
            await aio.run(start)
        assert scope.cancelled_caught
    assert not started


@pytest.mark.parametrize("exit_type", [KeyboardInterrupt, SystemExit])
async def test_exit_is_carried_and_leaves_the_loop_alive(exit_type: type[BaseException]) -> None:
    async def leave() -> None:
        await asyncio.sleep(0)
        raise exit_type

    async with open_asyncio() as aio:
        with pytest.raises(exit_type):
            await aio.run(leave)
        assert await aio.run(asyncio.sleep, 0, "alive") == "alive"


async def test_leaving_cancels_tasks_that_still_run() -> None:
    ended = False

    async def background() -> None:
        nonlocal ended
        try:
            await asyncio.sleep(1000)
        finally:
            ended = True

    async def start() -> asyncio.Task[None]:
        task = asyncio.ensure_future(background())
        await asyncio.sleep(0)
        return task

    async with open_asyncio() as aio:
        task = await aio.run(start)
    assert ended
    assert task.cancelled()


async def test_signal_handlers_nest() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    outer, inner = asyncio.Event(), asyncio.Event()
    async with open_asyncio() as aio:
        aio.loop.add_signal_handler(signal.SIGUSR1, outer.set)
        aio.loop.add_signal_handler(signal.SIGUSR1, inner.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        with trio.fail_after(5):
            await aio.run(inner.wait)
        assert aio.loop.remove_signal_handler(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        with trio.fail_after(5):
            await aio.run(outer.wait)
        assert aio.loop.remove_signal_handler(signal.SIGUSR1)
        assert not aio.loop.remove_signal_handler(signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) is before


async def test_random_cancellations_leave_nothing_behind(autojump_clock: MockClock) -> None:
    rng = random.Random(1)
    running = 0

    async def work(seconds: float) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.gather(*(asyncio.sleep(seconds * i) for i in range(3)))
        finally:
            running -= 1

    async def once() -> None:
        with trio.move_on_after(rng.random()):
            await aio.run(work, rng.random())

    async with open_asyncio() as aio:
        for _ in range(20):
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(once)
    assert running == 0


def test_bridge_does_not_import_the_user_interface() -> None:
    code = "import sys, trio_chat.client.app; sys.exit('prompt_toolkit' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_coroutine_that_swallows_cancellations_is_cancelled_again(
    autojump_clock: MockClock,
) -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
            swallowed += 1
        await asyncio.sleep(3600)

    async with open_asyncio() as aio:
        with trio.fail_after(60), trio.move_on_after(1) as scope:
            await aio.run(stubborn)
    assert scope.cancelled_caught
    assert swallowed == 2
