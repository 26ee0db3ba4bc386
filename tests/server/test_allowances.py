"""An allowance belongs to who spends it: a person, an address, the server. Each refusal names its
rule and when it ends."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from support_accounts import PASSWORD, login, registered
from support_server import ChatServer, Peer, PlainPeer, chat_config, open_server, pass_seconds
from trio_chat.chat.pace import Buckets

ADDRESS = "192.0.2.1"
OTHER_ADDRESS = "192.0.2.2"
ONE_HELLO = ("limits.address_hello_burst=1", "limits.address_hello_per_second=0.01")


def flooding(*assignments: str) -> list[str]:
    return ["limits.flood=true", *assignments]


async def come_and_speak(server: ChatServer, nick: str, address: str, lines: int = 5) -> list[str]:
    """Say hello, speak, quit; return the codes of the refusals."""
    peer = Peer(server.dial(peer=address))
    answer = (await peer.hello(nick))[-1]
    if answer["type"] == "error":
        return [answer["code"]]
    refused = []
    for number in range(lines):
        answer = (await peer.input(f"{nick} {number}"))[-1]
        refused += [answer["code"]] if answer["type"] == "error" else []
    await peer.quit()
    return refused


async def test_coming_back_as_another_guest_buys_no_new_allowance(
    autojump_clock: MockClock,
) -> None:
    """S13, B1: 30 times hello, five lines, quit."""
    async with open_server(chat_config(*flooding())) as server:
        start = trio.current_time()
        for number in range(30):
            await come_and_speak(server, f"guest{number}", ADDRESS)
        assert trio.current_time() == start
        said = server.state.directory.find_room("lobby").shown
        assert said == server.config.limits.address_flood_burst


async def test_guests_of_one_address_are_told_the_rule_and_when_it_ends(
    autojump_clock: MockClock,
) -> None:
    """S13, B1."""
    config = chat_config(*flooding("limits.address_flood_burst=2"))
    async with open_server(config) as server:
        one = await server.native("one", peer=ADDRESS)
        two = await server.native("two", peer=ADDRESS)
        far = await server.native("far", peer=OTHER_ADDRESS)
        for peer in (one, two):
            assert (await peer.input("hi"))[-1]["type"] == "done"
        refusal = (await two.input("more"))[-1]
        assert refusal["code"] == "too_fast"
        assert (
            "all guests of your address together 2 at once, then 8 a second" in refusal["message"]
        )
        assert (await far.input("hi"))[-1]["type"] == "done"
        await pass_seconds(refusal["retry_after"])
        assert (await two.input("more"))[-1]["type"] == "done"


async def test_what_the_address_refuses_is_not_paid_by_the_guest(autojump_clock: MockClock) -> None:
    config = chat_config(*flooding("limits.address_flood_burst=1", "limits.flood_per_second=0.001"))
    async with open_server(config) as server:
        one = await server.native("one", peer=ADDRESS)
        for number in range(5):
            assert (await one.input(str(number)))[-1]["type"] == "done"
            assert (await one.input("more"))[-1]["code"] == "too_fast"
            await pass_seconds(0.125)


async def test_queries_are_counted_by_address_too(autojump_clock: MockClock) -> None:
    """B1."""
    async with open_server(chat_config(*flooding("limits.address_query_burst=3"))) as server:
        one = await server.native("one", peer=ADDRESS)
        for _ in range(3):
            assert (await one.input("/who"))[-1]["type"] == "done"
        await one.quit()
        two = await server.native("two", peer=ADDRESS)
        refusal = (await two.ask("page", room="lobby"))[-1]
        assert (refusal["code"], refusal["retry_after"]) == ("too_fast", pytest.approx(0.025))


async def test_accounts_have_only_their_own_allowance(autojump_clock: MockClock) -> None:
    config = chat_config(*flooding("limits.address_flood_burst=1"))
    async with open_server(config) as server:
        guest = await server.native("guest", peer=ADDRESS)
        await guest.input("hi")
        assert (await guest.input("hi"))[-1]["code"] == "too_fast"
        await registered(server, "ada")
        ada = Peer(server.dial(peer=ADDRESS))
        await ada.hello("ada", account="ada", password=PASSWORD)
        assert (await ada.input("hi"))[-1]["type"] == "done"


async def test_a_plain_guest_of_a_loud_address_waits_and_loses_nothing(
    autojump_clock: MockClock,
) -> None:
    config = chat_config(*flooding("limits.address_flood_burst=1", "limits.flood_burst=50"))
    async with open_server(config) as server:
        plain = PlainPeer(server.dial(peer=ADDRESS))
        await plain.send("alice")
        start = trio.current_time()
        await plain.send(*map(str, range(9)))
        await plain.until(" 8")
        assert trio.current_time() - start == pytest.approx(1.0, abs=0.1)


async def test_hellos_are_counted_by_address(autojump_clock: MockClock) -> None:
    """B1."""
    config = chat_config(
        *flooding("limits.address_hello_burst=2", "limits.address_hello_per_second=0.1")
    )
    async with open_server(config) as server:
        for number in range(2):
            await (await server.native(f"guest{number}", peer=ADDRESS)).quit()
        late = Peer(server.dial(peer=ADDRESS))
        refusal = (await late.hello("late"))[-1]
        assert (refusal["code"], refusal["retry_after"]) == ("too_fast", 9.0)
        assert "one address says hello 2 times at once, then 0.1 a second" in refusal["message"]
        await server.native("far", peer=OTHER_ADDRESS)
        await pass_seconds(9.0)
        assert (await late.hello("late"))[-1]["type"] == "done"


async def test_registrations_are_counted_by_address_and_on_the_whole(
    autojump_clock: MockClock,
) -> None:
    """B1: 27 registrations a second, each 30 ms of a core."""
    config = chat_config(
        "accounts.registrations_per_address=2", "accounts.registrations_per_hour=3"
    )
    async with open_server(config) as server:
        answers = [await register(server, f"one{n}", ADDRESS) for n in range(3)]
        assert [answer["type"] for answer in answers] == ["done", "done", "error"]
        assert answers[2]["message"] == "at most 2 accounts an hour are made from one address"
        assert answers[2]["retry_after"] == 3600
        assert (await register(server, "two", OTHER_ADDRESS))["type"] == "done"
        refusal = await register(server, "three", "192.0.2.3")
        assert refusal["message"] == "at most 3 accounts an hour are made"
        assert (await register(server, "local", ""))["type"] == "done"
        await pass_seconds(3600)
        assert (await register(server, "late", ADDRESS))["type"] == "done"


async def register(server: ChatServer, nick: str, address: str) -> dict[str, object]:
    peer = await server.native(nick, peer=address)
    return (await peer.input(f"/register {PASSWORD}"))[-1]


async def test_guesses_at_passwords_are_counted_by_address(autojump_clock: MockClock) -> None:
    """B1: whatever the accounts, one address has so many guesses."""
    async with open_server(chat_config()) as server:
        for name in ("ada", "bob"):
            await registered(server, name)
        strangers = [Peer(server.dial(peer=ADDRESS)) for _ in range(4)]
        for number, peer in enumerate(strangers[:3]):
            answer = (await peer.hello("x", account=f"nobody{number}", password="wrong"))[-1]
            assert answer["code"] == "login_failed"
        refusal = (await strangers[3].hello("x", account="ada", password=PASSWORD))[-1]
        assert (refusal["code"], refusal["retry_after"]) == ("too_fast", 60.0)
        far = Peer(server.dial(peer=OTHER_ADDRESS))
        assert (await far.hello("x", account="ada", password=PASSWORD))[-1]["type"] == "done"


async def test_loopback_is_counted_where_it_is_not_trusted(autojump_clock: MockClock) -> None:
    config = chat_config(*flooding("limits.trust_loopback=false", *ONE_HELLO))
    async with open_server(config) as server:
        await server.native("one", peer="127.0.0.1")
        late = Peer(server.dial(peer="127.0.0.1"))
        assert (await late.hello("late"))[-1]["code"] == "too_fast"


async def test_an_ipv6_household_is_one_address(autojump_clock: MockClock) -> None:
    async with open_server(chat_config(*flooding(*ONE_HELLO))) as server:
        await server.native("one", peer="2001:db8::1")
        late = Peer(server.dial(peer="2001:db8::2"))
        assert (await late.hello("late"))[-1]["code"] == "too_fast"
        await server.native("far", peer="2001:db8:0:1::1")


# --- what nobody pays for


async def test_pings_without_end_are_answered_ever_more_slowly(autojump_clock: MockClock) -> None:
    """B5."""
    config = chat_config(*flooding("limits.unpaid_burst=10"))
    async with open_server(config) as server:
        alice = await server.native("alice")
        start = trio.current_time()
        await alice.send_raw(b'{"type":"ping"}\n' * 1000 + b'{"type":"ping","id":"last"}\n')
        alice.patience_seconds = 100.0
        await alice.until("pong", id="last")
        assert trio.current_time() - start == pytest.approx(991 / 20, abs=0.1)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"input","room":"nowhere","text":"hi"}',
        b'{"type":"input","room":"lobby","text":"/quit","id":7}',
        b'{"type":"page","room":"nowhere"}',
        b'{"type":"hello","protocol":1,"nick":"again"}',
        b" " * 16_000,
    ],
)
async def test_whoever_is_refused_all_the_time_is_read_more_slowly(
    autojump_clock: MockClock, line: bytes
) -> None:
    """B5."""
    assignments = ("limits.unpaid_burst=10", "limits.flood_burst=1000", "limits.query_burst=1000")
    async with open_server(chat_config(*flooding(*assignments))) as server:
        alice = await server.native("alice")
        alice.patience_seconds = 100.0
        start = trio.current_time()
        for _ in range(50):
            await alice.send_raw(line + b"\n")
            await trio.testing.wait_all_tasks_blocked()
        await alice.sync()
        assert trio.current_time() - start == pytest.approx(41 / 20, abs=0.2)


@pytest.mark.parametrize("blank", [b"\n", b" \n", b"\r\n"])
async def test_blank_lines_without_end_are_read_more_slowly(
    autojump_clock: MockClock, blank: bytes
) -> None:
    """B5: 50 of them count as one refusal."""
    async with open_server(chat_config(*flooding("limits.unpaid_burst=10"))) as server:
        alice = await server.native("alice")
        alice.patience_seconds = 100.0
        start = trio.current_time()
        await alice.send_raw(blank * 5000)
        await alice.sync()
        assert trio.current_time() - start == pytest.approx(91 / 20, abs=0.2)


async def test_others_get_their_turn_between_the_lines_of_one_chunk(
    autojump_clock: MockClock,
) -> None:
    """B5: a checkpoint every so many lines of a chunk."""
    async with open_server(chat_config()) as server:
        loud, quiet = await server.native("loud"), await server.native("quiet")
        await loud.send_raw(b'{"type":"ping"}\n' * 1000 + b'{"type":"ping","id":"last"}\n')
        async with trio.open_nursery() as nursery:
            done: list[str] = []

            async def wait_for(peer: Peer, id: str) -> None:
                await peer.until("pong", id=id)
                done.append(id)

            nursery.start_soon(wait_for, loud, "last")
            await quiet.send(type="ping", id="quiet")
            nursery.start_soon(wait_for, quiet, "quiet")
        assert done == ["quiet", "last"]


def test_the_tables_of_addresses_are_bounded() -> None:
    buckets = Buckets(1, 1.0, keys_max=10)
    first = buckets.of("first")
    for number in range(9):
        buckets.of(str(number))
        assert buckets.of("first") is first
    for number in range(1000):
        buckets.of(f"more{number}")
    assert len(buckets) == 10


# --- nicks of accounts, searches


async def test_a_guest_sits_on_an_accounts_nick_once(autojump_clock: MockClock) -> None:
    """S7: the second time at once is refused, with the advice to log in."""
    async with open_server(chat_config()) as server:
        await (await registered(server, "ada")).quit()
        await (await server.native("ada", peer=ADDRESS)).quit()
        again = Peer(server.dial(peer=ADDRESS))
        refusal = (await again.hello("Ada"))[-1]
        assert (refusal["code"], refusal["account"]) == ("nick_taken", "ada")
        assert refusal["retry_after"] == 3600
        assert "log in" in refusal["message"]
        await (await server.native("ada", peer=OTHER_ADDRESS)).quit()
        answers = await again.hello("ada", account="ada", password=PASSWORD)
        assert answers[0]["type"] == "welcome"
        await again.quit()
        await server.native("ada", peer=ADDRESS)


async def test_a_guest_who_waited_may_be_called_so_again(autojump_clock: MockClock) -> None:
    """S7."""
    async with open_server(chat_config("accounts.claim_again_seconds=100")) as server:
        await (await registered(server, "ada")).quit()
        await (await server.native("ada", peer=ADDRESS)).quit()
        await pass_seconds(100)
        await server.native("ada", peer=ADDRESS)


async def test_a_guest_who_comes_back_to_an_accounts_nick_has_had_it(
    autojump_clock: MockClock,
) -> None:
    """S7: a resume is no other way to it."""
    async with open_server(chat_config("timeouts.grace_seconds=5")) as server:
        await (await registered(server, "ada")).quit()
        guest = await server.native("ada", peer=ADDRESS)
        guest.reset()
        await pass_seconds(6)
        back = Peer(server.dial(peer=ADDRESS))
        answer = (await back.resume(guest.token))[-1]
        assert (answer["type"], answer.get("code")) == ("error", "nick_taken")


async def test_a_member_searches_one_thing_at_a_time(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B4: also from several devices."""
    async with open_server(chat_config()) as server:
        ada = await registered(server, "ada")
        other = await login(server, "ada")
        search = server.hub.store.search

        async def slow(*query: Any, **conditions: Any) -> Any:
            await trio.sleep(5)
            return await search(*query, **conditions)

        monkeypatch.setattr(server.hub.store, "search", slow)
        await ada.send(type="input", id="long", room="lobby", text="/search tea")
        await trio.testing.wait_all_tasks_blocked()
        refusal = (await other.input("/search coffee"))[-1]
        assert (refusal["code"], refusal["retry_after"]) == ("too_fast", 1.0)
        assert (await ada.answer("long"))[-1]["type"] == "done"
        assert (await other.input("/search coffee"))[-1]["type"] == "done"
