"""Keeping order, through the server: what who may do to whom, what it does, and what stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, audit, code, login, registered, result
from support_server import (
    ChatServer,
    Peer,
    chat_config,
    open_server,
    pass_seconds,
    texts,
    types,
)
from trio_chat.chat.roles import Role


@pytest.fixture
async def server(autojump_clock: MockClock) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config("timeouts.grace_seconds=5")) as server:
        yield server


async def room_of_alice(server: ChatServer, *guests: str) -> list[Peer]:
    """Alice, who made #dev, and *guests*, who are in it."""
    alice = await registered(server, "alice")
    assert await code(alice, "/create dev where we work") == "done"
    people = [alice]
    for nick in guests:
        peer = await server.native(nick)
        await peer.input("/join dev")
        people.append(peer)
    await alice.sync()
    return people


# --- kick, ban, mute


async def test_a_kick_is_shown_with_its_reason_and_puts_one_out(server: ChatServer) -> None:
    alice, bob, carol = await room_of_alice(server, "bob", "carol")
    await alice.input("/kick bob too loud", "dev")
    for peer in (bob, carol):
        kicked = await peer.expect("kicked")
        assert (kicked["by"], kicked["nick"], kicked["reason"]) == ("alice", "bob", "too loud")
    assert await code(bob, "hey", "dev") == "not_in_room"
    await alice.input("peace", "dev")
    assert texts(await bob.sync()) == []
    assert await code(bob, "/join dev") == "done", "a kick is no ban"


