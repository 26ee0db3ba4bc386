"""How long a batch waits follows how busy the loop would be without waiting."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_chat.server.delivery.pause import Pace

TOOK_SECONDS = 0.001
MOST_SECONDS = 0.005


class Talk:
    """Batches that each take TOOK_SECONDS to show, of CPU and on the clock."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._cpu_seconds = 0.0
        self._pace = Pace(lambda: self._cpu_seconds)

    def work(self, seconds: float) -> None:
        self._cpu_seconds += seconds
        self._clock.jump(seconds)

    def show(self, writes: int, shares: int = 1) -> float:
        self._pace.begin()
        self.work(TOOK_SECONDS)
        return self._pace.pause_seconds(writes, shares, MOST_SECONDS, committing=False)

    async def last_of(
        self, batches: int, writes: int, *, every_seconds: float, shares: int = 1
    ) -> float:
        """Show *batches*, and return how long is to be waited after the last one."""
        paused = 0.0
        for _ in range(batches):
            await trio.lowlevel.checkpoint()  # as the broadcaster waits for the next one
            self._clock.jump(every_seconds - TOOK_SECONDS)
            paused = self.show(writes, shares)
        return paused


async def test_there_is_no_wait_while_the_loop_has_time_to_spare(mock_clock: MockClock) -> None:
    talk = Talk(mock_clock)
    # Two messages in 5 ms would take 2 ms, one by one.
    assert await talk.last_of(100, 2, every_seconds=0.005) == 0.0


async def test_the_whole_wait_is_waited_when_the_loop_could_not_do_without(
    mock_clock: MockClock,
) -> None:
    talk = Talk(mock_clock)
    assert await talk.last_of(100, 4, every_seconds=0.003) == pytest.approx(2 * TOOK_SECONDS)


async def test_what_was_saved_by_waiting_counts_as_load(mock_clock: MockClock) -> None:
    """Else the wait would come and go: it makes the loop less busy."""
    talk = Talk(mock_clock)
    one_by_one = await talk.last_of(400, 2, every_seconds=0.0020)
    joined = await talk.last_of(100, 8, every_seconds=0.0080)
    assert 0.0 < one_by_one < 2 * TOOK_SECONDS
    assert joined == pytest.approx(one_by_one)


async def test_what_else_the_loop_does_counts_as_load(mock_clock: MockClock) -> None:
    talk = Talk(mock_clock)
    for _ in range(100):
        await trio.lowlevel.checkpoint()
        talk.work(0.004)
        waited = talk.show(2)
    assert waited > 0.0


async def test_messages_of_different_rooms_save_nothing_by_waiting(mock_clock: MockClock) -> None:
    talk = Talk(mock_clock)
    assert await talk.last_of(100, 4, every_seconds=0.003, shares=4) == 0.0


async def test_a_burst_after_silence_is_no_load(mock_clock: MockClock) -> None:
    talk = Talk(mock_clock)
    await talk.last_of(100, 8, every_seconds=0.003)
    assert await talk.last_of(1, 8, every_seconds=60.0) == 0.0
