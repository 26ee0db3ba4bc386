"""Reading what was said: pages, history and search count what the one who asks may see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from trio.testing import MockClock

from support_accounts import code, registered, result
from support_server import ChatServer, Peer, chat_config, open_server, stored, texts


@pytest.fixture
async def server(autojump_clock: MockClock) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config("limits.search_results=20")) as server:
        yield server


async def talk_of(server: ChatServer) -> tuple[Peer, Peer, Peer]:
    """bob, who ignores mallory; ada said one line, then mallory sixty."""
    bob, ada, mallory = [await server.native(nick) for nick in ("bob", "ada", "mallory")]
    await ada.input("the noise began")
    for number in range(60):
        await mallory.input(f"noise {number}")
    await bob.input("/ignore mallory")
    return bob, ada, mallory


# --- limits count what the asker sees


async def test_history_shows_as_many_lines_as_asked_for(server: ChatServer) -> None:
    """S17: the last sixty lines are those of somebody ignored."""
    bob, ada, _ = await talk_of(server)
    await ada.input("and goes on")
    assert texts((await result(bob, "/history 5"))["data"]["events"]) == [
        "the noise began",
        "and goes on",
    ]


async def test_search_finds_older_lines_than_those_of_who_is_ignored(server: ChatServer) -> None:
    """S17"""
    bob, _, _ = await talk_of(server)
    assert texts((await result(bob, "/search noise"))["data"]["events"]) == ["the noise began"]


async def test_page_has_one_gap_for_neighbours_and_counts_what_is_seen(
    server: ChatServer,
) -> None:
    """S17: neighbouring gaps are one."""
    bob, ada, _ = await talk_of(server)
    await ada.input("and goes on")
    await bob.sync()
    events = await bob.ask("page", room="lobby", limit=5)
    gaps = [(event["from"], event["to"]) for event in events if event["type"] == "gap"]
    assert (texts(events), gaps) == (["the noise began", "and goes on"], [(2, 61)])
    forward = await bob.ask("page", room="lobby", limit=5, after=1)
    gaps = [(event["from"], event["to"]) for event in forward if event["type"] == "gap"]
    assert (texts(forward), gaps) == (["and goes on"], [(2, 61)])


async def test_an_empty_page_names_the_seq_to_go_on_with(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S17: the loop of docs/bots.md ends at the first line, however much is hidden."""
    monkeypatch.setattr("trio_chat.store.memory.SCAN_ENTRIES", 7)
    bob, _, _ = await talk_of(server)
    before, seen = None, []
    for _ in range(20):
        asked: dict[str, Any] = {} if before is None else {"before": before}
        events = await bob.ask("page", id=None, room="lobby", limit=5, **asked)
        backlog = next(event for event in events if event["type"] == "backlog")
        seen += [event["seq"] for event in backlog["events"]]
        if not backlog["more"]:
            break
        before = backlog["events"][0]["seq"] if backlog["events"] else backlog["next"]
    assert (seen, backlog["more"]) == ([1], False)


# --- a way on


async def test_search_tells_the_way_to_what_is_older(server: ChatServer) -> None:
    """S19: the newest, and a way on, until all were seen once."""
    ada = await server.native("ada")
    for number in range(50):
        await ada.input(f"lorem {number}")
    query, found = "/search lorem", []
    for _ in range(5):
        data = (await result(ada, query))["data"]
        found += [event["seq"] for event in reversed(data["events"])]
        if not data["more"]:
            break
        query = f"/search lorem older:{data['older']}"
    assert found == list(range(50, 0, -1))


@pytest.mark.parametrize("older", ["x", "1/lobby/x", "1/nowhere/1", "1/@nobody/1", "/lobby/1"])
async def test_a_way_on_that_no_search_told_is_refused(server: ChatServer, older: str) -> None:
    ada = await server.native("ada")
    assert await code(ada, f"/search lorem older:{older}") != "done"


# --- every script


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("我家在上海东边。", "上海"),
        ("東京タワーへ行きました", "タワー"),
        ("서울에서만나요", "만나"),
        ("ฉันรักเธอมาก", "รัก"),
    ],
)
async def test_words_of_scripts_without_blanks_are_found(
    server: ChatServer, said: str, word: str
) -> None:
    """S18"""
    ada = await server.native("ada")
    await ada.input(said)
    assert texts((await result(ada, f"/search {word}"))["data"]["events"]) == [said]


# --- what one may not read


async def test_a_token_without_read_reads_nothing(server: ChatServer) -> None:
    """P1: no audience, no backlog, no resume of a log."""
    alice, bob = await registered(server, "alice"), await server.native("bob")
    await alice.input("BACKLOG")
    events = await alice.input("/token new write lab")
    notice = next(event["text"] for event in events if event["type"] == "notice")
    secret = notice.split(": ")[1].split()[0]
    lab = Peer(server.dial())
    hello = await lab.hello("alice", token=secret)
    await bob.input("LIVE")
    await bob.input("/msg alice DIRECT")
    assert await code(lab, "said by the token") == "done"
    live = await lab.sync()
    again = Peer(server.dial())
    resumed = await again.resume(lab.token, lobby=0)
    await bob.input("LATER")
    everything = str([hello, live, resumed, await again.sync()])
    for words in ("BACKLOG", "LIVE", "DIRECT", "LATER"):
        assert words not in everything, words
    assert "said by the token" in texts(await alice.sync())


async def test_a_token_is_told_only_of_commands_that_it_opens(server: ChatServer) -> None:
    """L8"""
    alice = await registered(server, "alice")
    events = await alice.input("/token new read eye")
    notice = next(event["text"] for event in events if event["type"] == "notice")
    eye = Peer(server.dial())
    welcome = (await eye.hello("alice", token=notice.split(": ")[1].split()[0]))[0]
    names = {command["name"] for command in welcome["commands"]}
    assert "history" in names
    assert not names & {"me", "msg", "topic", "kick", "passwd", "token"}


async def test_an_edit_shows_no_line_from_before_one_came(server: ChatServer) -> None:
    """P6: live, in a page, in the history and after a resume."""
    alice, bob = await registered(server, "alice"), await server.native("bob")
    await alice.input("/create den")
    await alice.input("SECRET one", "den")
    await alice.input("/backlog joined", "den")
    await bob.input("/join den")
    await alice.input("/edit 2 SECRET two", "den")
    await alice.input("open", "den")
    live = await bob.sync()
    page = await bob.ask("page", room="den")
    history = await bob.input("/history", "den")
    again = Peer(server.dial())
    resumed = await again.resume(bob.token, den=3)
    assert "SECRET" not in str([live, page, history, resumed])
    assert [event["seq"] for event in stored(live, "den")] == [5]
    assert [event["reason"] for event in live if event["type"] == "gap"] == ["earlier"]
