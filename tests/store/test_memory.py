"""What only the store in memory does: forget the oldest, because memory is all it has."""

from __future__ import annotations

from support_store import seqs, talking

from trio_chat.config import StoreSection
from trio_chat.store import Write
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
