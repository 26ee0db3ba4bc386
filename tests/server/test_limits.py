"""Limits a person may run into: too fast, too silent, too much, and whom one does not want to
hear."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from support_server import (
    ChatServer,
    Event,
    Links,
    Peer,
    PlainPeer,
    chat_config,
    open_server,
    pass_seconds,
    seqs,
    stored,
    texts,
    types,
)
from trio_chat.store.api import Write

# --- flood


async def test_native_peer_is_told_when_to_come_again(
    autojump_clock: MockClock, links: Links
) -> None:
    """
    > the same id again after `retry_after`
    """
    async with open_server(chat_config("limits.flood=true"), links) as server:
        alice = await server.native("alice")
        for id in range(6):
            await alice.send(type="input", id=str(id), room="lobby", text=str(id))
        events = await alice.sync()
        assert texts(events) == ["0", "1", "2", "3", "4"]
        (refusal,) = (event for event in events if event["type"] == "error")
        assert (refusal["id"], refusal["code"]) == ("5", "too_fast")
        assert refusal["retry_after"] == pytest.approx(0.5, abs=0.01)
        assert (await alice.input("5", id="5"))[-1]["code"] == "too_fast"
        await pass_seconds(refusal["retry_after"])
        assert texts(await alice.input("5", id="5")) == ["5"]


async def test_sustained_talk_is_as_fast_as_stated(autojump_clock: MockClock, links: Links) -> None:
    async with open_server(chat_config("limits.flood=true"), links) as server:
        alice = await server.native("alice")
        start = trio.current_time()
        for number in range(25):
            while (answer := (await alice.input(str(number)))[-1])["type"] == "error":
                await pass_seconds(answer["retry_after"])
        assert trio.current_time() - start == pytest.approx(10, abs=0.5)


async def test_looking_things_up_has_a_budget_of_its_own(
    autojump_clock: MockClock, links: Links
) -> None:
    async with open_server(chat_config("limits.flood=true"), links) as server:
        alice = await server.native("alice")
        for _ in range(10):
            assert (await alice.ask("page", room="lobby"))[-1]["type"] == "done"
            assert (await alice.input("/who"))[-1]["type"] == "done"
        assert (await alice.ask("page", room="lobby"))[-1]["code"] == "too_fast"
        assert (await alice.input("hi"))[-1]["type"] == "done"


async def test_plain_peer_is_slowed_down_told_once_and_loses_nothing(
    autojump_clock: MockClock, links: Links
) -> None:
    """
    > Who writes too fast is told so once and then read from more slowly; nothing is lost.
    """
    async with open_server(chat_config("limits.flood=true"), links) as server:
        bob = await server.native("bob")
        alice = await server.plain("alice")
        start = trio.current_time()
        await alice.send(*map(str, range(25)), "/who", "end")
        lines: list[str] = []
        while not lines or not lines[-1].endswith("end"):
            lines.append(await alice.next())
        assert trio.current_time() - start == pytest.approx(10.5, abs=0.6)
        assert sum("slow down" in line for line in lines) == 1
        assert texts(await bob.sync()) == [*map(str, range(25)), "end"]


async def test_a_line_for_which_the_store_has_no_place_yet_is_paid_for_once(
    autojump_clock: MockClock, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Write) -> None:
        raise trio.WouldBlock

    config = chat_config("limits.flood=true", "limits.flood_burst=1")
    async with open_server(config, links) as server:
        alice = await server.native("alice")
        monkeypatch.setattr(server.hub.store, "submit_nowait", full)
        assert types(await alice.input("one")) == ["said", "done"]
        assert types(await alice.input("too fast")) == ["error"]


async def test_flood_of_one_does_not_delay_others(autojump_clock: MockClock, links: Links) -> None:
    async with open_server(chat_config("limits.flood=true"), links) as server:
        flooder = await server.plain("flooder")
        await flooder.send(*map(str, range(100)))
        alice = await server.native("alice")
        start = trio.current_time()
        await alice.input("hi")
        assert trio.current_time() - start < 0.01


# --- silence


async def test_silent_peer_that_used_to_ping_is_dropped(server: ChatServer) -> None:
    """
    > when nothing is heard from it for `silence_seconds` (see `limits` in `welcome`), its link
    > counts as dead.
    """
    alice, bob = await server.native("alice"), await server.native("bob")
    await alice.sync()
    await pass_seconds(100)
    await alice.input("not silent yet")
    await pass_seconds(149)
    alice.patience_seconds = bob.patience_seconds = 0.5
    await alice.sync()
    await pass_seconds(149.9)
    alice.patience_seconds = 0.2
    events = await alice.until("bye")
    assert types(events)[-1] == "bye"
    assert "150" in events[-1]["reason"]
    await bob.input("never pinged, never dropped")


# --- addresses


async def test_more_connections_than_stated_are_told_when_to_come_again(
    autojump_clock: MockClock, links: Links
) -> None:
    async with open_server(chat_config("limits.connections=2"), links) as server:
        alice = await server.native("alice")
        await server.native("bob")
        late = PlainPeer(server.dial())
        (line,) = await late.to_end()
        assert line.startswith("* bye: ")
        assert "retry in 30 s" in line
        await late.peer.stream.aclose()
        await alice.quit()
        await pass_seconds(1)
        await server.native("carol")


# --- ignoring


async def test_ignored_words_come_as_a_gap_and_seqs_stay_dense(server: ChatServer) -> None:
    """
    > With the reason `ignored` they exist, but were said by somebody you ignore; there is nothing
    > to show.
    """
    alice, troll, bob = [await server.native(nick) for nick in ("alice", "troll", "bob")]
    await alice.input("/ignore TROLL")
    await troll.input("bait", id="1")
    assert texts(await bob.input("hi")) == ["bait", "hi"]
    await troll.input("/topic trollish")
    await troll.input("/msg alice bait")
    events = await alice.sync()
    shown = [event for event in events if event["room"] == "lobby"]
    assert types(shown) == ["gap", "said", "topic"]
    assert shown[0] == {"type": "gap", "room": "lobby", "from": 1, "to": 1, "reason": "ignored"}
    assert [event["seq"] for event in shown[1:]] == [2, 3]
    assert "bait" not in texts(events)


async def test_ignored_words_are_in_no_backlog_page_history_or_search(server: ChatServer) -> None:
    """
    > With the reason `ignored` they exist, but were said by somebody you ignore
    """
    alice, troll = [await server.native(nick) for nick in ("alice", "troll")]
    for number in range(3):
        await troll.input(f"bait {number}")
        await alice.input(f"food {number}")
    await alice.input("/ignore troll")
    pages = await alice.ask("page", room="lobby")
    assert texts(pages) == ["food 0", "food 1", "food 2"]
    gaps = [event["from"] for event in pages if event["type"] == "gap"]
    assert gaps == [1, 3, 5]
    assert seqs(pages) == [2, 4, 6]
    for command in ("/history", "/search bait", "/search from:troll"):
        result = (await alice.input(command))[0]
        assert "bait" not in result["text"]
        assert [
            event["text"] for event in result["data"]["events"] if "bait" in event["text"]
        ] == []
    await alice.input("/leave")
    assert texts(await alice.input("/join lobby")) == ["food 0", "food 1", "food 2"]
    alice.reset()
    again = Peer(server.dial())
    events = await again.resume(alice.token, lobby=0)
    assert texts(events) == ["food 0", "food 1", "food 2"]
    assert [event["from"] for event in events if event["type"] == "gap"] == [1, 3, 5]
    await again.input("/unignore troll")
    assert len(texts(await again.ask("page", room="lobby"))) == 6


async def test_ignoring_goes_on_when_the_other_is_renamed(server: ChatServer) -> None:
    alice, troll = [await server.native(nick) for nick in ("alice", "troll")]
    await alice.input("/ignore troll")
    await troll.input("/nick elf")
    await troll.input("bait")
    assert types(await alice.sync()) == ["renamed", "gap"]


# --- large rooms


async def test_joins_come_in_batches_in_a_large_room_and_not_at_all_in_a_huge_one(
    autojump_clock: MockClock, links: Links
) -> None:
    """
    > Joins and leaves come in batches when they are many, and in a room of more than 500 members
    > (`rooms.presence_members`) they are not shown at all; `/who` tells who is there.
    """
    config = chat_config("rooms.fold_members=3", "rooms.presence_members=6")
    async with open_server(config, links) as server:
        peers = [await server.native(f"p{number}") for number in range(8)]
        await pass_seconds(1)
        events = await peers[0].sync()
        assert [event["nick"] for event in events] == ["p1", "p2", "p3", "p4", "p5"]
        members = (await peers[7].input("/who"))[-2]["data"]
        assert members["total"] == 8
        late = Peer(server.dial())
        roster = (await late.hello("late"))[2]
        assert (roster["total"], len(roster["members"])) == (9, 6)


async def test_joins_that_wait_are_shown_before_somebody_speaks(
    autojump_clock: MockClock, links: Links
) -> None:
    """
    > Joins and leaves come in batches when they are many
    """
    config = chat_config("rooms.fold_members=2", "rooms.fold_seconds=10")
    async with open_server(config, links) as server:
        alice = await server.native("alice")
        bob = await server.native("bob")
        carol = await server.native("carol")
        assert types(await alice.sync()) == []
        await carol.input("hi")
        assert [(event["type"], event.get("nick")) for event in await alice.sync()] == [
            ("joined", "bob"),
            ("joined", "carol"),
            ("said", None),
        ]
        assert types(stored(await bob.sync())) == ["said"]
        assert types(await carol.sync()) == []


async def test_who_leaves_the_chat_is_seen_once_by_each_neighbour_in_the_rooms_they_share(
    server: ChatServer,
) -> None:
    """
    > Somebody who leaves the chat leaves each room
    """
    bob, near, far = (
        await server.native("bob"),
        await server.native("near"),
        await server.native("far"),
    )
    plain = await server.plain("plain")
    for peer in (bob, near):
        await peer.input("/join dev")
        await peer.input("/join ops")
    await far.input("/join ops")
    await plain.send("/join dev")
    await plain.until("* in #dev")
    for peer in (near, far):
        await peer.sync()
    await bob.input("/quit tea")
    assert lefts(await near.sync()) == [("lobby", "tea"), ("dev", "tea"), ("ops", "tea")]
    assert lefts(await far.sync()) == [("lobby", "tea"), ("ops", "tea")]
    await plain.send("end")
    assert [line for line in await plain.until("end") if "bob" in line] == [
        "* bob left #lobby, #dev (tea)"
    ]


async def test_who_leaves_a_large_room_and_a_small_one_is_seen_in_each_at_its_time(
    autojump_clock: MockClock, links: Links
) -> None:
    config = chat_config(
        "rooms.fold_members=3", "rooms.fold_seconds=10", "rooms.presence_members=9"
    )
    async with open_server(config, links) as server:
        alice, bob, carol = [await server.native(nick) for nick in ("alice", "bob", "carol")]
        dave = await server.native("dave")
        for peer in (alice, bob):
            await peer.input("/join dev")
        await pass_seconds(11)
        for peer in (alice, carol):
            await peer.sync()
        for peer, reason in ((bob, "tea"), (dave, "cake")):
            await peer.input(f"/quit {reason}")
        assert lefts(await alice.sync()) == [("dev", "tea")]
        assert lefts(await carol.sync()) == []
        await pass_seconds(11)
        assert lefts(await alice.sync()) == [("lobby", "tea"), ("lobby", "cake")]
        assert lefts(await carol.sync()) == [("lobby", "tea"), ("lobby", "cake")]


def lefts(events: list[Event]) -> list[tuple[str, str]]:
    return [(event["room"], event["reason"]) for event in events if event["type"] == "left"]


@pytest.mark.parametrize(
    "request_",
    [
        {"type": "input", "text": "/nosuchcommand"},
        {"type": "input", "text": "/who one two three"},
        {"type": "read", "room": "nowhere", "seq": 1},
    ],
)
async def test_refused_request_costs_as_much_as_one_that_is_done(
    autojump_clock: MockClock, request_: dict[str, Any]
) -> None:
    """Telling what was meant costs the server more than saying something."""
    async with open_server(chat_config("limits.flood=true")) as server:
        alice = await server.native("alice")
        codes = [(await alice.ask(**request_))[-1]["code"] for _ in range(25)]
        assert codes[-1] == "too_fast"
