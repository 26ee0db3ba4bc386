"""Corners of accounts, devices and order in which somebody got more, or less, than was due."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, code, hold, login, registered, result
from support_server import (
    ChatServer,
    Peer,
    chat_config,
    open_server,
    pass_seconds,
    stored,
    texts,
    types,
)
from trio_chat.chat import records
from trio_chat.chat.masks import nick_mask
from trio_chat.chat.records import Change
from trio_chat.chat.roles import Role
from trio_chat.chat.sanctions import Sanction


@pytest.fixture
async def server(autojump_clock: MockClock) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config("timeouts.grace_seconds=5")) as server:
        yield server


# --- nicks


async def test_a_guest_is_called_otherwise_also_where_nicks_are_short(
    autojump_clock: MockClock,
) -> None:
    async with open_server(chat_config("limits.nick_characters=8")) as server:
        bob = await registered(server, "bob")
        await bob.quit()
        guest = await server.native("bob")
        await pass_seconds(server.config.accounts.claim_seconds + 1)
        assert (await guest.expect("renamed"))["old"] == "bob"
        assert await code(guest, "still here") == "done"


async def test_an_account_does_not_sit_on_the_nick_of_another_one(server: ChatServer) -> None:
    mallory = await registered(server, "mallory")
    await mallory.input("/nick zed")
    await mallory.quit()
    zed = await registered(server, "zed")
    await zed.quit()
    back = await login(server, "mallory")
    assert (await result(back, "/whois mallory"))["data"]["account"] == "mallory"
    assert (await result(await login(server, "zed"), "/account"))["data"]["account"] == "zed"


async def test_a_guest_with_the_nick_of_an_account_is_warned_after_a_resume_too(
    server: ChatServer,
) -> None:
    guest = await server.native("bob")
    guest.reset()
    await pass_seconds(6)
    await (await registered(server, "bob")).quit()
    again = Peer(server.dial())
    await again.resume(guest.token)
    await pass_seconds(server.config.accounts.claim_seconds + 1)
    assert "bob" not in server.state.directory.members


async def test_a_letter_to_an_account_does_not_go_to_who_uses_its_nick(
    server: ChatServer,
) -> None:
    bob = await registered(server, "bob")
    await bob.quit()
    guest = await server.native("bob")
    alice = await server.native("alice")
    assert "waits" in (await result(alice, "/msg bob secret"))["text"]
    assert "secret" not in texts(await guest.sync())


async def test_a_letter_to_an_account_arrives_whatever_it_is_called_now(
    server: ChatServer,
) -> None:
    bob = await registered(server, "bob")
    await bob.input("/nick robert")
    alice = await server.native("alice")
    await alice.input("/msg bob hello")
    assert texts(stored(await bob.sync(), "@alice")) == ["hello"]


async def test_passers_by_do_not_push_a_waiting_letter_out(server: ChatServer) -> None:
    bob = await registered(server, "bob")
    await bob.quit()
    alice = await registered(server, "alice")
    await alice.input("/msg bob important")
    for number in range(101):
        guest = await server.native(f"guest{number}")
        await guest.input("/msg bob spam")
        await guest.quit()
    again = Peer(server.dial())
    events = await again.hello("bob", account="bob", password=PASSWORD)
    assert "important" in str([event for event in events if event["type"] == "backlog"])


# --- devices


async def test_a_device_that_logs_in_brings_its_room_to_the_others(server: ChatServer) -> None:
    phone = await registered(server, "bob")
    guest = await server.native("visitor")
    await guest.input("/join tea")
    await guest.input(f"/login bob {PASSWORD}")
    assert ("joined", "tea") in [(e["type"], e.get("room")) for e in await phone.sync()]
    await guest.input("hello", "tea")
    assert texts(await phone.sync()) == ["hello"]


async def test_who_was_kicked_while_away_is_told_by_the_resume(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    await alice.input("/create dev")
    bob = await server.native("bob")
    await bob.input("/join dev")
    bob.reset()
    await alice.input("/kick bob", "dev")
    events = await Peer(server.dial()).resume(bob.token, dev=0, lobby=0)
    assert [e["room"] for e in events if e["type"] == "left"] == ["dev"]


async def test_what_was_said_while_one_was_out_of_a_room_is_a_gap_for_its_other_device(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    await alice.input("/create dev")
    await alice.input("/backlog joined", "dev")
    phone = await registered(server, "bob")
    await phone.input("/join dev")
    seq = (await alice.input("together", "dev"))[-1]["seq"]
    laptop = await login(server, "bob")
    phone.reset()
    await laptop.input("/leave dev")
    await alice.input("without bob", "dev")
    await laptop.input("/join dev")
    await alice.input("together again", "dev")
    events = await Peer(server.dial()).resume(phone.token, dev=seq, lobby=0)
    gap = next(event for event in events if event["type"] == "gap")
    assert (gap["room"], gap["from"], gap["to"]) == ("dev", seq + 1, seq + 1)
    assert "without bob" not in str(events)
    assert "together again" in str(events)


async def test_a_refused_resume_leaves_the_link_that_is_there(server: ChatServer) -> None:
    bob = await server.native("evil1")
    ban = Sanction(1, "ban", "", nick_mask("evil*"), "mod", "", 0, None)
    hold(server, Change(records.SANCTION, "1", None, ban))
    assert (await Peer(server.dial()).resume(bob.token))[-1]["code"] == "banned"
    assert await code(bob, "/ping") == "done"


async def test_conversations_of_an_account_go_on_after_a_restart(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path)
    async with open_server(config) as server:
        bob, alice = await registered(server, "bob"), await registered(server, "alice")
        for number in range(3):
            await alice.input(f"/msg bob {number}")
        await bob.sync()
    async with open_server(config) as server:
        again = Peer(server.dial())
        events = await again.resume(bob.token, **{"@alice": 3})
        assert stored(events, "@alice") == []


async def test_a_resume_by_its_owner_costs_no_password_check(server: ChatServer) -> None:
    bob = await registered(server, "bob")
    for _ in range(5):
        bob.reset()
        bob, token = Peer(server.dial()), bob.token
        resume = {"session": token, "rooms": {}}
        events = await bob.hello("bob", account="bob", password="wrong", resume=resume)
        assert events[0]["resumed"] is True


# --- what one may


async def test_an_undo_does_not_replace_what_somebody_higher_set_since(
    server: ChatServer,
) -> None:
    mod = await registered(server, "mod", Role.MODERATOR)
    boss = await registered(server, "boss", Role.ADMIN)
    bob = await server.native("bob")
    await mod.input("/mute bob 1m")
    await mod.input("/unmute bob")
    await boss.input("/mute bob 30d")
    assert await code(mod, "/undo") == "bad_request"
    refused = (await bob.input("hi"))[-1]
    assert refused["retry_after"] > 86_400


async def test_a_moderator_of_the_server_lets_nobody_into_a_private_room(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    await alice.input("/create den")
    await alice.input("/private", "den")
    boss = await registered(server, "boss", Role.ADMIN)
    mod = await registered(server, "mod", Role.MODERATOR)
    for line in ("/invite #den mod", "/voice #den mod", "/transfer #den mod", "/private #den off"):
        assert await code(boss, line) == "not_permitted", line
    assert await code(mod, "/join den") == "not_permitted"


@pytest.mark.parametrize("escape", ["/nick other", f"/register {PASSWORD}"])
async def test_a_mute_is_not_shaken_off_by_another_name(server: ChatServer, escape: str) -> None:
    alice = await registered(server, "alice")
    await alice.input("/create dev")
    bob = await server.native("bob")
    await bob.input("/join dev")
    await alice.input("/mute bob 1h", "dev")
    assert await code(bob, escape) == "muted"
    await bob.input("/leave dev last words")
    assert "last words" not in str(await alice.sync())


async def test_a_write_token_reads_nothing(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    notes = await alice.input("/token new write bot")
    secret = next(e["text"] for e in notes if e["type"] == "notice").split("): ")[1].split()[0]
    bot = Peer(server.dial())
    await bot.hello("x", token=secret)
    assert (await bot.ask("page", room="lobby"))[-1]["code"] == "not_permitted"
    assert await code(bot, "beep") == "done"
    await bot.send(type="input", text="/quit")
    assert (await bot.to_end())[-1]["type"] == "bye"


PASSPHRASE = "correct horse battery"


async def opens(server: ChatServer, name: str, password: str) -> bool:
    peer = Peer(server.dial())
    answer = (await peer.hello("whoever", account=name, password=password))[0]
    peer.reset()
    return bool(answer["type"] == "welcome")


@pytest.mark.parametrize("typed", [PASSPHRASE, f'"{PASSPHRASE}"', f"bob {PASSPHRASE}"])
async def test_all_that_follows_register_is_the_password(server: ChatServer, typed: str) -> None:
    """S3: the account gets one's nick, whatever the first word is."""
    bob = await server.native("bob")
    answer = await result(bob, f"/register {typed}")
    assert answer["data"] == {"account": "bob"}
    assert [account.name for account in server.state.accounts] == ["bob"]
    assert await opens(server, "bob", PASSPHRASE)


