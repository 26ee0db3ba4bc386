"""Nobody comes in, registers or makes a room under a name that looks like another's."""

from __future__ import annotations

import pytest

from support_accounts import PASSWORD, code, login, registered
from support_server import ChatServer, Peer, PlainPeer
from trio_chat.chat.roles import Role
from trio_chat.server.admin.console import Add, Office, carry_out

CYRILLIC_ACE, MIXED_BOB = "асе", "bоb"


@pytest.mark.parametrize("nick", [CYRILLIC_ACE, "АСЕ"])
async def test_guest_comes_in_under_no_name_that_looks_like_an_account(
    server: ChatServer, nick: str
) -> None:
    """S4"""
    ace = await registered(server, "ace")
    guest = Peer(server.dial())
    refused = (await guest.hello(nick))[-1]
    assert refused["code"] == "nick_taken"
    assert "looks like ace" in refused["message"]
    await ace.quit()
    away = (await guest.hello(nick))[-1]  # an account keeps its name when nobody is there
    assert away["code"] == "nick_taken"
    assert (await guest.hello("carol"))[0]["type"] == "welcome"
    assert await code(guest, f"/nick {nick}") == "nick_taken"


async def test_mixed_scripts_are_no_name_on_any_wire(server: ChatServer) -> None:
    """S4"""
    guest = Peer(server.dial())
    assert (await guest.hello(MIXED_BOB))[-1]["code"] == "nick_invalid"
    plain = PlainPeer(server.dial())
    await plain.send(MIXED_BOB)
    assert "one script" in (await plain.until("script"))[-1]


async def test_guest_takes_no_name_that_looks_like_somebody_here(server: ChatServer) -> None:
    """S4"""
    bob = await server.native("bob")
    guest = Peer(server.dial())
    assert (await guest.hello("b0b"))[-1]["code"] == "nick_taken"
    plain = PlainPeer(server.dial())
    await plain.send("B0B")
    assert "looks like bob" in (await plain.until("looks like"))[-1]
    assert await code(bob, "/nick b0b") == "done"  # one's own is nobody else's
    assert await code(bob, "/nick rob") == "done"
    assert (await guest.hello("b0b"))[0]["type"] == "welcome"


async def test_account_is_made_under_no_name_that_looks_like_another(server: ChatServer) -> None:
    """S4"""
    await (await registered(server, "modern")).quit()
    guest = await server.native("carol")
    assert await code(guest, "/nick modem") == "nick_taken"
    dan = await server.native("dan")
    assert await code(guest, "/nick darn") == "done"
    assert await code(dan, "/nick dam") == "nick_taken"
    assert await code(guest, f"/register {PASSWORD}") == "done"


async def test_account_whose_name_looks_like_another_from_before_still_comes_in(
    server: ChatServer,
) -> None:
    from trio_chat.chat.accounts import Account

    await registered(server, "bob")
    bob = server.state.accounts.find("bob")
    server.state.accounts.put(Account("id", "b0b", bob.password))
    former = await login(server, "b0b")
    assert await code(former, "still me") == "done"


async def test_room_is_made_under_no_name_that_looks_like_another(server: ChatServer) -> None:
    """S4"""
    ada = await registered(server, "ada")
    assert await code(ada, "/create modern") == "done"
    guest = await server.native("guest")
    for name in ("modem", "#rnodern", "m0dern", "rnodem"):
        assert await code(guest, f"/join {name}") == "bad_request", name
        assert await code(ada, f"/create {name}") == "bad_request", name
    assert await code(guest, f"/join {MIXED_BOB}") == "bad_request"
    assert await code(guest, "/join MODERN") == "done"
    assert await code(guest, "/join наташа") == "done"


@pytest.mark.parametrize("nick", ["console", "C0nsole", "server", "trio-chat", "everybody"])
async def test_nobody_is_called_like_the_server(server: ChatServer, nick: str) -> None:
    """S5: the audit could not tell an account `console` from the machine's own console."""
    guest = Peer(server.dial())
    assert (await guest.hello(nick))[-1]["code"] == "nick_taken"
    await guest.hello("guest")
    assert await code(guest, f"/nick {nick}") == "nick_taken"
    added = await carry_out(
        Office(server.hub, server.parts.operations), Add(nick, PASSWORD, "member")
    )
    assert (added.done, "kept for the server" in added.text) == (False, True)
    plain = PlainPeer(server.dial())
    await plain.send(nick)
    await plain.until("kept for the server")


async def test_name_that_the_server_is_given_is_kept_from_then_on(server: ChatServer) -> None:
    """S5"""
    ada = await registered(server, "ada", Role.OWNER)
    assert await code(ada, "/nick garden") == "done"
    assert await code(ada, "/nick ada") == "done"
    assert await code(ada, "/config server.name The Garden") == "done"
    assert await code(ada, "/nick the-garden") == "nick_taken"


async def test_number_of_a_sanction_has_its_sign(server: ChatServer) -> None:
    """S14: `/unban 1` lifted somebody else's ban #1."""
    ada = await registered(server, "ada", Role.ADMIN)
    assert await code(ada, "/ban spammer") == "done"
    assert await code(ada, "/unban 1") == "bad_request"
    guest = await server.native("guest")
    await guest.input("/join 1")  # a room called like the number changes nothing
    assert await code(ada, "/unban #1") == "done"
    assert server.state.sanctions.is_quiet
