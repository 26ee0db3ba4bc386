"""Coming back: to what was missed, to a nick that was kept, to a server that was started again."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from support_server import (
    ChatServer,
    Links,
    Peer,
    chat_config,
    open_server,
    pass_seconds,
    seqs,
    stored,
    texts,
    types,
)
from trio_chat.config import Config
from trio_chat.store.api import Put


async def talk(peer: Peer, *lines: str, room: str = "lobby") -> None:
    for line in lines:
        assert (await peer.input(line, room))[-1]["type"] == "done"


async def test_resume_brings_exactly_what_was_missed(server: ChatServer) -> None:
    """
    > Say both in the next `hello`. `"resumed": true` means that it is the same session: you are in
    > your rooms, and get exactly what you missed.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await talk(alice, "one", "two")
    await alice.sync()
    await bob.sync()
    bob.reset()
    await talk(alice, "three", "four")
    again = Peer(server.dial())
    answers = await again.resume(bob.token, lobby=2)
    assert types(answers) == ["welcome", "members", "backlog", "done"]
    assert (answers[0]["resumed"], answers[0]["nick"]) == (True, "bob")
    assert answers[0]["session"] == bob.token
    assert {row["nick"] for row in answers[1]["members"]} == {"alice", "bob"}
    assert texts(answers) == ["three", "four"]
    assert answers[2]["more"] is False
    await talk(alice, "five")
    assert texts(await again.sync()) == ["five"]


async def test_within_the_grace_nobody_notices_anything(server: ChatServer) -> None:
    """
    > Within the grace nobody notices anything.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.sync()
    bob.reset()
    await pass_seconds(29)
    await Peer(server.dial()).resume(bob.token, lobby=0)
    await pass_seconds(60)
    assert await alice.sync() == []


async def test_after_the_grace_others_see_it_leave_and_join_again(server: ChatServer) -> None:
    """
    > After it, others saw the member leave, and see it join its rooms again; everything else is
    > the same, the old nick included.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await talk(bob, "hi")
    await bob.input("/join dev")
    await alice.sync()
    bob.reset()
    await pass_seconds(31)
    assert types(await alice.sync()) == ["left"]
    await talk(alice, "where is bob?")
    again = Peer(server.dial())
    answers = await again.resume(bob.token, lobby=1, dev=0)
    assert answers[0]["nick"] == "bob"
    assert {event["room"] for event in answers if event["type"] == "members"} == {"lobby", "dev"}
    assert texts(answers) == ["where is bob?"]
    assert types(await alice.sync()) == ["joined"]
    assert seqs(await again.input("back", "lobby")) == [3]


async def test_long_absence_comes_in_several_lines(server: ChatServer) -> None:
    """
    > Each room gets `members` and then its `backlog`, in several lines if need be: `more` is true
    > on all but the last.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    bob.reset()
    for number in range(500):
        await alice.send(type="input", room="lobby", text=f"{number} " + "x" * 1000)
    await alice.sync()
    again = Peer(server.dial())
    answers = await again.resume(bob.token, lobby=0)
    backlogs = [event for event in answers if event["type"] == "backlog"]
    assert types(answers)[:3] == ["welcome", "members", "backlog"]
    assert [backlog["more"] for backlog in backlogs] == [True] * (len(backlogs) - 1) + [False]
    assert seqs(answers) == list(range(1, 501))


async def test_direct_messages_are_caught_up_with_too(server: ChatServer) -> None:
    """
    > A conversation (`@bob`) gets its `backlog` only.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.input("/msg bob one")
    bob.reset()
    await alice.input("/msg bob two")
    carol = await server.native("carol")
    await carol.input("/msg bob three")
    answers = await Peer(server.dial()).resume(bob.token, **{"lobby": 0, "@alice": 1})
    assert types(answers) == ["welcome", "members", "backlog", "backlog", "backlog", "done"]
    assert [event["text"] for event in stored(answers, "@alice")] == ["two"]
    assert [event["text"] for event in stored(answers, "@carol")] == ["three"]


