"""Events and errors say whose and what they are about, beside their words."""

from __future__ import annotations

import pytest

from support_server import ChatServer, Event, Peer, stored

PASSWORD = "hunter2hunter2"


def accounts(events: list[Event]) -> set[str | None]:
    return {event.get("account") for event in stored(events) if event["type"] == "said"}


async def test_said_and_joined_name_the_account_live_and_later(server: ChatServer) -> None:
    """
    > `account` is the sender's, a guest has none.
    """
    bob = await server.native("bob")
    alice = await server.native("alice")
    await alice.input(f"/register {PASSWORD}")
    await alice.input("/nick allie")
    await bob.sync()
    await alice.input("hi")
    await alice.input("/me waves")
    await alice.input("/msg bob psst")
    assert accounts(await bob.sync()) == {"alice"}
    for room in ("lobby", "@allie"):
        assert accounts(await bob.ask("page", room=room)) == {"alice"}
    assert accounts((await bob.input("/history"))[-2]["data"]["events"]) == {"alice"}
    newcomer = Peer(server.dial())
    assert accounts(await newcomer.hello("carol")) == {"alice"}
    await bob.input("/join dev")
    await alice.input("/join dev")
    joined = {"type": "joined", "room": "dev", "nick": "allie", "account": "alice"}
    assert joined in await bob.sync()
    await newcomer.input("/join dev")
    joined = {"type": "joined", "room": "dev", "nick": "carol"}
    assert joined in await bob.sync()


@pytest.mark.parametrize(
    ("typed", "facts"),
    [
        ("/nikc bob", {"command": "nikc"}),
        ("/nick", {"command": "nick"}),
        ("/nick bob", {"command": "nick", "nick": "bob"}),
        ("/nick a/b", {"command": "nick", "nick": "a/b"}),
        ("/w nobody hi", {"command": "msg", "nick": "nobody"}),
        ("/ban bob", {"command": "ban"}),
        ("/leave nowhere", {"command": "leave", "room": "nowhere"}),
        ("/who nowhere", {"command": "who", "room": "nowhere"}),
    ],
)
async def test_error_says_what_it_is_about(
    server: ChatServer, typed: str, facts: dict[str, str]
) -> None:
    """
    > Where it is about somebody or something, `nick`, `room`, `command` or `account` says which
    """
    bob, alice = await server.native("bob"), await server.native("alice")
    await bob.input("/join dev")
    error = (await alice.input(typed))[-1]
    keys = ("nick", "room", "command", "account")
    assert {key: error[key] for key in keys if key in error} == facts


async def test_error_of_a_hello_names_the_nick(server: ChatServer) -> None:
    await server.native("alice")
    error = (await Peer(server.dial()).hello("Alice"))[-1]
    assert (error["code"], error["nick"]) == ("nick_taken", "Alice")
