"""The `bye` tells programs why the session has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from support_accounts import login, registered, result
from support_server import ChatServer, Peer, chat_config, open_server
from trio_chat.chat.roles import Role


@pytest.fixture
async def server(autojump_clock: object) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config()) as server:
        yield server


async def bye(peer: Peer) -> str:
    return str((await peer.expect("bye")).get("code", ""))


async def test_revoked_token_says_so(server: ChatServer) -> None:
    """L10: a revoked token, a kill and an ended session do not look alike."""
    alice = await registered(server, "alice")
    await alice.send(type="input", id="t", text="/token new read bot")
    secret = (await alice.expect("notice"))["text"].split("): ")[1].split()[0]
    made = await alice.expect("result")
    bot = Peer(server.dial())
    assert (await bot.hello("x", token=secret))[0]["type"] == "welcome"
    await alice.input(f"/token revoke {made['data']['id']}")
    assert await bye(bot) == "token_revoked"


async def test_ended_session_and_one_resumed_elsewhere_say_so(server: ChatServer) -> None:
    """L10: a revoked token, a kill and an ended session do not look alike."""
    alice = await registered(server, "alice")
    phone = await login(server, "alice")
    rows = (await result(alice, "/sessions"))["data"]["sessions"]
    [other] = [row for row in rows if not row["own"]]
    await alice.input(f"/sessions end {other['id']}")
    assert await bye(phone) == "session_ended"
    await Peer(server.dial()).resume(alice.token)
    assert await bye(alice) == "resumed_elsewhere"


@pytest.mark.parametrize(("command", "code"), [("/kill", "killed"), ("/sban", "banned")])
async def test_who_is_put_off_the_server_is_told_how(
    server: ChatServer, command: str, code: str
) -> None:
    """L10: a revoked token, a kill and an ended session do not look alike."""
    olga, bob = await registered(server, "olga", Role.OWNER), await server.native("bob")
    await olga.input(f"{command} bob")
    assert await bye(bob) == code


async def test_farewell_of_ones_own_has_no_code(server: ChatServer) -> None:
    bob = await server.native("bob")
    with trio.fail_after(10):
        await bob.send(type="input", text="/quit")
        assert await bye(bob) == ""