async def test_resume_takes_over_a_link_that_the_server_still_holds(server: ChatServer) -> None:
    """
    > A resume while the server still holds the old link takes it over: the old link ends.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.sync()
    again = Peer(server.dial())
    answers = await again.resume(bob.token, lobby=0)
    assert answers[0]["resumed"] is True
    assert types(await bob.to_end()) == ["bye"]
    await bob.stream.aclose()
    assert types(await again.input("it is me")) == ["said", "done"]
    await pass_seconds(60)
    assert types(await alice.sync()) == ["said"]


async def test_two_at_once_for_one_seat_leave_one(server: ChatServer) -> None:
    """
    > A resume while the server still holds the old link takes it over: the old link ends.
    """
    bob = await server.native("bob")
    bob.reset()
    rivals = [Peer(server.dial()) for _ in range(5)]
    resume = {"session": bob.token, "rooms": {"lobby": 0}}
    for rival in rivals:
        await rival.send(type="hello", nick="bob", resume=resume)
    await pass_seconds(1)
    last = Peer(server.dial())
    await last.resume(bob.token, lobby=0)
    for rival in rivals:
        events = await rival.to_end()
        assert events[0]["type"] == "welcome"
        assert events[-1]["type"] == "bye"
    alice = await server.native("alice")
    assert (await alice.input("/who"))[0]["data"]["total"] == 2
    assert types(await last.input("hi")) == ["joined", "said", "done"]


@pytest.mark.parametrize("token", ["", "wrong", "x" * 5000])
async def test_wrong_token_gives_a_fresh_session_and_no_hint(
    server: ChatServer, token: str
) -> None:
    """
    > A token that is wrong or too old gives a fresh session, with `"resumed": false` and no hint
    """
    peer = Peer(server.dial())
    answers = await peer.hello("alice", resume={"session": token, "rooms": {"lobby": 0}})
    assert types(answers) == ["welcome", "joined", "members", "backlog", "done"]
    assert answers[0]["resumed"] is False
    assert answers[0]["session"] != token


async def test_token_is_too_old_after_a_day(server: ChatServer) -> None:
    """
    > A session can be resumed for a day (`resume_seconds`), even after the server was restarted or
    > killed.
    """
    early, late = await server.native("early"), await server.native("late")
    early.reset()
    late.reset()
    await pass_seconds(86_000)
    assert (await Peer(server.dial()).resume(early.token))[0]["resumed"] is True
    await pass_seconds(500)
    assert (await Peer(server.dial()).resume(late.token))[0]["resumed"] is False


async def test_token_is_worth_nothing_after_quit(server: ChatServer) -> None:
    """
    > A token that is wrong or too old gives a fresh session
    """
    alice = await server.native("alice")
    await alice.quit()
    assert (await Peer(server.dial()).resume(alice.token))[0]["resumed"] is False


async def test_kept_nick_is_refused_until_the_grace_is_over(server: ChatServer) -> None:
    """
    > While the nick of a cut link is kept, others who want it get `nick_taken` with `retry_after`.
    """
    bob = await server.native("bob")
    other = Peer(server.dial())
    (refusal,) = await other.hello("BOB")
    assert (refusal["code"], refusal.get("retry_after")) == ("nick_taken", None)
    bob.reset()
    await pass_seconds(10)
    (refusal,) = await other.hello("BOB")
    assert refusal["code"] == "nick_taken"
    assert refusal["retry_after"] == pytest.approx(20, abs=0.1)
    other.patience_seconds = 30
    await pass_seconds(refusal["retry_after"] - 11)
    await other.stream.aclose()
    await pass_seconds(11)
    assert (await Peer(server.dial()).hello("BOB"))[0]["nick"] == "BOB"


async def test_future_seqs_are_a_gap(server: ChatServer) -> None:
    """
    > What can no longer be had is a `gap`, sent before.
    """
    bob = await server.native("bob")
    await talk(bob, "one")
    bob.reset()
    answers = await Peer(server.dial()).resume(bob.token, lobby=5)
    gap = answers[types(answers).index("gap")]
    assert (gap["room"], gap["from"], gap["to"]) == ("lobby", 2, 5)


async def test_what_the_log_has_forgotten_is_a_gap(autojump_clock: MockClock, links: Links) -> None:
    """
    > What can no longer be had is a `gap`, sent before.
    """
    config = chat_config("store.memory_events=80", "limits.backlog_events=5")
    async with open_server(config, links) as server:
        alice = await server.native("alice")
        bob = await server.native("bob")
        bob.reset()
        for number in range(200):
            await alice.send(type="input", room="lobby", text=str(number))
        await alice.sync()
        answers = await Peer(server.dial()).resume(bob.token, lobby=3)
        gap = answers[types(answers).index("gap")]
        assert gap["from"] == 4
        assert types(answers).index("gap") < types(answers).index("backlog")
        assert seqs(answers) == list(range(gap["to"] + 1, 201))
        assert len(seqs(answers)) >= 80


async def test_away_and_ignores_come_along(server: ChatServer) -> None:
    """
    > everything else is the same, the old nick included
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await bob.input("/away lunch")
    await bob.input("/ignore alice")
    bob.reset()
    await pass_seconds(31)
    again = Peer(server.dial())
    await again.resume(bob.token, lobby=0)
    await talk(alice, "hello?")
    assert types(await again.sync()) == ["gap"]
    assert (await alice.input("/whois bob"))[-2]["data"]["away"] == "lunch"


