"""Corners of accounts and moderation, each of which once was a hole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, code, login, registered, result
from support_server import ChatServer, Peer, chat_config, open_server, pass_seconds, texts
from trio_chat.chat.roles import Role


@pytest.fixture
async def server(autojump_clock: MockClock) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config()) as server:
        yield server


async def in_dev(server: ChatServer, *names: str) -> list[Peer]:
    """People with accounts in #dev, which the first one has made."""
    people = [await registered(server, name) for name in names]
    assert await code(people[0], "/create dev") == "done"
    for peer in people[1:]:
        assert await code(peer, "/join dev") == "done"
    return people


async def test_what_a_room_was_made_with_is_there_after_a_restart(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path)
    async with open_server(config) as server:
        alice = await registered(server, "alice")
        assert await code(alice, "/create dev where we work") == "done"
        before = (await result(alice, "/describe", "dev"))["data"]
        await server.kill()
    async with open_server(config) as server:
        alice = await login(server, "alice")
        assert (await result(alice, "/describe", "dev"))["data"] == before


async def test_what_was_edited_away_is_not_shown_to_who_joins(server: ChatServer) -> None:
    alice, bob = await in_dev(server, "alice", "bob")
    for line in ("first", "/edit last second", "/edit last third"):
        await alice.input(line, "dev")
    shown = str(await (await server.native("carol")).input("/join dev"))
    assert "third" in shown
    assert "second" not in shown
    await alice.input("/delete last", "dev")
    await bob.sync()
    assert "third" not in str(await (await server.native("dave")).input("/join dev"))
    assert "third" not in str(await bob.ask("page", room="dev"))


async def test_who_is_muted_says_nothing_as_the_reason_of_a_deletion(server: ChatServer) -> None:
    alice, bob = await in_dev(server, "alice", "bob")
    await bob.input("hello", "dev")
    await alice.input("/mute bob 1h", "dev")
    assert await code(bob, "/delete last what I still have to say", "dev") == "muted"
    assert await code(bob, "/delete last", "dev") == "done"


async def test_who_was_there_before_reads_on_after_having_been_away(server: ChatServer) -> None:
    """The room shows to who enters what is said from then on; who was in it has not left."""
    alice, bob = await in_dev(server, "alice", "bob")
    await alice.input("long ago", "dev")
    await alice.input("/backlog joined", "dev")
    bob.reset()
    await pass_seconds(60)
    await alice.input("while bob was away", "dev")
    bob = await login(server, "bob")
    assert {"long ago", "while bob was away"} <= {*texts(await bob.ask("page", room="dev"))}


async def test_who_enters_an_archive_reads_no_more_than_in_the_room(server: ChatServer) -> None:
    alice, _ = await in_dev(server, "alice", "bob")
    await alice.input("/backlog joined", "dev")
    await alice.input("before carol", "dev")
    carol = await registered(server, "carol")
    await alice.input("/invite carol", "dev")
    await alice.input("/archive", "dev")
    shown = await carol.input("/join dev.1") + await carol.ask("page", room="dev.1", after=0)
    assert "before carol" not in str(shown)
    alice_sees = await alice.input("/join dev.1")
    assert "before carol" in str(alice_sees)


async def test_a_former_owner_takes_back_no_more_than_a_moderator_may(server: ChatServer) -> None:
    alice, bob = await in_dev(server, "alice", "bob")
    admin = await registered(server, "admin", Role.ADMIN)
    await alice.input("/limit 10", "dev")
    assert await code(admin, "/transfer #dev bob") == "done"
    assert await code(alice, "/undo", "dev") == "not_permitted"
    assert await code(bob, "/limit 20", "dev") == "done"


async def test_a_role_is_not_taken_back_from_who_stands_higher_by_now(server: ChatServer) -> None:
    alice, bob = await in_dev(server, "alice", "bob")
    owner = await registered(server, "owner", Role.OWNER)
    await alice.input("/op bob", "dev")
    assert await code(owner, "/role bob moderator") == "done"
    assert await code(alice, "/undo", "dev") == "not_permitted"
    assert await code(bob, "/lock", "dev") == "done"


