"""What peers can make the server keep is bounded, and what bounds it cannot be evaded."""

from __future__ import annotations

import json

from trio.testing import MockClock, wait_all_tasks_blocked

from support_server import (
    ChatServer,
    Peer,
    chat_config,
    open_server,
    pass_seconds,
    stored,
    texts,
    types,
)


async def test_room_that_was_only_looked_into_is_forgotten(server: ChatServer) -> None:
    alice = await server.native("alice")
    for number in range(50):
        await alice.input(f"/join r{number}")
        await alice.input(f"/leave r{number}")
    await alice.input("/join kept")
    await alice.input("something was said", "kept")
    await alice.input("/leave kept")
    await pass_seconds(61)
    await alice.sync()
    assert sorted(server.state.directory.rooms) == ["kept", "lobby"]
    assert sorted(await server.hub.store.list("room")) == ["kept", "lobby"]
    await alice.input("/join r1")
    assert texts(await alice.input("/join kept")) == ["something was said"]
    assert (await alice.input("as good as new", "r1"))[-1]["seq"] == 1


async def test_session_that_left_longest_ago_is_forgotten_first(
    autojump_clock: MockClock,
) -> None:
    async with open_server(chat_config("limits.absent_sessions=3")) as server:
        tokens = []
        for number in range(5):
            peer = Peer(server.dial())
            tokens.append((await peer.hello(f"n{number}"))[0]["session"])
            peer.reset()
            await wait_all_tasks_blocked()
        await pass_seconds(31)
        resumed = []
        for number, token in enumerate(tokens):
            peer = Peer(server.dial())
            hello = {"session": token, "rooms": {}}
            resumed.append((await peer.hello(f"m{number}", resume=hello))[0]["resumed"])
        assert resumed == [False, False, True, True, True]


async def test_another_link_brings_no_other_flood_limit(autojump_clock: MockClock) -> None:
    async with open_server(chat_config("limits.flood=true")) as server:
        peer = Peer(server.dial())
        token = (await peer.hello("alice"))[0]["session"]
        accepted = 0
        for _ in range(5):
            for _ in range(5):
                accepted += (await peer.input("quick"))[-1]["type"] == "done"
            peer.reset()
            await wait_all_tasks_blocked()
            peer = Peer(server.dial())
            await peer.resume(token)
        assert accepted == 5


async def test_resume_names_a_conversation_by_what_it_was_called_then(
    server: ChatServer,
) -> None:
    alice = await server.native("alice")
    bob = await server.native("bob")
    dave = await server.native("dave")
    await bob.input("seen", "@alice")
    await alice.sync()
    alice.reset()
    await wait_all_tasks_blocked()
    await bob.input("/nick bobby")
    await dave.input("/nick bob")
    await dave.input("who is there?", "@alice")
    back = Peer(server.dial())
    events = await back.resume(alice.token, **{"lobby": 0, "@bob": 1})
    assert texts(stored(events, "@bob")) == ["who is there?"]
    assert texts(stored(events, "@bobby")) == []
    assert "gap" not in types(events)


async def test_peer_that_was_reset_says_no_more(autojump_clock: MockClock) -> None:
    async with open_server(chat_config("limits.flood=true"), "sockets") as server:
        alice = await server.native("alice")
        ghost = await server.plain("ghost")
        await ghost.send(*(f"line {number}" for number in range(100)))
        await wait_all_tasks_blocked()
        ghost.peer.reset()
        await pass_seconds(60)
        events = await alice.sync()
        assert len(texts(events)) < 15
        assert "left" in types(events)


async def test_fast_talkers_do_not_pile_up_what_they_hear(autojump_clock: MockClock) -> None:
    async with open_server(chat_config(), "sockets") as server:
        line = json.dumps({"type": "input", "room": "lobby", "text": "x" * 4000}).encode() + b"\n"
        for number in range(10):
            await (await server.native(f"n{number}", capacity_bytes=200_000)).send_raw(line * 100)
        await wait_all_tasks_blocked()
        limit = server.config.limits.outbox_bytes
        assert max(one.outbox.queued_bytes for one in server.parts.sessions) < 2 * limit