async def test_a_ban_keeps_out_until_it_is_over_by_itself(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await alice.input("/ban bob 2h spam", "dev")
    await bob.expect("kicked")
    refused = (await bob.input("/join dev"))[-1]
    assert refused["code"] == "banned"
    assert "spam" in refused["message"]
    assert 7100 < refused["retry_after"] <= 7200
    sanction = server.state.sanctions.get(1)
    assert sanction is not None
    server.now_ms = lambda: (sanction.until_ms or 0) + 1
    assert await code(bob, "/join dev") == "done"


async def test_a_muted_member_cannot_speak_act_edit_or_set_the_topic(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await bob.input("before", "dev")
    await alice.input("/mute bob 1h calm down", "dev")
    lines = ["hello", "/me waves", "/edit last after", "/topic mine"]
    assert [await code(bob, line, "dev") for line in lines] == ["muted"] * 4
    assert "calm down" in (await bob.input("hello", "dev"))[-1]["message"]
    assert await code(bob, "elsewhere", "lobby") == "done"
    await alice.input("/unmute bob", "dev")
    assert await code(bob, "hello", "dev") == "done"


async def test_a_mask_bans_all_it_fits_but_nobody_who_stands_as_high(server: ChatServer) -> None:
    alice, spam1, spam2 = await room_of_alice(server, "spam1", "spam2")
    helper = await registered(server, "spamhelper", Role.MODERATOR)
    await helper.input("/join dev")
    await alice.input("/ban spam* spammers", "dev")
    assert "kicked" in types(await spam1.sync())
    assert "kicked" in types(await spam2.sync())
    assert await code(helper, "still here", "dev") == "done"
    late = await server.native("spam3")
    assert await code(late, "/join dev") == "banned"


async def test_a_banned_member_does_not_come_back_by_a_resume(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    bob.reset()
    await pass_seconds(10)
    await alice.input("/ban bob", "dev")
    await alice.input("secret", "dev")
    again = Peer(server.dial())
    events = await again.resume(bob.token, dev=0)
    assert events[0]["resumed"] is True
    assert "secret" not in str(events)
    assert await code(again, "hey", "dev") == "not_in_room"


async def test_a_ban_of_an_account_follows_it_to_another_nick(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    bob = await registered(server, "bob")
    await bob.input("/join dev")
    await alice.input("/ban bob", "dev")
    await bob.input("/nick robert")
    assert await code(bob, "/join dev") == "banned"


async def test_bans_are_listed_and_lifted_by_number_and_by_target(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    for target in ("one", "two", "192.0.2.0/24"):
        assert await code(alice, f"/ban {target} 1d why", "dev") == "done"
    rows = (await result(alice, "/bans", "dev"))["data"]["sanctions"]
    assert [row["target"] for row in rows] == ["192.0.2.0/24", "nick two", "nick one"]
    assert await code(alice, "/unban one", "dev") == "done"
    assert await code(alice, f"/unban #{rows[0]['number']}", "dev") == "done"
    assert await code(alice, "/unban nobody", "dev") == "bad_request"
    assert len((await result(alice, "/bans", "dev"))["data"]["sanctions"]) == 1


async def test_an_address_is_shown_to_no_room(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await alice.input("/ban 192.0.2.7 1d", "dev")
    assert "192.0.2.7" not in str(await bob.sync())


async def test_howtoban_says_whom_else_a_mask_would_catch(server: ChatServer) -> None:
    alice, *_ = await room_of_alice(server, "bob", "carol")
    for member in server.state.directory.members.values():
        member.address = "192.0.2.7"
    data = (await result(alice, "/howtoban bob", "dev"))["data"]
    by_target = {row["target"]: row["others"] for row in data["masks"]}
    assert by_target["nick:bob"] == []
    assert set(by_target["addr:bob"]) == {"alice", "carol"}
    assert "192.0.2" not in str(data)
    assert await code(alice, "/ban addr:bob 1h", "dev") == "done"


# --- who may do what to whom


async def test_nobody_acts_on_somebody_of_equal_or_higher_rank(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    people = {"alice": alice}
    for name, role in (("mod", Role.MODERATOR), ("mod2", Role.MODERATOR), ("boss", Role.ADMIN)):
        people[name] = await registered(server, name, role)
        await people[name].input("/join dev")
    acts = ("/kick {}", "/ban {}", "/mute {}", "/warn {} x", "/deop {}")
    for actor, target in (("alice", "mod"), ("mod", "mod2"), ("mod", "boss"), ("mod", "mod")):
        for act in acts:
            assert await code(people[actor], act.format(target), "dev") == "not_permitted", act
    assert await code(people["mod"], "/kick alice", "dev") == "done"


async def test_a_room_moderator_does_not_lift_what_the_owner_set(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    helper = await registered(server, "helper")
    await helper.input("/join dev")
    await alice.input("/op helper", "dev")
    await alice.input("/ban bob 1d", "dev")
    assert await code(helper, "/unban bob", "dev") == "not_permitted"
    assert await code(helper, "/ban bob 1m", "dev") == "not_permitted"
    assert await code(helper, "/ban carol 1m", "dev") == "done"


async def test_op_needs_an_account_and_shows_in_members(server: ChatServer) -> None:
    alice, _bob = await room_of_alice(server, "bob")
    assert await code(alice, "/op bob", "dev") == "no_such_member"
    assert await code(alice, "/voice bob", "dev") == "done"
    carol = await registered(server, "carol")
    events = await carol.input("/join dev")
    rows = {row["nick"]: row.get("room_role") for row in events[1]["members"]}
    assert rows == {"alice": "owner", "bob": "voiced", "carol": None}


async def test_a_transferred_room_has_one_owner(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    bob = await registered(server, "bob")
    await bob.input("/join dev")
    assert await code(alice, "/transfer bob", "dev") == "done"
    assert await code(alice, "/private", "dev") == "not_permitted"
    assert await code(alice, "/kick bob", "dev") == "not_permitted"
    assert await code(bob, "/deop alice", "dev") == "done"


async def test_an_admin_gives_roles_below_its_own_and_an_owner_any(server: ChatServer) -> None:
    boss = await registered(server, "boss", Role.ADMIN)
    owner = await registered(server, "owner", Role.OWNER)
    bob = await registered(server, "bob")
    assert await code(boss, "/role bob admin") == "not_permitted"
    events = await boss.input("/role bob moderator")
    assert events[-1]["type"] == "done"
    assert (await bob.expect("welcome"))["role"] == "moderator"
    assert await code(bob, "/role boss member") == "not_permitted"
    assert await code(owner, "/role boss member") == "done"
    assert await code(owner, "/role bob owner") == "done"


# --- rooms


async def test_a_private_room_is_not_listed_and_entered_by_invitation(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    bob = await server.native("bob")
    await alice.input("/private", "dev")
    assert await code(bob, "/join dev") == "not_permitted"
    assert "dev" not in str((await result(bob, "/rooms"))["data"])
    assert await code(bob, "/who dev") == "no_such_room"
    await alice.input("/invite bob", "dev")
    assert "/join dev" in (await bob.expect("notice"))["text"]
    assert await code(bob, "/join dev") == "done"
    await bob.input("/leave dev")
    await alice.input("/uninvite bob", "dev")
    assert await code(bob, "/join dev") == "not_permitted"


async def test_a_private_room_is_read_by_no_admin(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    await alice.input("/private", "dev")
    await alice.input("secret", "dev")
    boss = await registered(server, "boss", Role.ADMIN)
    assert await code(boss, "/join dev") == "not_permitted"
    assert (await boss.ask("page", room="dev"))[-1]["code"] == "no_such_room", "P8: as if none"
    assert (await result(boss, "/search secret"))["data"]["events"] == []
    assert await code(boss, "/kick #dev alice") == "done", "but it can be put in order"


async def test_a_key_and_a_limit_keep_out(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    bob = await server.native("bob")
    carol = await server.native("carol")
    await alice.input("/key sesame", "dev")
    assert await code(bob, "/join dev") == "not_permitted"
    assert await code(bob, "/join dev open") == "not_permitted"
    assert await code(bob, "/join dev sesame") == "done"
    await alice.input("/limit 2", "dev")
    assert await code(carol, "/join dev sesame") == "room_full"
    assert "sesame" not in str(await audit(server))


async def test_only_the_voiced_speak_in_a_locked_room(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await alice.input("/lock", "dev")
    assert await code(bob, "hello", "dev") == "not_permitted"
    await alice.input("/voice bob", "dev")
    assert await code(bob, "hello", "dev") == "done"
    await alice.input("/lock off", "dev")
    await alice.input("/unvoice bob", "dev")
    assert await code(bob, "hello", "dev") == "done"


async def test_a_slow_room_takes_one_message_of_each_in_a_while(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await alice.input("/slow 30", "dev")
    assert await code(bob, "one", "dev") == "done"
    refused = (await bob.input("two", "dev"))[-1]
    assert refused["code"] == "too_fast"
    assert 0 < refused["retry_after"] <= 30
    assert [await code(alice, "me", "dev") for _ in range(2)] == ["done", "done"]


async def test_who_enters_reads_only_what_was_said_since_where_that_is_the_rule(
    server: ChatServer,
) -> None:
    [alice] = await room_of_alice(server)
    await alice.input("/backlog joined", "dev")
    await alice.input("before bob", "dev")
    bob = await server.native("bob")
    joined = await bob.input("/join dev")
    await alice.input("with bob", "dev")
    page = await bob.ask("page", room="dev", limit=100)
    paged = await bob.ask("page", room="dev", after=0)
    shown = joined + page + paged + await bob.input("/history 50", "dev")
    shown += await bob.input("/search before")
    bob.reset()
    again = Peer(server.dial())
    shown += await again.resume(bob.token, dev=0)
    assert "before bob" not in str(shown)
    assert "with bob" in str(page)
    await alice.input("/backlog all", "dev")
    assert "before bob" in str(await again.ask("page", room="dev"))


async def test_a_room_made_anew_shows_nothing_of_the_archived_one(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await alice.input("old times", "dev")
    assert await code(alice, "/archive", "dev") == "done"
    assert "left" in types(await bob.sync())
    carol = await server.native("carol")
    shown = await carol.input("/join dev") + await carol.ask("page", room="dev")
    shown += (await carol.input("/search old"))[:-1]
    assert "old times" not in str(shown)
    assert await code(carol, "new times", "dev") == "done"
    assert await code(carol, "/join dev.1") == "not_permitted"
    assert "old times" in str(await bob.input("/join dev.1"))
    assert await code(bob, "more", "dev.1") == "not_permitted"


# --- what was said


async def test_a_message_is_edited_and_deleted_by_who_said_it(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    done = (await bob.input("helo wrld", "dev"))[-1]
    await bob.input(f"/edit {done['seq']} hello world", "dev")
    edited = await alice.expect("edited")
    assert (edited["target"], edited["text"], edited["by"]) == (done["seq"], "hello world", "bob")
    page = (await alice.ask("page", room="dev"))[0]["events"]
    said = next(event for event in page if event["seq"] == done["seq"])
    assert (said["text"], said["edited"]) == ("hello world", True)
    assert await code(bob, "/delete last", "dev") == "done"
    joined = await (await server.native("carol")).input("/join dev")
    gone = next(e for e in joined[2]["events"] if e["seq"] == done["seq"])
    assert (gone["text"], gone["deleted"]) == ("", True)
    assert (await result(alice, "/search hello"))["data"]["events"] == []


async def test_nobody_edits_what_another_said_and_moderators_delete_it(
    server: ChatServer,
) -> None:
    alice, bob, carol = await room_of_alice(server, "bob", "carol")
    seq = (await bob.input("rude", "dev"))[-1]["seq"]
    assert await code(carol, f"/edit {seq} nice", "dev") == "not_permitted"
    assert await code(carol, f"/delete {seq}", "dev") == "not_permitted"
    assert await code(alice, f"/edit {seq} nice", "dev") == "not_permitted"
    assert await code(alice, f"/delete {seq} rude", "dev") == "done"
    assert await code(alice, f"/delete {seq}", "dev") == "bad_request"
    assert (await audit(server))[-1]["act"] == "delete"
    events = await carol.ask("page", room="dev")
    page = next(event for event in events if event["type"] == "backlog")["events"]
    said = next(event for event in page if event["seq"] == seq)
    assert (said["text"], said["deleted"]) == ("", True)


async def test_a_guest_does_not_own_what_a_former_holder_of_its_nick_said(
    server: ChatServer,
) -> None:
    _alice, bob = await room_of_alice(server, "bob")
    carol = await server.native("carol")
    await carol.input("/join dev")
    seq = (await bob.input("mine", "dev"))[-1]["seq"]
    await bob.input("/nick robert")
    await carol.input("/nick bob")
    assert await code(carol, f"/delete {seq}", "dev") == "not_permitted"


# --- the server


async def test_a_server_ban_puts_off_and_keeps_off(server: ChatServer) -> None:
    mod = await registered(server, "mod", Role.MODERATOR)
    bob = await registered(server, "bob")
    await mod.input("/sban bob 1d abuse")
    assert "abuse" in (await bob.to_end())[-1]["reason"]
    refused = (await Peer(server.dial()).hello("bob", account="bob", password=PASSWORD))[-1]
    assert refused["code"] == "banned"
    resumed = await Peer(server.dial()).resume(bob.token)
    assert resumed[0]["resumed"] is False
    assert resumed[0]["account"] is None
    await mod.input("/sunban bob")
    await login(server, "bob")


async def test_somebody_silenced_speaks_nowhere(server: ChatServer) -> None:
    mod = await registered(server, "mod", Role.MODERATOR)
    bob = await server.native("bob")
    await bob.input("/join dev")
    await mod.input("/silence bob 1h")
    lines = [("x", "lobby"), ("x", "dev"), ("/msg mod x", "lobby"), ("x", "@mod")]
    assert [await code(bob, text, room) for text, room in lines] == ["muted"] * 4
    await mod.input("/unsilence bob")
    assert await code(bob, "x") == "done"


async def test_a_kill_ends_all_sessions_and_is_no_ban(server: ChatServer) -> None:
    mod = await registered(server, "mod", Role.MODERATOR)
    phone = await registered(server, "bob")
    laptop = await login(server, "bob")
    await mod.input("/kill bob enough")
    for peer in (phone, laptop):
        assert "enough" in (await peer.to_end())[-1]["reason"]
    assert (await Peer(server.dial()).resume(phone.token))[0]["resumed"] is False
    await login(server, "bob")


@pytest.mark.parametrize(
    ("level", "register", "enter", "speak", "come"),
    [
        (0, "done", True, "done", True),
        (1, "not_permitted", True, "done", True),
        (2, "not_permitted", False, "done", True),
        (3, "not_permitted", False, "not_permitted", True),
        (4, "not_permitted", False, "not_permitted", False),
        (5, "not_permitted", False, "not_permitted", False),
    ],
)
async def test_each_panic_level_shuts_a_little_more(
    server: ChatServer, level: int, register: str, enter: bool, speak: str, come: bool
) -> None:
    boss = await registered(server, "boss", Role.ADMIN)
    bob = await registered(server, "bob")
    await bob.quit()
    guest = await server.native("guest")
    assert await code(boss, f"/defcon {level}") == "done"
    assert "announced" in types(await guest.sync())
    assert await code(guest, "hello") == speak
    assert await code(guest, f"/register {PASSWORD}") == register
    assert ((await Peer(server.dial()).hello("new"))[-1]["type"] == "done") is enter
    hello = await Peer(server.dial()).hello("bob", account="bob", password=PASSWORD)
    assert (hello[-1]["type"] == "done") is come
    assert await code(boss, "I speak") == "done"
    assert await code(boss, "/defcon off") == "done"
    assert await code(guest, "hello") == "done"


async def test_a_report_reaches_the_moderators_and_the_audit(server: ChatServer) -> None:
    alice, bob, carol = await room_of_alice(server, "bob", "carol")
    assert await code(carol, "/report bob he shouts", "dev") == "done"
    assert "he shouts" in (await alice.expect("notice"))["text"]
    line = (await audit(server))[-1]
    assert (line["act"], line["by"], line["target"], line["room"], line["reason"]) == (
        "report",
        "carol",
        "bob",
        "dev",
        "he shouts",
    )
    assert "he shouts" not in str(await bob.sync())


# --- audit and undo


async def test_every_act_leaves_a_line_with_who_what_whom_where_why_and_until(
    server: ChatServer,
) -> None:
    alice, _bob = await room_of_alice(server, "bob")
    await alice.input("/ban bob 2d spam and more", "dev")
    line = (await audit(server))[-1]
    assert (line["act"], line["by"], line["target"]) == ("ban", "alice", "nick bob")
    assert (line["room"], line["reason"]) == ("dev", "spam and more")
    assert line["until_ms"] > server.now_ms() + 47 * 3_600_000


@pytest.mark.parametrize(
    ("act", "check", "before", "after"),
    [
        ("/ban bob 2d", "/join dev", "banned", "done"),
        ("/mute bob", "hi", "muted", "done"),
        ("/lock", "hi", "not_permitted", "done"),
        ("/slow 60", "hi", "too_fast", "done"),
    ],
)
async def test_the_last_act_can_be_undone(
    server: ChatServer, act: str, check: str, before: str, after: str
) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await alice.input(act, "dev")
    if before == "too_fast":
        await code(bob, check, "dev")
    assert await code(bob, check, "dev") == before
    assert await code(alice, "/undo", "dev") == "done"
    assert await code(bob, check, "dev") == after
    assert (await audit(server))[-1]["act"] == "undo"


async def test_undoing_twice_takes_back_the_act_before(server: ChatServer) -> None:
    alice, bob = await room_of_alice(server, "bob")
    await alice.input("/mute bob", "dev")
    await alice.input("/lock", "dev")
    await alice.input("/undo", "dev")
    assert await code(bob, "hi", "dev") == "muted"
    await alice.input("/undo", "dev")
    assert await code(bob, "hi", "dev") == "done"


async def test_what_somebody_changed_since_is_not_undone(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    boss = await registered(server, "boss", Role.ADMIN)
    await alice.input("/slow 10", "dev")
    await boss.input("/slow #dev 20")
    assert await code(alice, "/undo", "dev") == "bad_request"


async def test_an_undo_gives_no_more_than_the_role_one_has_now(server: ChatServer) -> None:
    [alice] = await room_of_alice(server)
    bob = await registered(server, "bob")
    await bob.input("/join dev")
    await alice.input("/transfer bob", "dev")
    assert await code(alice, "/undo", "dev") == "not_permitted"


# --- restart


async def test_all_of_it_is_there_after_a_restart(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path)
    async with open_server(config) as server:
        [alice] = await room_of_alice(server)
        await registered(server, "bob")
        carol = await registered(server, "carol")
        for line in ("/voice bob", "/private", "/invite carol", "/backlog joined", "/slow 60"):
            assert await code(alice, line, "dev") == "done", line
        await alice.input("early", "dev")
        await carol.input("/join dev")
        await alice.input("/ban bob 1d spam", "dev")
        await alice.input("/mute carol 1d", "dev")
        boss = await registered(server, "boss", Role.ADMIN)
        await boss.input("/defcon 1")
        await server.kill()
    async with open_server(config) as server:
        carol2 = Peer(server.dial())
        events = await carol2.resume(carol.token, dev=0)
        assert "early" not in str(events)
        assert await code(carol2, "hi", "dev") == "muted"
        bob2 = await login(server, "bob")
        assert await code(bob2, "/join dev") == "banned"
        alice2 = await login(server, "alice")
        settings = (await result(alice2, "/describe", "dev"))["data"]
        assert (settings["private"], settings["slow_seconds"]) == (True, 60.0)
        assert len((await result(alice2, "/bans", "dev"))["data"]["sanctions"]) == 2
        assert server.state.defcon == 1
        assert (await audit(server))[-1]["act"] == "defcon"
        assert await code(alice2, "/undo", "dev") == "done"
        assert await code(carol2, "hi", "dev") == "done"
