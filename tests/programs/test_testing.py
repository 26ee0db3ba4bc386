"""`trio_chat.testing`: what a test of a bot can rely on."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_chat.client import Unreachable
from trio_chat.testing import TestServer, run_jumping, start_server
from trio_chat.testing.person import NotHeardError


async def test_people_talk_and_hear_each_other(chat_server: TestServer) -> None:
    """L13: testing a bot."""
    alice, bob = await chat_server.person("alice"), await chat_server.person("bob")
    await alice.say("lobby", "hello bob")
    await alice.say("@bob", "in private")
    assert await bob.hears("hello", sender="alice", room="lobby") == "hello bob"
    assert await bob.hears(room="@alice") == "in private"
    assert [line.text for line in bob.heard] == ["hello bob", "in private"]
    assert alice.nick == "alice"


async def test_who_hears_nothing_is_told_what_was_said_instead(
    chat_server: TestServer, autojump_clock: MockClock
) -> None:
    alice, bob = await chat_server.person("alice"), await chat_server.person("bob")
    await alice.say("lobby", "good morning")
    with pytest.raises(NotHeardError, match="hear <carol> tea, but: lobby <alice> good morning"):
        await bob.hears("tea", sender="carol")


async def test_owner_may_do_what_an_owner_may(chat_server: TestServer) -> None:
    olga, bob = await chat_server.owner("olga"), await chat_server.person("bob")
    await olga.chat.command("/kick bob", room="lobby")
    assert olga.chat.role == "owner"
    assert bob.nick == "bob"


async def test_links_that_are_cut_are_mended(
    chat_server: TestServer, autojump_clock: MockClock
) -> None:
    alice, bob = await chat_server.person("alice"), await chat_server.person("bob")
    await chat_server.cut()
    await alice.say("lobby", "still here")
    assert await bob.hears() == "still here"


async def listens(server: TestServer) -> None:
    async with server.open_chat("bot", give_up_seconds=5) as chat:
        assert chat.rooms == ("lobby", "dev")
        server.stop()
        await trio.sleep_forever()


async def test_server_is_set_up_as_asked_and_can_be_stopped(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    server = await start_server(nursery, "rooms.auto_join=lobby,dev")
    with pytest.raises(Unreachable, match="gave up"):
        await listens(server)


def test_an_hour_passes_in_a_moment() -> None:
    async def main(hours: int) -> float:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            server = await start_server(nursery)
            async with server.open_chat("bot") as chat:
                await trio.sleep(hours * 3600)
                await chat.say("lobby", "one hour later")
            nursery.cancel_scope.cancel()
        return trio.current_time() - began

    assert run_jumping(main, 1) >= 3600
