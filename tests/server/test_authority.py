"""Who may speak, and who may know what: the ways round it that were found, and their kind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, code, login, registered, result
from support_server import ChatServer, Peer, chat_config, open_server, texts
from trio_chat.chat.roles import Role
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Say
from trio_chat.commands.table import Command, Outcome


@pytest.fixture
async def server(autojump_clock: MockClock) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config("timeouts.grace_seconds=5")) as server:
        yield server


def shown(events: list[dict[str, object]]) -> str:
    return str([event for event in events if event["type"] != "pong"])


# --- one door


async def test_a_muted_member_talks_by_no_command_that_forgets_to_ask(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A4, the one door: what a handler says is let in where plain talk is."""

    def shout(context: Context, arguments: tuple[str, ...]) -> Outcome:
        assert context.place is not None
        return Outcome(effects=(Say(arguments[0].upper(), key=context.place.key),))

    shouting = Command("shout", "TEXT", "Say it loudly.", shout, least=1, most=1)
    monkeypatch.setitem(server.parts.table._by_name, "shout", shouting)
    alice, bob = await registered(server, "alice"), await server.native("bob")
    await alice.input("/create dev")
    await bob.input("/join dev")
    assert await code(bob, "/shout hello", "dev") == "done"
    assert "HELLO" in shown(await alice.sync())
    await alice.input("/mute bob", "dev")
    assert await code(bob, "/shout hello", "dev") == "muted"
    assert "HELLO" not in shown(await alice.sync())


@pytest.mark.parametrize(
    ("line", "room"),
    [
        ("/describe WORDS", "den"),
        ("/create hall WORDS", "lobby"),
        ("/join WORDS", "lobby"),
        ("/kick carol WORDS", "den"),
        ("/ban carol 1h WORDS", "den"),
        ("/mute carol 1h WORDS", "den"),
        ("/warn carol WORDS", "den"),
        ("/topic WORDS", "den"),
        ("/me WORDS", "den"),
        ("/msg carol WORDS", "den"),
        ("/invite mod", "den"),
        ("/away WORDS", "den"),
        ("/nick WORDS", "den"),
        ("/report carol WORDS", "den"),
        ("/edit last WORDS", "den"),
        ("/delete last WORDS", "den"),
    ],
)
async def test_no_words_of_somebody_silenced_reach_others(
    server: ChatServer, line: str, room: str
) -> None:
    """P3: texts of descriptions, reasons, invitations and the like are words, too."""
    mod = await registered(server, "mod", Role.MODERATOR)
    bob, carol = await registered(server, "bob"), await server.native("carol")
    await bob.input("/create den")
    await bob.input("before", "den")
    await carol.input("/join den")
    await mod.input("/silence bob")
    await carol.sync()
    await mod.sync()
    assert await code(bob, line, room) == "muted"
    heard = shown(await carol.sync()) + shown(await mod.sync())
    assert "WORDS" not in heard
    assert "invites you" not in heard


@pytest.mark.parametrize("line", ["/leave den WORDS", "/quit WORDS"])
async def test_who_is_silenced_may_leave_without_a_last_word(server: ChatServer, line: str) -> None:
    """P3: leaving is never refused, but its reason is left out."""
    mod = await registered(server, "mod", Role.MODERATOR)
    bob, carol = await registered(server, "bob"), await server.native("carol")
    await bob.input("/create den")
    await carol.input("/join den")
    await mod.input("/silence bob")
    await carol.sync()
    await bob.send(type="input", id="x", room="den", text=line)
    left = await carol.expect("left", nick="bob")
    assert "WORDS" not in str(left)


async def test_a_muted_moderator_still_keeps_order_without_words(server: ChatServer) -> None:
    """P3: only words are refused, not what one may do."""
    alice, bob = await registered(server, "alice"), await registered(server, "bob")
    carol = await server.native("carol")
    await alice.input("/create den")
    for peer in (bob, carol):
        await peer.input("/join den")
    await alice.input("/op bob", "den")
    await alice.input("/mute bob", "den")
    assert await code(bob, "/kick carol rude", "den") == "muted"
    assert await code(bob, "/kick carol", "den") == "done"


# --- names and bans


async def test_a_banned_nick_cannot_be_taken_by_who_is_here(server: ChatServer) -> None:
    """P4: a ban of nicks holds for `/nick`, in any spelling, and for those banned from a room."""
    mod = await registered(server, "mod", Role.MODERATOR)
    guest = await server.native("guest")
    await mod.input("/sban nick:spam*")
    for nick in ("spammy", "SPAMMY", "ｓpammy"):
        assert await code(guest, f"/nick {nick}") == "banned"
    alice = await registered(server, "alice")
    await alice.input("/create den")
    await guest.input("/join den")
    await alice.input("/ban nick:troll*", "den")
    assert await code(guest, "/nick troll1") == "banned"
    await guest.input("/leave den")
    assert await code(guest, "/nick troll1") == "done"