@pytest.mark.parametrize(
    "typed",
    [
        PASSPHRASE,
        f'"{PASSPHRASE}"',
        f"bob {PASSPHRASE}",
        f"BOB {PASSPHRASE}",
        f'bob "{PASSPHRASE}"',
    ],
)
async def test_login_takes_a_password_with_blanks_with_a_name_and_without(
    server: ChatServer, typed: str
) -> None:
    """S3"""
    bob = await server.native("bob")
    await bob.input(f"/register {PASSPHRASE}")
    await bob.quit()
    back = await server.native("bob")
    assert await code(back, f"/login {typed}") == "done"


async def test_login_as_somebody_else_names_the_account_first(server: ChatServer) -> None:
    """S3"""
    bob = await server.native("bob")
    await bob.input(f"/register {PASSPHRASE}")
    guest = await server.native("guest")
    assert await code(guest, f"/login {PASSPHRASE}") == "login_failed"
    assert (await result(guest, f"/login bob {PASSPHRASE}"))["data"] == {"account": "bob"}


@pytest.mark.parametrize(
    ("typed", "new"),
    [
        (f'"{PASSPHRASE}" another one here', "another one here"),
        (f'"{PASSPHRASE}" "another one here"', "another one here"),
        (f'"{PASSPHRASE}" another-one', "another-one"),
    ],
)
async def test_password_with_blanks_is_changed_in_quotes(
    server: ChatServer, typed: str, new: str
) -> None:
    """S3"""
    bob = await server.native("bob")
    await bob.input(f"/register {PASSPHRASE}")
    assert await code(bob, f"/passwd {typed}") == "done"
    assert await opens(server, "bob", new)
    assert not await opens(server, "bob", PASSPHRASE)


