"""Accounts at a server: proving who one is, several devices of one member, what they share."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, audit, code, login, registered, result
from support_server import (
    ChatServer,
    Peer,
    PlainPeer,
    chat_config,
    open_server,
    pass_seconds,
    stored,
    texts,
    types,
)
from trio_chat.chat.roles import Role


async def test_registering_makes_the_nick_an_account_of_the_same_session(
    server: ChatServer,
) -> None:
    peer = await server.native("alice")
    token = peer.token
    events = await peer.input(f"/register {PASSWORD}")
    welcome = next(event for event in events if event["type"] == "welcome")
    assert (welcome["account"], welcome["role"], welcome["session"]) == ("alice", "member", token)
    assert types(events)[-2:] == ["result", "done"]
    assert texts(await peer.input("hi")) == ["hi"]
    members = (await result(peer, "/who"))["data"]["members"]
    assert [(row["nick"], row["account"]) for row in members] == [("alice", "alice")]


async def test_a_password_is_in_no_answer_and_in_no_audit_line(server: ChatServer) -> None:
    bob = await server.native("bob")
    alice = await server.native("alice")
    shown = await alice.input(f"/register {PASSWORD}")
    shown += await alice.input(f"/passwd {PASSWORD} another-{PASSWORD}")
    shown += await alice.input("/logout")
    shown += await alice.input("/login alice wrong-horse")
    shown += await bob.sync()
    assert PASSWORD not in str(shown)
    assert "wrong-horse" not in str(shown)
    assert PASSWORD not in str(await audit(server))
    assert PASSWORD not in str(server.logs)


async def test_hello_with_a_password_is_another_device_of_the_same_member(
    server: ChatServer,
) -> None:
    bob = await server.native("bob")
    phone = await registered(server, "alice")
    laptop = await login(server, "alice")
    await bob.sync()
    assert (await result(bob, "/who"))["data"]["total"] == 2
    await phone.input("from the phone")
    assert "from the phone" in texts(await laptop.sync())
    await laptop.input("/away lunch")
    assert (await result(bob, "/whois alice"))["data"]["away"] == "lunch"
    await phone.quit()
    assert "left" not in types(await bob.sync()), "alice is here with her laptop"
    await laptop.quit()
    assert "left" in types(await bob.sync())


async def test_a_room_that_one_device_joins_comes_to_the_other(server: ChatServer) -> None:
    phone = await registered(server, "alice")
    laptop = await login(server, "alice")
    await phone.input("/join dev")
    assert [(event["type"], event["room"]) for event in await laptop.sync()] == [
        ("joined", "dev"),
        ("members", "dev"),
        ("backlog", "dev"),
    ]
    await laptop.input("/leave dev")
    assert types(await phone.sync()) == ["left"]


async def test_an_account_comes_back_to_its_rooms_its_ignores_and_its_marks(
    server: ChatServer,
) -> None:
    bob = await server.native("bob")
    alice = await registered(server, "alice")
    await alice.input("/join dev")
    await bob.input("/join dev")
    for number in range(3):
        await bob.input(f"line {number}", "dev")
    await alice.input("/ignore bob")
    await alice.ask("read", room="dev", seq=2)
    await alice.quit()
    again = Peer(server.dial())
    events = await again.hello("whatever", account="alice", password=PASSWORD)
    assert events[0]["nick"] == "alice"
    assert {event["room"] for event in events if event["type"] == "joined"} == {"lobby", "dev"}
    assert {"type": "read", "room": "dev", "seq": 2} in events
    assert (await result(again, "/ignore"))["data"]["ignores"] == ["bob"]


async def test_what_one_device_has_read_the_other_knows(server: ChatServer) -> None:
    phone = await registered(server, "alice")
    laptop = await login(server, "alice")
    await phone.input("hi")
    await laptop.sync()
    await phone.ask("read", room="lobby", seq=1)
    assert await laptop.sync() == [{"type": "read", "room": "lobby", "seq": 1}]
    await laptop.ask("read", room="lobby", seq=0)
    assert await phone.sync() == [], "a mark never goes back"


async def test_a_wrong_password_and_a_name_nobody_has_are_refused_alike(
    server: ChatServer,
) -> None:
    await registered(server, "alice")
    answers = []
    for name in ("alice", "nobody"):
        events = await Peer(server.dial()).hello(name, account=name, password="wrong-horse")
        answers.append((events[-1]["code"], events[-1]["message"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == "login_failed"


@pytest.mark.parametrize("name", ["alice", "nobody"])
async def test_guesses_are_throttled_and_say_when_to_come_back(
    server: ChatServer, name: str
) -> None:
    await registered(server, "alice")
    guest = await server.native("guest")
    codes = [await code(guest, f"/login {name} guess-number-{n}") for n in range(5)]
    assert codes == ["login_failed"] * 3 + ["too_fast"] * 2
    refused = (await guest.input(f"/login {name} {PASSWORD}"))[-1]
    assert refused["code"] == "too_fast"
    assert 0 < refused["retry_after"] <= 60
    await pass_seconds(refused["retry_after"])
    assert await code(guest, f"/login {name} {PASSWORD}") == (
        "done" if name == "alice" else "login_failed"
    )


async def test_a_guest_is_moved_off_the_nick_of_an_account_after_a_warning(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    await alice.quit()
    guest = Peer(server.dial())
    events = await guest.hello("alice")
    assert any("belongs to an account" in event.get("text", "") for event in events)
    await pass_seconds(server.config.accounts.claim_seconds + 1)
    renamed = await guest.expect("renamed")
    assert renamed["old"] == "alice"
    assert renamed["new"].startswith("guest-")
    assert await code(guest, "/nick alice") == "nick_taken"


async def test_who_logs_in_gets_the_nick_from_a_guest_at_once(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    await alice.quit()
    guest = await server.native("alice")
    owner = await login(server, "alice")
    assert (await guest.expect("renamed"))["old"] == "alice"
    assert (await result(owner, "/whois alice"))["data"]["account"] == "alice"


async def test_a_guest_logs_in_and_stays_in_its_rooms(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    await alice.quit()
    guest = await server.native("visitor")
    await guest.input("/join tea")
    events = await guest.input(f"/login alice {PASSWORD}")
    assert events[-1]["type"] == "done"
    welcome = next(event for event in events if event["type"] == "welcome")
    assert (welcome["nick"], welcome["account"]) == ("alice", "alice")
    assert {event["room"] for event in events if event["type"] == "joined"} == {"lobby", "tea"}
    assert await code(guest, "hello", "tea") == "done"


async def test_logging_out_makes_one_a_guest_with_another_nick(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    events = await alice.input("/logout")
    welcome = next(event for event in events if event["type"] == "welcome")
    assert welcome["account"] is None
    assert welcome["nick"].startswith("guest-")
    assert await code(alice, "/passwd a b") == "not_permitted"


async def test_an_input_of_before_the_login_that_is_repeated_after_it_happens_once(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    await alice.quit()
    guest = await server.native("visitor")
    first = (await guest.input("once", id="x1"))[-1]
    await guest.input(f"/login alice {PASSWORD}")
    guest.reset()
    again = Peer(server.dial())
    await again.resume(guest.token, lobby=0)
    assert (await again.input("once", id="x1"))[-1] == {**first, "repeated": True}
    page = (await again.ask("page", room="lobby"))[0]["events"]
    assert [event["text"] for event in page] == ["once"]


async def test_an_input_that_two_devices_of_an_account_send_with_one_id_happens_once(
    server: ChatServer,
) -> None:
    phone = await registered(server, "alice")
    laptop = await login(server, "alice")
    first = (await phone.input("once", id="same"))[-1]
    assert (await laptop.input("once", id="same"))[-1] == {**first, "repeated": True}


async def test_a_resumed_session_is_logged_in_without_a_password(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    alice.reset()
    await pass_seconds(server.config.timeouts.grace_seconds + 1)
    again = Peer(server.dial())
    events = await again.resume(alice.token)
    assert events[0]["resumed"] is True
    assert (events[0]["account"], events[0]["nick"]) == ("alice", "alice")


async def test_sessions_are_listed_and_one_can_be_ended(server: ChatServer) -> None:
    phone = await registered(server, "alice")
    laptop = await login(server, "alice", client="laptop 1.0")
    rows = (await result(phone, "/sessions"))["data"]["sessions"]
    assert [row["own"] for row in rows] == [True, False]
    assert rows[1]["client"] == "laptop 1.0"
    assert await code(phone, f"/sessions end {rows[1]['id']}") == "done"
    assert (await laptop.to_end())[-1]["type"] == "bye"
    events = await Peer(server.dial()).resume(laptop.token)
    assert events[0]["resumed"] is False
    assert await code(phone, "/sessions end nothing") == "bad_request"


async def test_a_token_opens_the_account_for_what_it_allows(server: ChatServer) -> None:
    alice = await registered(server, "alice", Role.MODERATOR)
    notes = await alice.input("/token new read for reading")
    secret = next(e["text"] for e in notes if e["type"] == "notice").split("): ")[1].split()[0]
    assert secret not in str([e for e in notes if e["type"] == "result"])
    bot = Peer(server.dial())
    events = await bot.hello("x", token=secret)
    assert (events[0]["account"], events[0]["role"]) == ("alice", "member")
    assert (await result(bot, "/who"))["data"]["total"] == 1
    refused = ["hello", "/me waves", "/kick bob", "/passwd a b", "/token", "/topic x"]
    assert [await code(bot, line) for line in refused] == ["not_permitted"] * len(refused)


async def test_a_revoked_token_opens_nothing_and_ends_its_sessions(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    notes = await alice.input("/token new read,write bot")
    secret = next(e["text"] for e in notes if e["type"] == "notice").split("): ")[1].split()[0]
    bot = Peer(server.dial())
    await bot.hello("x", token=secret)
    assert await code(bot, "beep") == "done"
    id = (await result(alice, "/token"))["data"]["tokens"][0]["id"]
    await alice.input(f"/token revoke {id}")
    assert (await bot.to_end())[-1]["type"] == "bye"
    again = await Peer(server.dial()).hello("x", token=secret)
    assert again[-1]["code"] == "login_failed"


async def test_the_owner_code_makes_an_account_the_owner_once(server: ChatServer) -> None:
    owner_code = server.state.owner_code
    assert len(owner_code) == 14
    alice = await registered(server, "alice")
    bob = await registered(server, "bob")
    assert await code(alice, "/claim AAAA-BBBB-CCCC") == "login_failed"
    events = await alice.input(f"/claim {owner_code.lower()}")
    assert next(e for e in events if e["type"] == "welcome")["role"] == "owner"
    assert await code(bob, f"/claim {owner_code}") == "login_failed"
    assert await code(await server.native("guest"), f"/claim {owner_code}") == "not_permitted"


async def test_a_message_to_somebody_who_is_away_waits_for_an_account(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    await alice.quit()
    bob = await registered(server, "bob")
    assert "waits" in (await result(bob, "/msg alice are you there?"))["text"]
    assert await code(bob, "and another", "@alice") == "done"
    again = Peer(server.dial())
    events = await again.hello("alice", account="alice", password=PASSWORD)
    backlog = next(e for e in events if e["type"] == "backlog" and e["room"] == "@bob")
    assert [event["text"] for event in backlog["events"]] == ["are you there?", "and another"]
    await again.input("yes", "@bob")
    assert "yes" in texts(stored(await bob.sync(), "@alice"))


async def test_blocking_stops_direct_messages_also_while_one_is_away(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    bob = await registered(server, "bob")
    await bob.input("/msg alice hi")
    assert await code(alice, "/block bob") == "done"
    assert await code(bob, "/msg alice hello?") == "not_permitted"
    assert await code(bob, "hello?", "@alice") == "not_permitted"
    await alice.quit()
    assert await code(bob, "/msg alice hello?") == "not_permitted"
    again = await login(server, "alice")
    await again.input("/unblock bob")
    assert await code(bob, "/msg alice at last") == "done"


async def test_who_registers_the_name_of_a_removed_account_reads_none_of_its_messages(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    bob = await registered(server, "bob")
    await bob.input("/msg alice secret")
    await alice.quit()
    accounts = server.state.accounts
    accounts.remove(accounts.find("alice"))
    other = await registered(server, "alice")
    assert (await other.ask("page", room="@bob"))[-1]["code"] == "no_such_member"
    await bob.input("/msg alice hello", id="n")
    assert texts(stored(await other.sync(), "@bob")) == ["hello"]


async def test_notify_levels_and_highlights_are_the_same_on_every_device(
    server: ChatServer,
) -> None:
    phone = await registered(server, "alice")
    await phone.input("/notify mentions")
    await phone.input("/highlight release deploy")
    laptop = Peer(server.dial())
    events = await laptop.hello("alice", account="alice", password=PASSWORD)
    settings = next(event for event in events if event["type"] == "settings")
    assert settings["notify"] == {"lobby": "mentions"}
    assert settings["highlights"] == ["release", "deploy"]
    await laptop.input("/notify none")
    assert (await phone.sync())[-1]["notify"] == {"lobby": "none"}


async def test_guests_can_be_kept_out_and_accounts_come_by_every_wire(
    autojump_clock: MockClock,
) -> None:
    async with open_server(chat_config()) as server:
        alice = await registered(server, "alice")
        await alice.quit()
        await registered(server, "bob")
        closed = chat_config("accounts.guests=false")
        server.hub.settings.config = closed
        assert (await Peer(server.dial()).hello("carol"))[-1]["code"] == "not_permitted"
        plain = PlainPeer(server.dial())
        await plain.send(f"/login alice {PASSWORD}")
        assert await plain.until("welcome to trio-chat, alice")
        await plain.send("hello from nc")
        await plain.until("<alice> hello from nc")


async def test_a_plain_peer_registers_and_logs_in(server: ChatServer) -> None:
    plain = await server.plain("alice")
    await plain.send(f"/register {PASSWORD}")
    shown = await plain.until("is yours")
    assert PASSWORD not in "".join(shown)
    await plain.send("/logout", f"/login alice {PASSWORD}")
    await plain.until("logged in as alice")


async def test_accounts_and_their_sessions_are_there_after_a_restart(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path)
    async with open_server(config) as server:
        phone = await registered(server, "alice")
        await phone.input("/join dev")
        await phone.input("hi", "dev")
        await phone.ask("read", room="dev", seq=1)
        await phone.input("/notify none", "dev")
    async with open_server(config) as server:
        again = Peer(server.dial())
        events = await again.resume(phone.token, dev=1)
        assert (events[0]["resumed"], events[0]["account"]) == (True, "alice")
        assert {"type": "read", "room": "dev", "seq": 1} in events
        laptop = await login(server, "alice")
        assert (await result(laptop, "/notify"))["data"]["notify"] == {"#dev": "none"}
