"""Peers that take nothing for a while, or break: nobody waits for them, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from support_server import (
    ChatServer,
    Links,
    Peer,
    PlainPeer,
    chat_config,
    open_server,
    pass_seconds,
    seqs,
    texts,
    types,
)

OUTBOX_BYTES = 65_536
# limit_bytes + one batch + the answers to one chunk of requests: see server/delivery/outbox.py.
BOUND_BYTES = OUTBOX_BYTES + 2 * 65_536
LINE = "x" * 1000


@pytest.fixture
async def server(autojump_clock: MockClock, links: Links) -> AsyncIterator[ChatServer]:
    config = chat_config(f"limits.outbox_bytes={OUTBOX_BYTES}")
    async with open_server(config, links) as server:
        yield server


async def say(peer: Peer, count: int) -> list[str]:
    """Say *count* lines and wait until they are shown."""
    lines = [f"{number} {LINE}" for number in range(count)]
    for line in lines:
        await peer.input(line)
    return lines


async def test_slow_reader_does_not_delay_others(server: ChatServer) -> None:
    """
    > A session that reads too slowly *lags*: nobody waits for it.
    """
    alice, bob = await server.native("alice"), await server.native("bob")
    slow = await server.native("slow", capacity_bytes=4096)
    start = trio.current_time()
    lines = await say(alice, 500)
    assert texts(await bob.sync()) == lines
    assert trio.current_time() == start
    assert slow is not None


async def test_what_waits_for_a_slow_reader_is_bounded(server: ChatServer) -> None:
    alice = await server.native("alice")
    await server.native("slow", capacity_bytes=4096)
    session = server.session_of("slow")
    most = 0
    for _ in range(30):
        await say(alice, 20)
        most = max(most, session.outbox.queued_bytes)
    assert OUTBOX_BYTES / 2 < most <= BOUND_BYTES


async def test_slow_reader_that_reads_again_gets_everything_in_order(server: ChatServer) -> None:
    """
    > When it reads again, it gets the missed events from the log as ordinary live events, and then
    > a fresh `members`, because joins and leaves are not stored.
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    lines = await say(alice, 200)
    await server.native("bob")
    lines += await say(alice, 200)
    events = await slow.sync()
    assert seqs(events) == list(range(1, 401))
    assert texts(events) == lines
    live = [event["type"] for event in events if event["type"] not in ("said", "joined")]
    assert live == ["members"]
    roster = next(event for event in events if event["type"] == "members")
    assert {row["nick"] for row in roster["members"]} == {"alice", "slow", "bob"}
    assert types(events)[-1] == "members"
    await alice.input("live again")
    assert texts(await slow.sync()) == ["live again"]


async def test_join_that_makes_a_slow_reader_lag_is_not_forgotten(server: ChatServer) -> None:
    """
    > and then a fresh `members`, because joins and leaves are not stored.
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    session = server.session_of("slow")
    while session.outbox.queued_bytes < OUTBOX_BYTES - 2100:
        await say(alice, 1)
    rest = OUTBOX_BYTES - session.outbox.queued_bytes
    await alice.input("y" * (rest - 200))
    nicks = ["alice", "slow"]
    while not session.outbox.lagging:
        nicks.append(f"late{len(nicks)}")
        await server.native(nicks[-1])
    events = await slow.sync()
    roster = [event for event in events if event["type"] == "members"][-1]
    assert [row["nick"] for row in roster["members"]] == nicks


async def test_slow_reader_that_talks_gets_its_answers_after_what_it_missed(
    server: ChatServer,
) -> None:
    """
    > What a request causes comes before its `done` or `error`.
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    await say(alice, 200)
    await slow.send(type="input", id="mine", room="lobby", text="mine")
    await pass_seconds(1)
    await say(alice, 10)
    events = await slow.answer("mine") + await slow.sync()
    assert seqs(events) == list(range(1, 212))
    order = [event.get("text") or event["type"] for event in events]
    assert order.index("mine") < order.index("done")


async def test_several_rooms_and_conversations_are_caught_up_with(server: ChatServer) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    for peer in (alice, slow):
        await peer.input("/join dev")
    for number in range(300):
        await alice.input(f"{number} {LINE}", ("lobby", "dev")[number % 2])
        await alice.input(f"/msg slow {number} {LINE}")
    events = await slow.sync()
    assert seqs(events, "lobby") == list(range(1, 151))
    assert seqs(events, "dev") == list(range(1, 151))
    assert seqs(events, "@alice") == list(range(1, 301))