# --- the same after the server was started again


def on_disk(folder: Path, *assignments: str) -> Config:
    quick = ("timeouts.linger_seconds=0.01", "store.synchronous=NORMAL")
    return chat_config(*quick, *assignments, data=folder)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_session_outlives_its_server(tmp_path: Path, how: str) -> None:
    """
    > A session can be resumed for a day (`resume_seconds`), even after the server was restarted or
    > killed.
    """
    async with open_server(on_disk(tmp_path)) as server:
        alice = await server.native("alice")
        bob = await server.native("bob")
        await bob.input("/join dev")
        await talk(bob, "one", "/topic work", room="dev")
        await talk(alice, "one")
        await alice.input("/msg bob psst")
        await bob.sync()
        bob.reset()
        await talk(alice, "two")
        await alice.input("/msg bob are you there?")
        await (server.end() if how == "stop" else server.kill())
    async with open_server(on_disk(tmp_path)) as server:
        again = Peer(server.dial())
        (refusal,) = await again.hello("alice")
        assert refusal["code"] == "nick_taken"
        assert 0 < refusal["retry_after"] <= 30
        answers = await again.resume(bob.token, **{"lobby": 1, "dev": 2, "@alice": 1})
        assert (answers[0]["resumed"], answers[0]["nick"]) == (True, "bob")
        assert [event["text"] for event in stored(answers, "lobby")] == ["two"]
        assert [event["text"] for event in stored(answers, "@alice")] == ["are you there?"]
        assert stored(answers, "dev") == []
        rosters = {event["room"]: event for event in answers if event["type"] == "members"}
        assert {room: roster["total"] for room, roster in rosters.items()} == {"lobby": 2, "dev": 1}
        assert rosters["dev"]["topic"] == "work"
        assert seqs(await again.input("three")) == [3]
        back = Peer(server.dial())
        answers = await back.resume(alice.token, lobby=2)
        assert [event["text"] for event in stored(answers, "lobby")] == ["three"]
        assert [event["text"] for event in stored(answers, "@bob")] == ["psst", "are you there?"]


