"""Logs that were set back: the server goes on from an older state than its clients know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from trio.testing import MockClock

from support_accounts import PASSWORD, registered
from support_server import ChatServer, Event, Peer, chat_config, open_server, seqs


def rewound(events: Iterable[Event]) -> list[tuple[str, int, int]]:
    return [
        (e["room"], e["from"], e["to"])
        for e in events
        if e["type"] == "gap" and e.get("reason") == "rewound"
    ]


async def talk(peer: Peer, count: int) -> None:
    for number in range(count):
        await peer.input(f"line {number}")


async def test_a_resume_from_beyond_the_end_is_told_and_gets_the_log(server: ChatServer) -> None:
    """L6: the gap goes from the seq after the last one to the client's, and the log follows."""
    alice = await server.native("alice")
    await talk(alice, 3)
    alice.reset()
    events = await Peer(server.dial()).resume(alice.token, lobby=24)
    assert rewound(events) == [("lobby", 4, 24)]
    assert seqs(events) == [1, 2, 3]


async def test_a_resume_from_the_end_is_no_news(server: ChatServer) -> None:
    alice = await server.native("alice")
    await talk(alice, 3)
    alice.reset()
    events = await Peer(server.dial()).resume(alice.token, lobby=3)
    assert (rewound(events), seqs(events)) == ([], [])


async def test_a_session_that_is_not_known_any_more_is_told_too(
    autojump_clock: MockClock,
) -> None:
    """L6: a server without a disk was restarted."""
    async with open_server(chat_config()) as server:
        bob = await server.native("bob")
        await talk(bob, 2)
        alice = Peer(server.dial())
        resume = {"session": "of another run", "rooms": {"lobby": 24, "den": 9}}
        events = await alice.hello("alice", resume=resume)
        assert not events[0]["resumed"]
        assert rewound(events) == [("lobby", 3, 24)]
        assert seqs(events) == [1, 2]


async def test_it_tells_nothing_of_a_room_that_one_is_not_in(server: ChatServer) -> None:
    """P8: nor how long the log of a private room is."""
    owner = await registered(server, "olga")
    await owner.input("/create den")
    await owner.input("/private", "den")
    await owner.input("a secret", "den")
    resume = {"session": "x", "rooms": {"den": 24}}
    assert rewound(await Peer(server.dial()).hello("alice", resume=resume)) == []
    events = await Peer(server.dial()).hello("o", account="olga", password=PASSWORD, resume=resume)
    assert [gap[0] for gap in rewound(events)] == ["den"]


@pytest.mark.parametrize(
    ("fields", "gaps", "shown"),
    [
        ({"after": 24}, [("lobby", 4, 24)], [1, 2, 3]),
        ({"after": 4}, [("lobby", 4, 4)], [1, 2, 3]),
        ({"after": 3}, [], []),
        ({"before": 24}, [], [1, 2, 3]),
    ],
)
async def test_a_page_from_beyond_the_end_is_told(
    server: ChatServer, fields: dict[str, Any], gaps: list[tuple[str, int, int]], shown: list[int]
) -> None:
    """L6: the same for pages of newer history; older than what is to come is the newest."""
    alice = await server.native("alice")
    await talk(alice, 3)
    events = await alice.ask("page", room="lobby", **fields)
    assert (rewound(events), seqs(events)) == (gaps, shown)
