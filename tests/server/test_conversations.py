"""Conversations that are opened without a word, and closed until somebody writes."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, code, login, registered, result
from support_house import kept_memory
from support_server import ChatServer, Event, Peer, chat_config, open_server, texts, types
from trio_chat.chat.roles import Role


def conversations(events: Iterable[Event]) -> list[str]:
    """The conversations that *events* show."""
    return [e["room"] for e in events if e["type"] == "backlog" and e["room"].startswith("@")]


async def hello(server: ChatServer, name: str) -> list[Event]:
    return await Peer(server.dial()).hello(name, account=name, password=PASSWORD)


async def test_query_opens_a_conversation_and_says_nothing(server: ChatServer) -> None:
    """C5: `/query NICK`."""
    alice, bob = await server.native("alice"), await server.native("bob")
    await alice.sync()
    events = await alice.input("/query bob")
    assert types(events) == ["backlog", "result", "done"]
    assert (events[0]["room"], events[0]["events"]) == ("@bob", [])
    assert events[1]["data"] == {"room": "@bob"}
    assert await bob.sync() == []
    assert texts(await alice.input("hi", "@bob")) == ["hi"]
    assert [(e["room"], e["text"]) for e in await bob.sync()] == [("@alice", "hi")]


async def test_a_plain_peer_talks_in_the_conversation_that_it_opened(server: ChatServer) -> None:
    bob, alice = await server.native("bob"), await server.plain("alice")
    await alice.send("/query bob", "hi")
    assert (await bob.expect("said"))["room"] == "@alice"
    await alice.send("/close", "hello all")
    assert (await bob.expect("said", text="hello all"))["room"] == "lobby"


async def test_query_with_a_text_says_it(server: ChatServer) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    await alice.input("/query bob are you there?")
    assert texts(await bob.sync()) == ["are you there?"]


async def test_query_shows_what_was_said_before(server: ChatServer) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    await bob.input("/msg alice one")
    await alice.input("/msg bob two")
    await alice.sync()
    await alice.send(type="input", text="/query bob")
    assert texts([await alice.expect("backlog", room="@bob")]) == ["one", "two"]
    await bob.input("/msg alice three")
    assert texts(await alice.sync()) == ["three"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/query nobody", "no_such_member"),
        ("/query alice", "not_permitted"),
        ("/query bob", "not_permitted"),
        ("/query", "usage"),
        ("/close", "not_in_room"),
        ("/close now", "usage"),
    ],
)
async def test_what_cannot_be_opened_or_closed_is_refused(
    server: ChatServer, text: str, answer: str
) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    await bob.input("/block alice")
    assert await code(alice, text) == answer


async def test_who_is_silenced_opens_no_conversation(server: ChatServer) -> None:
    """P3: it would be the beginning of words."""
    alice = await server.native("alice")
    await server.native("bob")
    mod = await registered(server, "mod", Role.MODERATOR)
    await mod.input("/silence alice 1h")
    assert await code(alice, "/query bob") == "muted"


async def test_a_closed_conversation_is_off_the_list_until_somebody_writes(
    server: ChatServer,
) -> None:
    """C5: `/close`, for all devices of the account, and at the next start."""
    alice, bob = await registered(server, "alice"), await registered(server, "bob")
    laptop = await login(server, "alice")
    await alice.input("/msg bob hi")
    assert (await result(alice, "/close", "@bob"))["data"] == {"room": "@bob"}
    left = await laptop.expect("left", room="@bob")
    assert (left["nick"], left["reason"]) == ("alice", "closed")
    assert conversations(await hello(server, "alice")) == []
    assert conversations(await hello(server, "bob")) == ["@alice"]
    await bob.input("still there?", "@alice")
    assert texts(await laptop.sync()) == ["still there?"]
    assert conversations(await hello(server, "alice")) == ["@bob"]


async def test_a_closed_conversation_comes_back_when_it_is_opened(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    await registered(server, "bob")
    await alice.input("/msg bob hi")
    await alice.input("/close", "@bob")
    await alice.input("/query bob")
    assert conversations(await hello(server, "alice")) == ["@bob"]


async def test_a_conversation_stays_closed_over_a_restart(autojump_clock: MockClock) -> None:
    """C5: closed ones do not come back at the next start until written to."""
    store = kept_memory()
    async with open_server(chat_config(), store=store) as server:
        alice, bob = await registered(server, "alice"), await registered(server, "bob")
        await alice.input("/msg bob hi")
        await alice.input("/close", "@bob")
    async with open_server(chat_config(), store=store) as server:
        assert conversations(await hello(server, "alice")) == []
        bob = await login(server, "bob")
        await bob.input("/msg alice hello")
        assert conversations(await hello(server, "alice")) == ["@bob"]


async def test_a_guest_that_resumes_finds_it_closed(server: ChatServer) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    await alice.input("/msg bob hi")
    await alice.input("/close", "@bob")
    alice.reset()
    back = Peer(server.dial())
    assert conversations(await back.resume(alice.token, lobby=0)) == []
    await bob.input("/msg alice hello")
    assert texts(await back.sync()) == ["hello"]
