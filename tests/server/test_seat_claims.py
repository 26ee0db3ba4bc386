"""What an account's other sessions keep when one of them ends or another one begins."""

from __future__ import annotations

from trio.testing import MockClock

from support_accounts import PASSWORD, code, login, registered, result
from support_server import ChatServer, Peer, chat_config, open_server


async def test_one_session_ends_and_the_others_are_still_listed(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    laptop, phone = await login(server, "alice"), await login(server, "alice")
    await phone.quit()
    rows = (await result(alice, "/sessions"))["data"]["sessions"]
    assert len(rows) == 2
    laptop.reset()
    assert (await Peer(server.dial()).resume(laptop.token, lobby=0))[0]["resumed"] is True


async def test_another_accounts_password_resumes_nobodys_session(server: ChatServer) -> None:
    alice, _ = await registered(server, "alice"), await registered(server, "bob")
    alice.reset()
    resume = {"session": alice.token, "rooms": {"lobby": 0}}
    other = Peer(server.dial())
    welcome = (await other.hello("x", account="bob", password=PASSWORD, resume=resume))[0]
    assert (welcome["resumed"], welcome["account"]) == (False, "bob")
    assert (await Peer(server.dial()).resume(alice.token, lobby=0))[0]["account"] == "alice"


async def test_of_too_many_sessions_the_one_gone_longest_is_forgotten(
    autojump_clock: MockClock,
) -> None:
    async with open_server(chat_config("accounts.sessions_per_account=2")) as server:
        alice = await registered(server, "alice")
        first = await login(server, "alice")
        first.reset()
        await alice.sync()
        second = await login(server, "alice")
        await second.sync()
        assert not (await Peer(server.dial()).resume(first.token))[0]["resumed"]


async def test_to_block_one_person_closes_that_conversation_only(server: ChatServer) -> None:
    alice = await server.native("alice")
    bob, carol = await server.native("bob"), await server.native("carol")
    for peer in (bob, carol):
        await peer.input("/msg alice hi")
    await alice.input("/block bob")
    assert await code(bob, "hello?", "@alice") == "not_permitted"
    assert await code(carol, "hello?", "@alice") == "done"