async def test_password_that_holds_quotes_is_as_it_is(server: ChatServer) -> None:
    """S3: quotes mean something round blanks alone."""
    bob = await server.native("bob")
    await bob.input('/register "horse-8"')
    assert await code(bob, "/passwd") == "usage"
    assert await code(bob, "/passwd horse-8") == "usage"
    assert await code(bob, '/passwd "horse 8"') == "usage"
    assert await code(bob, '/passwd "horse-8" horse-"9" battery') == "done"
    assert await opens(server, "bob", 'horse-"9" battery')


@pytest.mark.parametrize("typed", [PASSPHRASE, f'"{PASSPHRASE}"', f"{PASSPHRASE} messages"])
async def test_account_is_erased_with_a_password_with_blanks(
    server: ChatServer, typed: str
) -> None:
    """S3"""
    bob = await server.native("bob")
    await bob.input(f"/register {PASSPHRASE}")
    await bob.input("something")
    await bob.send(type="input", text=f"/erase {typed}", room="lobby", id="erase")
    await bob.to_end()
    assert list(server.state.accounts) == []


# --- once, and the same


async def test_what_happened_is_answered_as_at_first_though_it_is_refused_by_now(
    server: ChatServer,
) -> None:
    alice = await registered(server, "alice")
    await alice.input("/create dev")
    bob = await registered(server, "bob")
    await bob.input("/join dev")
    said = (await bob.input("hi", "dev", id="m1"))[-1]
    await alice.input("/mute bob", "dev")
    assert (await bob.input("hi", "dev", id="m1"))[-1] == {**said, "repeated": True}
    given = (await alice.input("/transfer bob", "dev", id="t1"))[-1]
    again = (await alice.input("/transfer bob", "dev", id="t1"))[-1]
    assert again == {**given, "repeated": True}


