"""The inline screen: a prompt that stays, events printed above it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from support_client import FakeServer
from support_screen import ScreenClient
from trio_chat.requests import Input, Read


@pytest.fixture
async def client(terminal: Any, nursery: trio.Nursery) -> AsyncIterator[ScreenClient]:
    client = ScreenClient(terminal, FakeServer(nursery), "inline")
    nursery.start_soon(client.run)
    await client.sees("#lobby ❯")
    yield client
    nursery.cancel_scope.cancel()


async def test_message_arrives_above_what_is_typed(client: ScreenClient) -> None:
    client.type("hello wor")
    await client.sees("❯ hello wor")
    await client.server.say("one")
    await client.sees("#lobby <bob> one", "❯ hello wor")
    client.type("ld\r")
    await client.sees("#lobby <alice> hello world")
    assert client.server.said() == ["one", "hello world"]


async def test_ctrl_c_clears_then_asks_then_leaves(client: ScreenClient) -> None:
    """C7: the second Ctrl-C says how to leave, the third one leaves."""
    client.type("abc")
    await client.sees("❯ abc")
    client.type("\x03")
    await client.sees_no("abc")
    client.type("\x03")
    await client.sees("* Ctrl-C again within 2 s leaves")
    assert client.exit_code is None
    client.type("\x03")
    await client.ends(0)


@pytest.mark.parametrize("keys", ["\x04", "/quit I am off\r"])
async def test_ways_to_leave(client: ScreenClient, keys: str) -> None:
    client.type(keys)
    await client.ends(0)
    said = keys.strip() if keys.startswith("/") else "/quit"
    assert [request.text for request in client.server.asked(Input)] == [said]


async def test_refused_line_is_not_lost(client: ScreenClient) -> None:
    client.type("/nope\r")
    await client.sees("* unknown command /nope", "* not sent: '/nope'")


async def test_reconnect_does_not_touch_the_draft(client: ScreenClient) -> None:
    client.type("half")
    await client.sees("❯ half")
    await client.server.cut()
    await client.sees("back online", "❯ half")


async def test_burst_is_printed_in_batches(client: ScreenClient) -> None:
    events = [client.server.store("lobby", "bob", f"m{number}") for number in range(5000)]
    await client.server.tell(*events)
    await client.sees("m4999")


async def test_keys_typed_between_two_prompts_are_not_lost(client: ScreenClient) -> None:
    for keys in ("one\rtwo", "\rthree", "\r\x04"):
        client.type(keys)
        await client.rest()
    await client.ends(0)
    assert client.server.said() == ["one", "two", "three"]


async def test_password_is_asked_for_without_echo(client: ScreenClient) -> None:
    client.type("/login\r")
    await client.sees("/login: password")
    client.type("geheim")
    await client.sees("password ******")
    await client.server.say("one")
    await client.sees("#lobby <bob> one", "password ******")
    client.type("\r")
    await client.until(lambda: client.server.asked(Input) != [])
    assert [request.text for request in client.server.asked(Input)] == ["/login geheim"]
    client.type("/register\r")
    await client.sees("/register: password")
    client.type("\x03ok\r")
    await client.until(lambda: client.server.said() == ["one", "ok"])


async def test_who_types_has_read_what_stands_above(
    client: ScreenClient,
) -> None:
    await client.server.say("one")
    await client.sees("<bob> one")
    client.type("two\r")
    await client.server.wait_until(lambda: [r.seq for r in client.server.asked(Read)] != [])
    assert client.server.asked(Read)[0].room == "lobby"
