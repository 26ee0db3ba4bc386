"""What only the store in memory does: forget the oldest, because memory is all it has."""

from __future__ import annotations

import time

import pytest
import trio
from trio.testing import MockClock

from support_store import seqs, talking
from trio_chat.config import StoreSection
from trio_chat.errors import BadRequest
from trio_chat.store import memory
from trio_chat.store.api import Write
from trio_chat.store.memory import open_memory_store


async def test_a_room_keeps_its_newest_events_and_its_numbers_go_on() -> None:
    section = StoreSection(memory=True, memory_events=10)
    async with talking(open_memory_store(section)) as talk:
        await talk.commit(*[Write(room="lobby", text=str(i)) for i in range(1, 101)])
        page = await talk.store.page("lobby", after=0, limit=1000)
        assert 10 <= len(page) <= 12
        assert seqs(page) == list(range(101 - len(page), 101))
        assert await talk.store.page("lobby", before=80, limit=5) == []
        assert (await talk.say()).seq == 101


async def test_nothing_is_left_for_the_next_start() -> None:
    for _ in range(2):
        async with talking(open_memory_store(StoreSection(memory=True))) as talk:
            assert await talk.store.heads() == {}
            await talk.say()
            assert talk.store.description == "memory"


async def test_ids_are_forgotten_after_their_time(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = StoreSection(memory=True, remember_ids_seconds=60)
    async with open_memory_store(section) as store:
        store.submit_nowait(Write(scope="s", key="k"))
        await store.committed.receive()
        await trio.sleep(memory.FORGET_SECONDS + 1)
        assert await store.recall("s", "k")
        later = time.time() + 61
        monkeypatch.setattr(time, "time", lambda: later)
        await trio.sleep(memory.FORGET_SECONDS + 1)
        assert await store.recall("s", "k") is None


async def test_ids_stay_bounded_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_IDS", 10)
    async with talking(open_memory_store(StoreSection(memory=True))) as talk:
        for key in range(100):
            await talk.say(scope="s", key=str(key))
        assert await talk.store.recall("s", "99")
        assert await talk.store.recall("s", "85") is None


async def test_what_was_forgotten_can_no_longer_be_amended() -> None:
    section = StoreSection(memory=True, memory_events=10)
    async with talking(open_memory_store(section)) as talk:
        await talk.commit(*[Write(room="lobby", text=str(i)) for i in range(1, 10)])
        await talk.say("one", kind="edited", target=1)
        await talk.commit(*[Write(room="lobby", text=str(i)) for i in range(11, 14)])
        forgotten, kept = 1, 9
        page = await talk.store.page("lobby", after=0, limit=100)
        assert forgotten < page[0].seq <= kept
        # What it was edited to is forgotten with it.
        [edited] = [entry for entry in page if entry.kind == "edited"]
        assert (edited.text, edited.amended) == ("", "deleted")
        refused = await talk.say("x", kind="edited", target=forgotten)
        assert isinstance(refused.error, BadRequest)
        assert (await talk.say("x", kind="edited", target=kept)).error is None
