"""Rooms are not made without end, and what guests made goes when nobody wants it any more."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from support_accounts import code, registered, result
from support_server import Links, chat_config, open_server, pass_seconds, texts
from trio_chat.chat.roles import Role

ADDRESS = "192.0.2.1"
DAY_SECONDS = 86_400


async def test_one_person_makes_so_many_rooms_a_day(autojump_clock: MockClock) -> None:
    """S16, B3: one guest makes 400 rooms."""
    async with open_server(chat_config("limits.rooms_made_per_person=3")) as server:
        alice, bob = await server.native("alice"), await server.native("bob")
        assert [await code(alice, f"/join r{n}") for n in range(3)] == ["done"] * 3
        refusal = (await alice.input("/join r3"))[-1]
        assert (refusal["code"], refusal["retry_after"]) == ("too_fast", DAY_SECONDS)
        assert refusal["message"] == "one makes at most 3 rooms a day"
        assert await code(alice, "/join r0") == "done"
        assert await code(bob, "/join r3") == "done"
        assert await code(alice, "/join r3") == "done"


async def test_rooms_made_by_command_count_too(autojump_clock: MockClock) -> None:
    """S16, B3."""
    async with open_server(chat_config("limits.rooms_made_per_person=2")) as server:
        ada = await registered(server, "ada")
        assert [await code(ada, f"/create r{n}") for n in range(3)] == ["done", "done", "too_fast"]
        boss = await registered(server, "boss", Role.ADMIN)
        assert [await code(boss, f"/create s{n}") for n in range(3)] == ["done"] * 3


async def test_one_address_makes_so_many_rooms_a_day(autojump_clock: MockClock) -> None:
    """S16, B3: the next guest of the same address."""
    async with open_server(chat_config("limits.rooms_made_per_address=2")) as server:
        for number in range(2):
            guest = await server.native(f"guest{number}", peer=ADDRESS)
            assert await code(guest, f"/join r{number}") == "done"
            await guest.quit()
        late = await server.native("late", peer=ADDRESS)
        refusal = (await late.input("/join r3"))[-1]
        assert (refusal["code"], refusal["retry_after"]) == ("too_fast", DAY_SECONDS)
        assert "from one address" in refusal["message"]
        far = await server.native("far", peer="192.0.2.2")
        assert await code(far, "/join r3") == "done"


async def test_the_server_has_place_for_so_many_rooms(autojump_clock: MockClock) -> None:
    """B3: 40,000 rooms made by guests."""
    async with open_server(chat_config("limits.rooms=2")) as server:
        alice = await server.native("alice")
        assert await code(alice, "/join tea") == "done"
        refusal = (await alice.input("/join coffee"))[-1]
        assert refusal["code"] == "not_permitted"
        assert refusal["message"] == "this server has place for 2 rooms, and no more"


async def test_a_guests_empty_room_goes_with_its_log(
    autojump_clock: MockClock, links: Links
) -> None:
    """S16."""
    config = chat_config("rooms.empty_seconds=1000", "timeouts.resume_seconds=10")
    async with open_server(config, links) as server:
        alice = await server.native("alice")
        ada = await registered(server, "ada")
        await alice.input("/join tea")
        await alice.input("earl grey", room="tea")
        await alice.input("/topic leaves", room="tea")
        await alice.input("still here")
        await ada.input("/create owned")
        await ada.input("/leave owned")
        await alice.input("/leave tea")
        await pass_seconds(900)
        assert {"tea", "owned"} <= names(await result(ada, "/rooms"))
        await pass_seconds(200)
        assert names(await result(ada, "/rooms")) == {"lobby", "owned"}
        events = await ada.input("/join tea")
        assert texts(events) == []
        assert (await ada.input("green", room="tea"))[0]["seq"] == 1


async def test_a_room_where_somebody_came_again_stays(autojump_clock: MockClock) -> None:
    """S16."""
    async with open_server(chat_config("rooms.empty_seconds=1000")) as server:
        alice = await server.native("alice")
        await alice.input("/join tea")
        await alice.input("earl grey", room="tea")
        for _ in range(5):
            await alice.input("/leave tea")
            await pass_seconds(900)
            assert texts(await alice.input("/join tea")) == ["earl grey"]


async def test_empty_rooms_of_a_former_run_go_too(tmp_path: Path) -> None:
    """S16."""
    async with open_server(chat_config(data=tmp_path)) as server:
        alice = await server.native("alice")
        for number in range(3):
            await alice.input(f"/join r{number}")
            await alice.input("hi", room=f"r{number}")
        await alice.quit()
    async with open_server(chat_config("rooms.empty_seconds=0.01", data=tmp_path)) as server:
        bob = await server.native("bob")
        with trio.fail_after(30):
            while await server.hub.store.heads():
                await bob.sync()
        assert names(await result(bob, "/rooms")) == {"lobby"}


async def test_who_asks_for_a_room_that_goes_just_now_is_first_in_a_new_one(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S16: nothing acknowledged is lost with the old log."""
    async with open_server(chat_config("rooms.empty_seconds=1000")) as server:
        alice, bob = await server.native("alice"), await server.native("bob")
        await alice.input("/join tea")
        await alice.input("old", room="tea")
        await alice.input("/leave tea")
        drop = server.hub.store.drop

        async def dropped_slowly(key: str) -> None:
            await bob.send(type="input", id="join", room="lobby", text="/join tea")
            await pass_seconds(5)
            await drop(key)

        monkeypatch.setattr(server.hub.store, "drop", dropped_slowly)
        await pass_seconds(1003)
        assert texts(await bob.answer("join")) == []
        assert (await bob.input("new", room="tea"))[0]["seq"] == 1


async def test_rooms_are_listed_with_the_fullest_first(autojump_clock: MockClock) -> None:
    """B3: the order is kept while members come and go."""
    async with open_server(chat_config()) as server:
        alice, bob = await server.native("alice"), await server.native("bob")
        for peer, room in ((alice, "b"), (alice, "a"), (bob, "c"), (alice, "c"), (bob, "b")):
            await peer.input(f"/join {room}")
        await alice.input("/leave b")
        listed = (await result(bob, "/rooms"))["data"]["rooms"]
        assert [(row["room"], row["members"]) for row in listed] == [
            ("c", 2),
            ("lobby", 2),
            ("a", 1),
            ("b", 1),
        ]


def names(listed: dict[str, object]) -> set[str]:
    data = listed["data"]
    assert isinstance(data, dict)
    return {row["room"] for row in data["rooms"]}