async def test_a_banned_moderator_does_not_come_in_by_a_password(server: ChatServer) -> None:
    """P10: who is banned by somebody higher is banned, whatever the own role."""
    admin = await registered(server, "admin", Role.ADMIN)
    mod = await registered(server, "mod", Role.MODERATOR)
    assert await code(admin, "/sban account:mod") == "done"
    await mod.to_end()
    events = await Peer(server.dial()).hello("mod", account="mod", password=PASSWORD)
    assert events[-1]["code"] == "banned"
    events = await Peer(server.dial()).hello("admin", account="admin", password=PASSWORD)
    assert events[0]["type"] == "welcome"


async def test_an_invitation_of_somebody_banned_is_refused_with_the_way_out(
    server: ChatServer,
) -> None:
    """S15: the one who invites hears of the ban, and may lift it."""
    alice, _ = await registered(server, "alice"), await server.native("bob")
    await alice.input("/create den")
    await alice.input("/ban bob", "den")
    answer = (await alice.input("/invite bob", "den"))[-1]
    assert "/unban #1" in answer["message"]
    assert await code(alice, "/unban #1", "den") == "done"
    assert await code(alice, "/invite bob", "den") == "done"


# --- what is ignored


async def test_ignored_words_come_through_no_edit(server: ChatServer) -> None:
    """S10: whatever carries an ignored person's words is left out like the line itself."""
    viewer, mallory = await server.native("viewer"), await server.native("mallory")
    await mallory.input("first")
    await viewer.input("/ignore mallory")
    await mallory.input("/edit last EDITED TEXT")
    live = await viewer.sync()
    later = await viewer.ask("page", room="lobby")
    history = await viewer.input("/history")
    assert "EDITED TEXT" not in str(live) + str(later) + str(history)
    assert "gap" in [event["type"] for event in live]


async def test_an_ignore_follows_an_account_and_no_later_holder_of_its_nick(
    server: ChatServer,
) -> None:
    """S11: who is ignored is a person, not a nick."""
    bob = await registered(server, "bob")
    mallory = await registered(server, "mallory")
    await bob.input("/ignore mallory")
    await bob.quit()
    await mallory.input("/nick sweet")
    bob = await login(server, "bob")
    await mallory.input("bait")
    assert "bait" not in texts(await bob.sync())
    await mallory.quit()
    innocent = await server.native("sweet")
    await innocent.input("hello")
    assert "hello" in texts(await bob.sync())
    assert await code(bob, "/unignore mallory") == "done"
    assert await code(bob, "/ignore mallory") == "done", "while she is away, too"


# --- editing


async def test_a_guest_edits_no_words_of_who_had_the_nick_before(server: ChatServer) -> None:
    """P9: a message is one's own by identity, whatever the clock says."""
    bob = await server.native("bob")
    await bob.input("mine")
    await bob.quit()
    server.now_ms = lambda: 0
    other = await server.native("bob")
    assert await code(other, "/edit last theirs") == "bad_request"
    assert await code(other, "/edit 1 theirs") == "not_permitted"


async def test_slow_mode_holds_for_edits_too(server: ChatServer) -> None:
    """S9: whatever puts words before the room counts as spoken; mending one's last line once is
    free."""
    alice, bob = await registered(server, "alice"), await server.native("bob")
    await alice.input("/create den")
    await bob.input("/join den")
    await bob.input("first", "den")
    await alice.input("/slow 60", "den")
    await bob.input("second", "den")
    assert await code(bob, "/edit 2 older", "den") == "too_fast"
    assert await code(bob, "/edit last mended", "den") == "done"
    assert [await code(bob, f"/edit last {number}", "den") for number in range(8)] == (
        ["too_fast"] * 8
    )


# --- undo


async def test_undo_takes_a_ban_back_that_replaced_another(server: ChatServer) -> None:
    """S12: the second is undone, the first holds again."""
    alice, bob = await registered(server, "alice"), await server.native("bob")
    await alice.input("/create den")
    await bob.input("/join den")
    await alice.input("/mute bob 10m first", "den")
    await alice.input("/mute bob 1h second", "den")
    assert await code(alice, "/undo", "den") == "done"
    held = (await result(alice, "/bans", "den"))["data"]["sanctions"]
    assert [one["reason"] for one in held] == ["first"]
    assert await code(alice, "/undo", "den") == "done"
    assert (await result(alice, "/bans", "den"))["data"]["sanctions"] == []


async def test_undo_passes_over_what_cannot_be_taken_back_and_names_it(
    server: ChatServer,
) -> None:
    """L5: an `/undo` after a `/delete` takes back what came before it."""
    alice, bob = await registered(server, "alice"), await server.native("bob")
    await alice.input("/create den")
    await bob.input("/join den")
    await bob.input("rude", "den")
    await alice.input("/slow 5", "den")
    await alice.input("/delete 2", "den")
    answer = await result(alice, "/undo", "den")
    assert answer["data"]["act"] == "slow"
    assert "delete" in answer["text"]