async def test_an_admin_does_not_open_a_private_room_by_an_undo(server: ChatServer) -> None:
    alice, _ = await in_dev(server, "alice", "bob")
    admin = await registered(server, "admin", Role.ADMIN)
    assert await code(admin, "/private #dev") == "done"
    await alice.input("among us", "dev")
    assert await code(admin, "/undo") == "not_permitted"
    assert await code(admin, "/join dev") == "not_permitted"


async def test_who_could_not_come_back_begins_anew(server: ChatServer) -> None:
    alice, bob = await in_dev(server, "alice", "bob")
    await alice.input("/backlog joined", "dev")
    await alice.input("/private", "dev")
    await bob.quit()
    await alice.input("/uninvite bob", "dev")
    await alice.input("about bob", "dev")
    bob = await login(server, "bob")
    assert await code(bob, "hello", "dev") == "no_such_room", "P8: as if there were none"
    await alice.input("/invite bob", "dev")
    await bob.input("/join dev")
    assert "about bob" not in str(await bob.ask("page", room="dev", after=0))


async def test_who_is_banned_by_nick_does_not_come_back_under_it_by_logging_in(
    server: ChatServer,
) -> None:
    bob = await registered(server, "bob")
    mod = await registered(server, "mod", Role.MODERATOR)
    await bob.input("/nick spammy")
    assert await code(mod, "/sban nick:spam* 1d") == "done"
    again = await Peer(server.dial()).hello("bob", account="bob", password=PASSWORD)
    assert again[-1]["code"] == "banned"
    await mod.input("/sunban nick:spam*")
    await login(server, "bob")


@pytest.mark.parametrize("name", ["lobby", "Lobby"])
async def test_nobody_owns_the_room_for_everybody_also_when_it_begins_anew(
    autojump_clock: MockClock, name: str
) -> None:
    async with open_server(chat_config(f'rooms.auto_join=["{name}"]')) as server:
        admin = await registered(server, "admin", Role.ADMIN)
        alice = await registered(server, "alice")
        assert await code(alice, "/lock", "lobby") == "not_permitted"
        assert await code(admin, "/archive", "lobby") == "done"
        await alice.quit()
        alice = await login(server, "alice")
        assert await code(alice, "hello", "lobby") == "done"
        assert await code(alice, "/lock", "lobby") == "not_permitted"


@pytest.mark.parametrize("command", ["ban", "mute", "sban", "silence"])
@pytest.mark.parametrize("duration", ["10", "10 spam", "5x", "30m 1h"])
async def test_number_that_is_no_duration_makes_no_sanction(
    server: ChatServer, command: str, duration: str
) -> None:
    """S8: it was for good."""
    ada = await registered(server, "ada", Role.ADMIN)
    await registered(server, "bob")
    refused = (await ada.input(f"/{command} bob {duration}"))[-1]
    assert (refused["code"], "10m, 1h 30m or 2d" in refused["message"]) == ("bad_request", True)
    assert server.state.sanctions.is_quiet
    assert await code(ada, f"/{command} bob 1h 30m flood") == "done"
    listed = "/sbans" if command in ("sban", "silence") else "/bans"
    assert "1 h 30 min left: flood" in (await result(ada, listed))["text"]


async def test_countdown_is_read_like_any_duration(server: ChatServer) -> None:
    """S8: `/shutdown 10x` ended the server in ten seconds."""
    ada = await registered(server, "ada", Role.OWNER)
    assert await code(ada, "/shutdown 10x") == "bad_request"
    for typed, seconds in (("20", 20), ("20 for an upgrade", 20), ("5m", 300), ("5 min soon", 300)):
        answer = await result(ada, f"/shutdown {typed}")
        assert answer["data"] == {"seconds": seconds}
        assert await code(ada, "/shutdown cancel") == "done"
