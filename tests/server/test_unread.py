"""What the server tells of what one has not read, further back than a backlog goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, login, registered
from support_house import kept_memory
from support_server import ChatServer, Event, Peer, chat_config, open_server


def unread(events: Iterable[Event]) -> dict[str, Any]:
    """What the first `welcome` among *events* tells."""
    welcome = next(event for event in events if event["type"] == "welcome")
    rooms: dict[str, Any] = welcome["unread"]["rooms"]
    return rooms


async def come_back(server: ChatServer, name: str = "carol") -> dict[str, Any]:
    """What is unread for the account when it says hello."""
    peer = Peer(server.dial())
    events = await peer.hello(name, account=name, password=PASSWORD)
    await peer.quit()
    return unread(events)


@pytest.fixture
async def bob(server: ChatServer) -> Peer:
    """Somebody who talks, while carol, who has an account, is away."""
    carol = await registered(server, "carol")
    await carol.quit()
    return await server.native("bob")


async def test_a_mention_is_told_however_much_was_said_since(server: ChatServer, bob: Peer) -> None:
    """S23: somebody says `@carol URGENT`, then 60 more lines."""
    await bob.input("@carol URGENT")
    for number in range(60):
        await bob.input(f"line {number}")
    assert await come_back(server) == {"lobby": {"count": 61, "mentions": [1], "first": 1}}
    assert await come_back(server) == {"lobby": {"count": 61, "mentions": [1], "first": 1}}


async def test_what_was_read_on_any_device_is_unread_nowhere(server: ChatServer, bob: Peer) -> None:
    for number in range(4):
        await bob.input(f"line {number}")
    carol = await login(server, "carol")
    await carol.ask("read", room="lobby", seq=3)
    await carol.quit()
    assert await come_back(server) == {"lobby": {"count": 1, "mentions": [], "first": 4}}
    carol = await login(server, "carol")
    await carol.ask("read", room="lobby", seq=4)
    await carol.quit()
    assert await come_back(server) == {}


@pytest.mark.parametrize(
    ("text", "is_called"),
    [
        ("carol: hi", True),
        ("hi CAROL!", True),
        ("/me waves at carol", True),
        ("caroline sings", False),
        ("the Release is out", True),
        ("prereleases", False),
    ],
)
async def test_a_line_calls_by_the_nick_or_a_word_that_stands_alone(
    server: ChatServer, bob: Peer, text: str, is_called: bool
) -> None:
    """S23: by nick, by highlight word; as the client sees it."""
    carol = await login(server, "carol")
    await carol.input("/highlight release")
    await carol.quit()
    await bob.input(text)
    mentions = [1] if is_called else []
    assert await come_back(server) == {"lobby": {"count": 1, "mentions": mentions, "first": 1}}


async def test_only_what_others_say_and_one_sees_counts(server: ChatServer, bob: Peer) -> None:
    """Not one's own lines, nor what was taken back, nor whom one ignores."""
    carol, mallory = await login(server, "carol"), await registered(server, "mallory")
    await carol.input("/ignore mallory")
    await carol.input("my own line")
    await carol.quit()
    await mallory.input("@carol noise")
    await bob.input("@carol oops")
    await bob.input("/delete last")
    await bob.input("/topic roses")
    assert await come_back(server) == {}
    await bob.input("hello")
    assert await come_back(server) == {"lobby": {"count": 1, "mentions": [], "first": 6}}


async def test_what_was_said_before_one_came_is_no_news(server: ChatServer, bob: Peer) -> None:
    await bob.input("/join den")
    await bob.input("@carol before", "den")
    carol = await login(server, "carol")
    await carol.input("/join den")
    await carol.quit()
    assert await come_back(server) == {}
    await bob.input("after", "den")
    assert await come_back(server) == {"den": {"count": 1, "mentions": [], "first": 2}}


async def test_a_letter_that_waits_is_unread_from_its_beginning(
    server: ChatServer, bob: Peer
) -> None:
    for text in ("are you there?", "carol?"):
        await bob.input(f"/msg carol {text}")
    assert await come_back(server) == {"@bob": {"count": 2, "mentions": [2], "first": 1}}


async def test_of_many_lines_the_newest_thousand_are_looked_at(
    server: ChatServer, bob: Peer
) -> None:
    """It costs no more however long one was away."""
    await bob.input("@carol early")
    for number in range(1100):
        await bob.send(type="input", room="lobby", text=f"line {number}")
    await bob.input("@carol late")
    await bob.sync()
    told = await come_back(server)
    assert told == {"lobby": {"count": 1000, "mentions": [1102], "first": 1}}


async def test_a_guest_is_told_on_a_resume(server: ChatServer, bob: Peer) -> None:
    dave = await server.native("dave")
    dave.reset()
    for text in ("one", "dave?", "three"):
        await bob.input(text)
    back = Peer(server.dial())
    events = await back.resume(dave.token, lobby=0)
    assert unread(events) == {"lobby": {"count": 3, "mentions": [2], "first": 1}}


async def test_who_logs_in_later_is_told_then(server: ChatServer, bob: Peer) -> None:
    await bob.input("@carol URGENT")
    guest = await server.native("guest")
    events = await guest.input(f"/login carol {PASSWORD}")
    assert unread(events)["lobby"]["mentions"] == [1]


async def test_a_token_that_may_not_read_is_told_nothing(server: ChatServer, bob: Peer) -> None:
    """P1: neither how much was said nor where."""
    carol = await login(server, "carol")
    notes = await carol.input("/token new write bot")
    secret = notes[0]["text"].split("): ")[1].split()[0]
    await bob.input("@carol URGENT")
    events = await Peer(server.dial()).hello("x", token=secret)
    assert "unread" not in events[0]


async def test_read_marks_and_what_is_unread_outlive_the_server(autojump_clock: MockClock) -> None:
    store = kept_memory()
    async with open_server(chat_config(), store=store) as server:
        carol, bob = await registered(server, "carol"), await server.native("bob")
        await bob.input("one")
        await carol.ask("read", room="lobby", seq=1)
        await carol.quit()
        await bob.input("two")
    async with open_server(chat_config(), store=store) as server:
        assert await come_back(server) == {"lobby": {"count": 1, "mentions": [], "first": 2}}
