"""Guesses at passwords, tokens and the owner code: few, and at nobody's cost but the guesser's.

The peers come from addresses that are not of this machine, as strangers do."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, code, registered
from support_house import kept_memory
from support_server import ChatServer, Event, Peer, chat_config, open_server, pass_seconds

HOME, DESK, STRANGER = "198.51.100.7", "198.51.100.8", "203.0.113.9"


async def try_password(
    server: ChatServer, peer: str, name: str = "alice", password: str = "wrong-horse"
) -> Event:
    """The answer to a hello from that address: `welcome`, or the refusal."""
    link = Peer(server.dial(peer=peer))
    answers = await link.hello("somebody", account=name, password=password)
    link.reset()
    return answers[0] if answers[0]["type"] == "welcome" else answers[-1]


async def outcome(server: ChatServer, peer: str, name: str = "alice", password: str = "x") -> str:
    answer = await try_password(server, peer, name, password)
    return "welcome" if answer["type"] == "welcome" else str(answer["code"])


async def guess(server: ChatServer, peer: str, times: int = 3, name: str = "alice") -> list[str]:
    return [await outcome(server, peer, name) for _ in range(times)]


@pytest.fixture
async def alice(server: ChatServer) -> Peer:
    """She made her account at home."""
    peer = Peer(server.dial(peer=HOME))
    await peer.hello("alice")
    await peer.input(f"/register {PASSWORD}")
    return peer


async def test_a_stranger_keeps_nobody_out_elsewhere(server: ChatServer, alice: Peer) -> None:
    """S6, P2: the right password counts at once from where she was before, and anywhere new."""
    assert await guess(server, STRANGER, 5) == ["login_failed"] * 3 + ["too_fast"] * 2
    assert await outcome(server, HOME, password=PASSWORD) == "welcome"
    assert await outcome(server, DESK, password=PASSWORD) == "welcome"
    assert await outcome(server, STRANGER, password=PASSWORD) == "too_fast"


@pytest.mark.parametrize("other", ["127.0.0.3", "::1", "stream"])
async def test_addresses_of_this_machine_are_told_apart_too(server: ChatServer, other: str) -> None:
    """S6: three wrong guesses from 127.0.0.2, and the right password from another address."""
    await registered(server, "ada")
    for _ in range(3):
        await outcome(server, "127.0.0.2", "ada")
    assert await outcome(server, "127.0.0.2", "ada", PASSWORD) == "too_fast"
    assert await outcome(server, other, "ada", PASSWORD) == "welcome"


@pytest.mark.parametrize(
    "spelling", ["@alice", "ALICE", "@Alice", "\uff41lice", "al\u0456ce", "@al\u0131ce"]
)
async def test_every_spelling_of_a_name_is_one_account(
    server: ChatServer, alice: Peer, spelling: str
) -> None:
    """P2: `@alice` counted apart from `alice`, and doubled the guesses."""
    await guess(server, "127.0.0.2", 2)
    assert await guess(server, "127.0.0.2", 2, spelling) == ["login_failed", "too_fast"]
    assert await outcome(server, "127.0.0.2") == "too_fast"


async def test_one_address_guesses_at_few_passwords_of_whomever(
    server: ChatServer, alice: Peer
) -> None:
    """S6: with one address three guesses a minute, at however many accounts."""
    names = ["alice", "bob", "carol", "dave", "eve"]
    got = [await outcome(server, STRANGER, name) for name in names]
    assert got == ["login_failed"] * 3 + ["too_fast"] * 2


async def test_a_thousand_addresses_guess_at_no_more_than_a_few_passwords(
    server: ChatServer, alice: Peer
) -> None:
    """S6: with a thousand addresses thirty guesses a minute at one account; and even then she comes
    in where she has been before, with her token, and with her session."""
    secret = (
        (await alice.input("/token new read,write phone"))[0]["text"].split("): ")[1].split()[0]
    )
    got = [await outcome(server, f"203.0.{number // 250}.{number % 250}") for number in range(1000)]
    assert got.count("login_failed") == server.config.accounts.login_strangers
    assert await outcome(server, DESK, password=PASSWORD) == "too_fast"
    assert await outcome(server, HOME, password=PASSWORD) == "welcome"
    phone = Peer(server.dial(peer=DESK))
    assert (await phone.hello("x", token=secret))[0]["type"] == "welcome"
    alice.reset()
    back = Peer(server.dial(peer=DESK))
    assert (await back.resume(alice.token, lobby=0))[0]["resumed"]


async def test_strangers_may_guess_again_when_told(server: ChatServer, alice: Peer) -> None:
    for number in range(30):
        await outcome(server, f"203.0.113.{number}")
    refused = await try_password(server, DESK, password=PASSWORD)
    assert 0 < refused["retry_after"] <= 60
    await pass_seconds(refused["retry_after"])
    assert await outcome(server, DESK, password=PASSWORD) == "welcome"


async def test_an_address_is_known_after_a_login_also_after_a_restart(
    autojump_clock: MockClock,
) -> None:
    """S6: addresses that logged in before are kept with the account."""
    store = kept_memory()
    async with open_server(chat_config(), store=store) as server:
        await registered(server, "alice")
        assert await outcome(server, HOME, password=PASSWORD) == "welcome"
    async with open_server(chat_config(), store=store) as server:
        for number in range(30):
            await outcome(server, f"203.0.113.{number}")
        assert await outcome(server, DESK, password=PASSWORD) == "too_fast"
        assert await outcome(server, HOME, password=PASSWORD) == "welcome"


async def test_guesses_from_where_one_is_known_count_there_only(
    server: ChatServer, alice: Peer
) -> None:
    """She mistypes at home: her desk, and bob at her home, are not asked to wait."""
    bob = Peer(server.dial(peer=DESK))
    await bob.hello("bob")
    await bob.input(f"/register {PASSWORD}")
    assert await guess(server, HOME, 4) == ["login_failed"] * 3 + ["too_fast"]
    assert await outcome(server, DESK, password=PASSWORD) == "welcome"
    assert await outcome(server, HOME, "bob", PASSWORD) == "welcome"


async def test_a_success_forgets_what_was_mistyped(server: ChatServer, alice: Peer) -> None:
    """Two wrong ones, the right one, two wrong ones, the right one: by an address that is known,
    and by one that is new."""
    for peer in (HOME, DESK):
        for password in ("x", "x", PASSWORD, "x", "x", PASSWORD):
            expected = "welcome" if password == PASSWORD else "login_failed"
            assert await outcome(server, peer, password=password) == expected


async def test_ones_own_password_buys_no_guesses_at_those_of_others(
    server: ChatServer, alice: Peer
) -> None:
    mallory = Peer(server.dial(peer=STRANGER))
    await mallory.hello("mallory")
    await mallory.input(f"/register {PASSWORD}")
    got = []
    for _ in range(5):
        got.append(await outcome(server, STRANGER))
        assert await outcome(server, STRANGER, "mallory", PASSWORD) == "welcome"
    assert got == ["login_failed"] * 3 + ["too_fast"] * 2


async def test_wrong_tokens_are_few_and_keep_no_right_one_out(
    server: ChatServer, alice: Peer
) -> None:
    """P2: tokens are counted apart from passwords."""
    secret = (await alice.input("/token new read,write bot"))[0]["text"].split("): ")[1].split()[0]
    await guess(server, STRANGER, 4)
    got = []
    for token in ("tc_a", "tc_b", "tc_c", "tc_d", secret):
        bot = Peer(server.dial(peer=STRANGER))
        answers = await bot.hello("x", token=token)
        got.append(answers[0].get("code", answers[0]["type"]))
    assert got == ["login_failed"] * 3 + ["too_fast", "welcome"]


async def test_wrong_owner_codes_keep_no_owner_out(server: ChatServer) -> None:
    """P2: three wrong `/claim`s by any account, and the owner's code was refused."""
    owner_code = server.state.owner_code
    mallory, olga = await registered(server, "mallory"), await registered(server, "olga")
    got = [await code(mallory, f"/claim AAAA-BBBB-CCC{n}") for n in range(5)]
    assert got == ["login_failed"] * 3 + ["too_fast"] * 2
    assert await code(mallory, f"/claim {owner_code}") == "too_fast"
    assert await code(olga, f"/claim {owner_code}") == "done"


async def test_a_command_that_asks_for_the_password_counts_like_a_login(
    server: ChatServer, alice: Peer
) -> None:
    """Her unlocked desk, left alone, guesses no further than a login from there."""
    got = [await code(alice, "/passwd wrong-horse another-horse") for _ in range(4)]
    assert got == ["login_failed"] * 3 + ["too_fast"]
    assert await outcome(server, HOME, password=PASSWORD) == "too_fast"
