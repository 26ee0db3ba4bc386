"""A broadcast that takes several turns: who comes, goes or lags between two of them misses nothing
and gets nothing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, cast
from unittest.mock import patch

import pytest
import trio
from trio.testing import MockClock

from support_server import ChatServer, Peer, chat_config, open_server, seqs, types
from support_wire import welcomed
from trio_chat.server.delivery import broadcast
from trio_chat.store.memory import MemoryStore


@pytest.fixture
async def server(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ChatServer]:
    monkeypatch.setattr(broadcast, "_SLICE_SESSIONS", 1)
    async with open_server(chat_config(), "sockets") as server:
        yield server


def at_first_send(server: ChatServer, nick: str, action: Callable[[], object]) -> None:
    """Do *action* once, when the next broadcast has its turn with *nick*."""
    outbox = server.session_of(nick).outbox
    send = outbox.send

    def act_and_send(data: Any) -> int:
        outbox.send = send
        action()
        return send(data)

    outbox.send = act_and_send


async def three(server: ChatServer) -> tuple[Peer, Peer, Peer]:
    """In the order of their turns; the third talks."""
    return (
        await server.native("first"),
        await server.native("second"),
        await server.native("talker"),
    )


async def test_who_leaves_before_its_turn_gets_nothing_after_that(server: ChatServer) -> None:
    first, second, talker = await three(server)
    lobby = server.state.directory.rooms["lobby"]
    member = server.state.directory.members["second"]
    at_first_send(server, "first", lambda: server.hub.membership.leave(member, lobby, ""))
    await talker.input("hi")
    assert types(await second.sync())[-1] == "left"
    assert seqs(await first.sync()) == [1]


async def test_who_leaves_and_joins_before_its_turn_gets_it_once(server: ChatServer) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    _, second, talker = await three(server)
    await second.sync()
    membership, session = server.hub.membership, server.session_of("second")
    lobby = server.state.directory.rooms["lobby"]
    member = server.state.directory.members["second"]

    def leave_and_join() -> None:
        membership.leave(member, lobby, "")
        membership.join(session, lobby)

    at_first_send(server, "first", leave_and_join)
    await talker.input("hi")
    events = await second.sync()
    assert types(events) == ["left", "joined", "members", "backlog"]
    assert seqs(events) == [1]


async def test_who_lags_before_its_turn_gets_it_once(server: ChatServer) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    first, second, talker = await three(server)
    for nick, peer in (("second", second), ("first", first), ("talker", talker)):
        await peer.sync()
        at_first_send(server, "first", partial(server.lag, nick))
        answers = await talker.input(f"while {nick} lags")
        for one in (first, second):
            assert len(seqs(await one.sync())) == 1
        assert len(seqs(answers)) == 1


async def test_who_lags_after_its_turn_gets_it_once(server: ChatServer) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    first, second, talker = await three(server)
    at_first_send(server, "second", partial(server.lag, "first"))
    await talker.input("hi")
    assert seqs(await first.sync()) == [1]
    assert seqs(await second.sync()) == [1]


@pytest.mark.parametrize("wire", ["native", "plain"])
async def test_who_joins_meanwhile_gets_it_once(server: ChatServer, wire: str) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    _, _, talker = await three(server)
    lobby = server.state.directory.rooms["lobby"]
    if wire == "native":
        native = await server.native("late")
        await native.input("/leave lobby")
    else:
        plain = await server.plain("late")
        await plain.send("/leave lobby")
        await plain.until("left")
    session = server.session_of("late")
    at_first_send(server, "first", lambda: server.hub.membership.join(session, lobby))
    await talker.input("hi")
    if wire == "native":
        events = await native.sync()
        assert seqs(events) == [1]
        assert types(events) == ["joined", "members", "backlog"]
    else:
        await talker.input("end")
        assert sum("hi" in line for line in await plain.until("end")) == 1


async def test_who_changes_its_wire_meanwhile_sees_it_in_the_new_one(server: ChatServer) -> None:
    first, second, talker = await three(server)
    await second.sync()
    session = server.session_of("second")
    at_first_send(server, "first", lambda: session.speak(welcomed()))
    await talker.input("hi")
    assert seqs(await first.sync()) == [1]
    assert (await second.line()).endswith(b"#lobby <talker> hi")
    await talker.input("ho")
    assert (await second.line()).endswith(b"#lobby <talker> ho")
    assert seqs(await first.sync()) == [2]


async def test_who_begins_to_ignore_the_speaker_meanwhile_sees_a_gap(server: ChatServer) -> None:
    """
    > they exist, but were said by somebody you ignore
    """
    first, second, talker = await three(server)
    await second.sync()
    speaker, session = server.session_of("talker").speaker(), server.session_of("second")

    def ignore() -> None:
        session.speaker().ignores = {speaker.author: speaker.nick}
        server.hub.audience.subscribe_to_all(session)

    at_first_send(server, "first", ignore)
    await talker.input("hi")
    assert seqs(await first.sync()) == [1]
    assert types(await second.sync()) == ["gap"]


async def test_closing_before_its_turn_still_brings_answers_and_bye(server: ChatServer) -> None:
    """
    > What a request causes comes before its `done` or `error`.
    """
    first, _, talker = await three(server)
    at_first_send(server, "first", server.stop.set)
    await talker.send(type="input", id="1", room="lobby", text="hi")
    assert types(await talker.to_end()) == ["said", "done", "bye"]
    assert types(await first.to_end())[-2:] == ["said", "bye"]


async def test_reset_before_its_turn_harms_nobody(server: ChatServer) -> None:
    first, second, talker = await three(server)
    at_first_send(server, "first", second.reset)
    assert types(await talker.input("hi")) == ["said", "done"]
    assert seqs(await first.sync()) == [1]
    assert len(server.parts.sessions) == 2


async def test_who_lags_while_its_own_line_is_shown_gets_what_follows_once(
    server: ChatServer,
) -> None:
    """
    > On the way no event is left out, and none comes twice.
    """
    first = await server.native("first")
    talker = await server.native("talker", capacity_bytes=4096)
    for number in range(30):
        await first.input(f"{number} " + "x" * 3000)
    await talker.sync()
    session = server.session_of("talker")
    # As if all of it had been refused: it is read again, and takes its time.
    at_first_send(server, "first", lambda: server.hub.audience.lag(session, "lobby", 0))
    await talker.send(type="input", id="own", room="lobby", text="own")
    await first.until("said", text="own")
    await first.input("after")
    events = await talker.sync()
    assert seqs(events) == list(range(1, 33))
    assert [event["id"] for event in events if event["type"] == "done"] == ["own"]


# --- under load


SAID = b'{"type":"input","room":"lobby","text":"said"}\n'


async def wait_after(
    lines: int, server: ChatServer, showing: Callable[[], object], *, load: float = 2.0
) -> float:
    """How long the next line waits after a broadcast of *lines* during which *showing* is done."""
    first, _, talker = await three(server)
    pace = server.parts.broadcaster.pace
    pace.load = load
    at_first_send(server, "first", showing)
    with patch.object(pace, "_measure"):  # no CPU time passes on the clock that jumps
        await talker.send_raw(SAID * lines)
        await first.expect("said", seq=lines)
        shown_at = trio.current_time()
        await talker.send_raw(SAID)
        await first.expect("said", seq=lines + 1)
    return trio.current_time() - shown_at


@pytest.mark.parametrize(("lines", "pause_seconds"), [(1, 0.0), (2, 0.004), (31, 0.004), (32, 0.0)])
async def test_after_a_few_lines_at_once_the_next_one_waits_for_more(
    server: ChatServer, autojump_clock: MockClock, lines: int, pause_seconds: float
) -> None:
    """Twice as long as showing them took. One line, or a full share, makes nobody wait."""
    waited = await wait_after(lines, server, lambda: autojump_clock.jump(0.002))
    assert waited == pytest.approx(pause_seconds)


async def test_nobody_waits_while_the_server_has_time_to_spare(
    server: ChatServer, autojump_clock: MockClock
) -> None:
    waited = await wait_after(2, server, lambda: autojump_clock.jump(0.002), load=0.5)
    assert waited == 0.0


async def test_after_a_full_share_a_commit_under_way_is_waited_for_a_little(
    server: ChatServer, autojump_clock: MockClock
) -> None:
    def take_two_ms_and_begin_a_commit() -> None:
        autojump_clock.jump(0.002)
        cast("MemoryStore", server.hub.store).batches.committing = True

    waited = await wait_after(32, server, take_two_ms_and_begin_a_commit)
    assert waited == pytest.approx(0.0004)


async def test_the_wait_for_more_is_bounded(server: ChatServer, autojump_clock: MockClock) -> None:
    waited = await wait_after(2, server, lambda: autojump_clock.jump(60.0))
    assert waited == pytest.approx(server.config.timeouts.flush_seconds)