async def test_conversation_that_begins_while_one_lags_is_caught_up_with(
    server: ChatServer,
) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    await say(alice, 200)
    assert server.session_of("slow").outbox.lagging
    for number in range(5):
        await alice.input(f"/msg slow {number}")
    events = await slow.sync()
    assert seqs(events, "@alice") == [1, 2, 3, 4, 5]


async def test_plain_slow_reader_catches_up_too(server: ChatServer) -> None:
    alice = await server.native("alice")
    slow = PlainPeer(server.dial(capacity_bytes=2048))
    await slow.send("slow")
    await slow.until("* in #lobby")
    lines = await say(alice, 300)
    await alice.input("the end")
    shown = await slow.until("the end")
    assert [line.partition("<alice> ")[2] for line in shown] == [*lines, "the end"]


async def test_peer_that_takes_nothing_is_closed_and_can_resume(server: ChatServer) -> None:
    """
    > Only a session that takes nothing for a minute is closed; it can resume.
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    await say(alice, 10)
    await pass_seconds(59)
    assert server.session_of("slow")
    await pass_seconds(2)
    assert len(server.parts.sessions) == 1
    again = Peer(server.dial())
    events = await again.resume(slow.token, lobby=0)
    assert events[0]["resumed"] is True
    assert seqs(events) == list(range(1, 11))


async def test_peer_that_takes_little_is_not_closed(server: ChatServer) -> None:
    """
    > Only a session that takes nothing for a minute is closed
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    await say(alice, 200)
    for _ in range(10):
        await pass_seconds(50)
        got = 0
        while got < 17_000:
            got += len(await slow.stream.receive_some(1000))
    assert server.session_of("slow")


async def test_peer_that_asks_and_never_reads_is_not_read_from(server: ChatServer) -> None:
    alice = await server.native("alice")
    await say(alice, 50)
    greedy = await server.native("greedy", capacity_bytes=4096)
    session = server.session_of("greedy")
    for _ in range(500):
        await greedy.send(type="page", room="lobby")
    await pass_seconds(1)
    assert session.outbox.queued_bytes <= BOUND_BYTES
    await pass_seconds(61)
    assert len(server.parts.sessions) == 1


async def test_reset_in_the_middle_of_a_broadcast_harms_nobody(server: ChatServer) -> None:
    alice = await server.native("alice")
    peers = [await server.native(f"p{number}", capacity_bytes=4096) for number in range(6)]
    for peer in peers[::2]:
        peer.reset()
    lines = await say(alice, 100)
    for peer in peers[1::2]:
        assert texts(await peer.sync()) == lines
    assert len(server.parts.sessions) == 4


async def test_reset_of_a_link_that_is_being_written_to_harms_nobody(server: ChatServer) -> None:
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    await say(alice, 200)
    slow.reset()
    await pass_seconds(1)
    assert len(server.parts.sessions) == 1
    assert texts(await alice.input("still here")) == ["still here"]


async def test_closing_a_slow_reader_still_brings_it_everything_and_bye_last(
    server: ChatServer,
) -> None:
    """
    > the last line before the server closes
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=4096)
    await say(alice, 30)
    await slow.send_raw(b"nonsense\n" * 10)
    await pass_seconds(1)
    events = await slow.to_end()
    assert seqs(events) == list(range(1, 31))
    assert types(events)[-11:] == ["error"] * 10 + ["bye"]


@pytest.mark.parametrize("capacity_bytes", [5_000, 10_000, 80_000, 99_999])
async def test_batch_that_a_link_takes_in_part_comes_whole(
    server: ChatServer, capacity_bytes: int
) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    alice = await server.native("alice")
    bob = await server.native("bob", capacity_bytes=capacity_bytes)
    line = json.dumps({"type": "input", "room": "lobby", "text": "x" * 3000}).encode() + b"\n"
    await alice.send_raw(line * 60)
    await pass_seconds(1)
    assert seqs(await bob.sync()) == list(range(1, 61))


async def test_slow_reader_that_pings_is_not_taken_for_silent(server: ChatServer) -> None:
    """It is not read from while much waits for it, so its pings are not heard.

    > Only a session that takes nothing for a minute is closed
    """
    slow = await server.native("slow", capacity_bytes=4096)
    await slow.sync()
    alice = await server.native("alice")
    await say(alice, 250)
    session = server.session_of("slow")
    for second in range(200):
        if second % 30 == 0:
            await slow.send(type="ping")
        await slow.stream.receive_some(1000)
        await pass_seconds(1)
    assert not session.closing
    slow.reset()