# --- a private room


@pytest.mark.parametrize(
    "line",
    ["/who {}", "/leave {}", "/search room:{} x", "/kick #{} bob", "/describe #{}", "/op #{} bob"],
)
async def test_to_outsiders_a_private_room_answers_like_none(server: ChatServer, line: str) -> None:
    """P8: to who may not know it, the same answer as for a room that is not there."""
    alice, bob = await registered(server, "alice"), await registered(server, "bob")
    await alice.input("/create SeCret")
    await alice.input("/private", "SeCret")
    private = (await bob.input(line.format("secret")))[-1]
    none = (await bob.input(line.format("nowhere")))[-1]
    assert private["code"] == none["code"]
    assert private["message"].replace("secret", "*") == none["message"].replace("nowhere", "*")
    for kind in ("page", "read"):
        events = await bob.ask(kind, id=None, room="secret", seq=0)
        assert (events[-1]["code"], "SeCret" in str(events)) == ("no_such_room", False)
    assert "SeCret" not in str(await bob.input("/join secret"))


@pytest.mark.parametrize("line", ["/describe #secret", "/key #secret", "/bans #secret"])
async def test_a_private_room_shows_no_admin_how_it_is_set(server: ChatServer, line: str) -> None:
    """P8: admins put it in order, and are shown neither its description, its key nor its bans."""
    alice = await registered(server, "alice")
    boss = await registered(server, "boss", Role.ADMIN)
    await alice.input("/create secret about WORDS")
    await alice.input("/key WORDS", "secret")
    await alice.input("/private", "secret")
    await alice.input("/ban nick:troll WORDS", "secret")
    answer = (await boss.input(line))[-1]
    assert answer["code"] == "not_permitted"
    assert "WORDS" not in str(answer)


# --- the small things


async def test_quit_is_never_too_fast(autojump_clock: MockClock) -> None:
    """B10: the nick is free, however fast one talked before."""
    async with open_server(chat_config("limits.flood=true")) as server:
        bob = await server.native("bob")
        for number in range(10):
            await bob.send(type="input", id=str(number), room="lobby", text=str(number))
        await bob.send(type="input", id="q", room="lobby", text="/quit")
        events = await bob.to_end()
        assert events[-1]["type"] == "bye"
        again = await Peer(server.dial()).hello("bob")
        assert again[0]["type"] == "welcome"


async def test_a_read_only_token_moves_no_marks_and_says_no_last_word(server: ChatServer) -> None:
    """P5: it changes nothing that others or other devices see."""
    bob, carol = await registered(server, "bob"), await server.native("carol")
    events = await bob.input("/token new read eye")
    notice = next(event["text"] for event in events if event["type"] == "notice")
    secret = notice.split(": ")[1].split()[0]
    await carol.input("hello")
    eye = Peer(server.dial())
    await eye.hello("bob", token=secret)
    assert (await eye.ask("read", room="lobby", seq=1))[-1]["code"] == "not_permitted"
    await bob.quit()
    await carol.sync()
    await eye.send(type="input", room="lobby", text="/quit WORDS")
    assert "WORDS" not in str(await carol.expect("left", nick="bob"))


async def test_who_cannot_enter_the_lobby_is_told_why(server: ChatServer) -> None:
    """S20: the refusal comes after the welcome."""
    boss = await registered(server, "boss", Role.ADMIN)
    await boss.input("/limit 1")
    events = await Peer(server.dial()).hello("late")
    assert events[0]["type"] == "welcome"
    told = [event["text"] for event in events if event["type"] == "notice"]
    assert ["has place for 1" in text for text in told] == [True]


async def test_bans_have_a_maximum_that_says_what_to_do(autojump_clock: MockClock) -> None:
    """B7: what holds somebody is looked for among a bounded number."""
    async with open_server(chat_config("limits.sanctions_per_room=3")) as server:
        alice = await registered(server, "alice")
        await alice.input("/create den")
        for number in range(3):
            assert await code(alice, f"/ban nick:n{number}", "den") == "done"
        answer = (await alice.input("/ban nick:n9", "den"))[-1]
        assert "at most 3 bans and mutes" in answer["message"]
        assert await code(alice, "/ban nick:n1 again", "den") == "done", "in place of the former"


async def test_a_fact_is_set_once_when_its_id_comes_again(server: ChatServer) -> None:
    """P7: `/motd set` reads as a rule, and happens once all the same."""
    boss = await registered(server, "boss", Role.ADMIN)
    await boss.input("/motd set one", id="m1")
    await boss.input("/motd set two", id="m2")
    assert (await boss.input("/motd set one", id="m1"))[-1]["type"] == "done"
    assert (await result(boss, "/motd"))["data"] == {"motd": "two"}
