"""Each part tells what it counts; `/stats` shows what an operator looks at first."""

from __future__ import annotations

from support_server import chat_config, open_server


async def test_each_part_counts_its_own(autojump_clock: object) -> None:
    async with open_server(chat_config()) as server:
        alice, bob = await server.native("alice"), await server.native("bob")
        await server.plain("carol")
        await bob.input("/join den")
        before = server.hub.store.statistics()
        await alice.input("one")
        await bob.input("two", room="den")
        await alice.sync()
        await bob.sync()

        parts, hub = server.parts, server.hub
        assert hub.statistics()._asdict() == {
            "members": 3,
            "seats": 2,  # a plain peer keeps none
            "rooms": 2,
            "conversations": 0,
            "accounts": 0,
        }
        assert hub.audience.statistics() == (2, 4)
        shown = parts.broadcaster.statistics()
        assert (shown.events, shown.sends) == (2, 4)
        assert shown.batches >= 2
        after = hub.store.statistics()
        assert after.writes > before.writes
        assert (after.queued_writes, after.refused_writes) == (0, before.refused_writes)
        flavours = parts.sessions.statistics().by_flavour
        assert flavours == {"native": 2, "plain": 1}


async def test_session_that_reads_nothing_shows_in_the_figures(autojump_clock: object) -> None:
    config = chat_config("limits.outbox_bytes=65536")
    async with open_server(config) as server:
        alice = await server.native("alice")
        await server.native("slow", capacity_bytes=4096)
        for number in range(200):
            await alice.input(f"{number} " + "x" * 1000)
        await alice.sync()
        figures = server.parts.sessions.statistics()
        assert figures.lagging == 1
        assert 0 < figures.queued_bytes <= 3 * 65_536
