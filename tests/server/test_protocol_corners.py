"""Corners of the native wire that a client from the protocol's text alone runs into."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from support_server import ChatServer, Peer, chat_config, open_server, seqs, types


@pytest.fixture
async def server(autojump_clock: object) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config()) as server:
        yield server


async def test_empty_id_is_refused(server: ChatServer) -> None:
    """L12: `"id": ""` would get no `done`."""
    alice = await server.native("alice")
    await alice.send(type="input", id="", room="lobby", text="hello")
    await alice.send(type="page", id="", room="lobby")
    assert [event["code"] for event in await alice.sync()] == ["bad_request", "bad_request"]


async def test_backlog_belongs_to_the_first_page_of_its_room_without_an_answer(
    server: ChatServer,
) -> None:
    """L12: which `backlog` answers which `page`."""
    alice = await server.native("alice")
    for number in range(3):
        await alice.input(str(number))
    await alice.send(type="page", id="a", room="lobby", after=2)
    await alice.send(type="page", id="b", room="lobby", before=2)
    first, second = await alice.answer("a"), await alice.answer("b")
    assert (types(first), seqs(first)) == (["backlog", "done"], [3])
    assert (types(second), seqs(second)) == (["backlog", "done"], [1])


async def test_room_that_a_resume_does_not_name_comes_as_on_entering(server: ChatServer) -> None:
    """L12: which of its lines come is told; and a cursor that is too high is a gap."""
    alice, bob = await server.native("alice"), await server.native("bob")
    for number in range(60):
        await bob.input(str(number))
    alice.reset()
    back = Peer(server.dial())
    assert seqs(await back.resume(alice.token)) == [*range(11, 61)]
    back.reset()
    events = await Peer(server.dial()).resume(alice.token, lobby=100)
    [gap] = [event for event in events if event["type"] == "gap"]
    assert (gap["from"], gap["to"]) == (61, 100)


async def test_conversation_is_called_as_the_other_one_is(server: ChatServer) -> None:
    """L12: after `renamed` a conversation's new name."""
    alice, bob = await server.native("alice"), await server.native("bob")
    await alice.input("one", "@bob")
    await bob.input("/nick bobby")
    await bob.input("two", "@alice")
    said = [event for event in await alice.sync() if event["type"] == "said"]
    assert [(event["room"], event["seq"]) for event in said] == [("@bobby", 2)]
    assert (await alice.ask("page", room="@bob"))[-1]["code"] == "no_such_member"


async def test_hello_of_another_protocol_is_refused_and_may_be_said_again(
    server: ChatServer,
) -> None:
    """L12: `protocol` of another number."""
    peer = Peer(server.dial())
    [error] = await peer.ask("hello", protocol=2, nick="alice")
    assert (error["code"], "protocol 1" in error["message"]) == ("unknown_protocol", True)
    assert types(await peer.hello("alice"))[0] == "welcome"


@pytest.mark.parametrize(
    "fields", [{"limit": 0}, {"limit": -1}, {"before": 3, "after": 1}, {"after": -1}]
)
async def test_page_that_cannot_be_is_refused(server: ChatServer, fields: dict[str, Any]) -> None:
    """L12: `page` with both ends, `limit` 0."""
    alice = await server.native("alice")
    answer = await alice.ask("page", room="lobby", **fields)
    assert (types(answer), answer[-1]["code"]) == (["error"], "bad_request")