async def test_direct_message_to_somebody_cut_off_survives_a_kill(tmp_path: Path) -> None:
    """
    > get exactly what you missed
    """
    async with open_server(on_disk(tmp_path)) as server:
        alice = await server.native("alice")
        bob = await server.native("bob")
        bob.reset()
        await alice.input("/msg bob psst")
        await server.kill()
    async with open_server(on_disk(tmp_path)) as server:
        answers = await Peer(server.dial()).resume(bob.token, lobby=0)
        assert [event["text"] for event in stored(answers, "@alice")] == ["psst"]


async def test_ids_are_remembered_across_a_restart(tmp_path: Path) -> None:
    """
    > Ids are remembered for a day, across restarts of the server.
    """
    async with open_server(on_disk(tmp_path)) as server:
        alice = await server.native("alice")
        first = [
            (await alice.input("hello", id="1"))[-1],
            (await alice.input("/topic work", id="2"))[-1],
            (await alice.input("/join dev", id="3"))[-1],
        ]
        await server.kill()
    async with open_server(on_disk(tmp_path)) as server:
        again = Peer(server.dial())
        await again.resume(alice.token, lobby=2, dev=0)
        assert [
            await again.input("hello", id="1"),
            await again.input("/topic work", id="2"),
            await again.input("/join dev", id="3"),
        ] == [[{**answer, "repeated": True}] for answer in first]
        assert seqs(await again.ask("page", room="lobby")) == [1, 2]


async def test_last_words_reach_somebody_cut_off_although_their_sender_is_gone(
    server: ChatServer,
) -> None:
    """
    > get exactly what you missed
    """
    alice, bob = await server.native("alice"), await server.native("bob")
    bob.reset()
    assert (await alice.input("/msg bob farewell"))[-1]["type"] == "done"
    await alice.quit()
    again = Peer(server.dial())
    events = await again.resume(bob.token, lobby=0)
    assert [event["text"] for event in stored(events, "@alice")] == ["farewell"]
    # Whoever is called so later is somebody else.
    other = await server.native("alice")
    await again.sync()
    (error,) = await again.input("is it you?", "@carol")
    assert error["code"] == "no_such_member"
    await again.input("is it you?", "@alice")
    (said,) = [event for event in await other.sync() if event["type"] == "said"]
    assert (said["room"], said["seq"]) == ("@bob", 1)


async def test_last_words_reach_a_slow_reader_although_their_sender_is_gone(
    server: ChatServer,
) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    alice = await server.native("alice")
    slow = await server.native("slow", capacity_bytes=2048)
    server.lag("slow")
    for number in range(3):
        await alice.input(f"/msg slow {number} " + "x" * 1500)
    await alice.quit()
    events = await slow.sync()
    assert seqs(events, "@alice") == [1, 2, 3]
    ends = [event["room"] for event in events if event["type"] == "left"]
    assert "@alice" in ends


async def test_old_nick_is_kept_although_another_was_refused(server: ChatServer) -> None:
    """
    > if that is taken too, the answer is `nick_taken`, and the session is kept: try again later or
    > with another nick.
    """
    alice = await server.native("alice")
    alice.reset()
    await pass_seconds(31)
    other = await server.native("alice")
    await server.native("bob")
    back = Peer(server.dial())
    resume = {"session": alice.token, "rooms": {}}
    assert (await back.hello("bob", resume=resume))[-1]["code"] == "nick_taken"
    await other.quit()
    assert (await back.hello("carol", resume=resume))[0]["nick"] == "alice"


async def test_room_that_only_a_session_remembers_does_not_keep_the_server_from_starting(
    tmp_path: Path,
) -> None:
    """The disk was full when the room's record was written; folded, its name is too long."""
    async with open_server(on_disk(tmp_path)) as server:
        alice = await server.native("alice")
        await alice.input("/join " + "ß" * 40)
        server.hub.records.keep(Put("room", "ss" * 40, None))
        await alice.input("stored after it")
        await server.kill()
    async with open_server(on_disk(tmp_path)) as server:
        back = Peer(server.dial())
        rooms = [event["room"] for event in await back.resume(alice.token) if "members" in event]
        assert sorted(rooms) == ["lobby", "ss" * 40]