async def test_numbers_of_sanctions_are_not_given_again_after_a_restart(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path)
    async with open_server(config) as server:
        mod = await registered(server, "mod", Role.MODERATOR)
        await mod.input("/ban one")
        await mod.input("/unban one")
    async with open_server(config) as server:
        mod = await login(server, "mod")
        await mod.input("/ban two")
        rows = (await result(mod, "/bans"))["data"]["sanctions"]
        assert [row["number"] for row in rows] == [2]


async def test_nothing_is_kept_of_guests_who_came_and_went(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    await alice.input("/create dev")
    await alice.input("/backlog joined", "dev")
    await alice.input("/slow 1", "dev")
    for number in range(30):
        guest = await server.native(f"guest{number}")
        await guest.input("/join dev")
        await guest.input("hi", "dev")
        await guest.quit()
    room = server.state.directory.rooms["dev"]
    assert [who for who in room.floors if who.startswith("guest:")] == []
    assert [key for key in await server.hub.store.list("floor") if "guest:" in key] == []


async def test_a_conversation_of_guests_who_are_gone_is_not_kept(server: ChatServer) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    account = await registered(server, "carol")
    await alice.input("/msg bob between us")
    await alice.input("/msg carol for you")
    await alice.quit()
    await pass_seconds(1)
    assert len(await direct_logs(server)) == 2, "bob may still read it"
    await bob.quit()
    await pass_seconds(1)
    assert len(await direct_logs(server)) == 1
    assert "for you" in str(await account.input("/search for"))


async def test_a_conversation_is_not_kept_once_its_guests_can_come_back_no_more(
    server: ChatServer,
) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    await alice.input("/msg bob between us")
    alice.reset()
    bob.reset()
    await pass_seconds(3600)
    assert len(await direct_logs(server)) == 1
    await pass_seconds(86_400)
    assert await direct_logs(server) == []


async def direct_logs(server: ChatServer) -> list[str]:
    return [key for key in await server.hub.store.heads() if key.startswith("@")]


async def test_an_archive_keeps_its_name_from_who_is_faster(server: ChatServer) -> None:
    alice = await registered(server, "alice")
    bob = await server.native("bob")
    await alice.input("/create dev")
    await alice.input("old", "dev")
    await alice.send(type="input", id="a", room="dev", text="/archive")
    await bob.send(type="input", id="b", room="lobby", text="/join dev.1")
    assert (await alice.answer("a"))[-1]["type"] == "done"
    assert (await bob.answer("b"))[-1]["type"] in ("done", "error")
    assert server.state.directory.find_room("dev.1").record.archived
    assert "old" not in str(await bob.sync())
    assert types(await alice.input("hello"))[-1] == "done"
