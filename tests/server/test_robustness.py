"""Whatever ends one session ends that session alone, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import trio

from support_pipes import PipeStream, pipes
from support_server import (
    ChatServer,
    Peer,
    chat_config,
    open_server,
    pass_seconds,
    run_jumping,
    seqs,
    stored,
    texts,
    types,
)
from trio_chat.commands.context import Context
from trio_chat.commands.table import Command, Outcome
from trio_chat.server.delivery import catchup
from trio_chat.server.intake import talk
from trio_chat.server.net.links import StreamLink

GRACE_SECONDS = 31


async def boom(_: Context, arguments: tuple[str, ...]) -> Outcome:
    await trio.lowlevel.checkpoint()
    raise RuntimeError("a bug")


async def test_bug_in_a_handler_ends_only_that_session(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    > a bug of the server, which it logged
    """
    broken = Command("boom", "", "Fail.", boom)
    monkeypatch.setitem(server.parts.table._by_name, "boom", broken)
    server.expected_bugs = 1
    alice, bob = await server.native("alice"), await server.native("bob")
    await bob.send(type="input", id="1", text="/boom")
    *_, error, bye = await bob.to_end()
    assert (error["id"], error["code"]) == ("1", "internal")
    assert bye["type"] == "bye"
    assert "a bug" in server.bugs()[0]["exception"]
    assert texts(await alice.input("still here")) == ["still here"]
    again = Peer(server.dial())
    assert texts(await again.resume(bob.token, lobby=0)) == ["still here"]


async def test_bug_in_plain_talk_ends_only_that_session(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    server.expected_bugs = 1

    def fail(text: str, _: object) -> str:
        if text == "boom":
            raise RuntimeError("a bug")
        return text

    monkeypatch.setattr(talk, "check_text", fail)
    await bob.send(type="input", id="1", room="lobby", text="boom")
    *_, error, bye = await bob.to_end()
    assert (error["id"], error["code"], bye["type"]) == ("1", "internal", "bye")
    assert texts(await alice.input("still here")) == ["still here"]


async def test_bug_in_catching_up_ends_only_that_session(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    bob.reset()
    await alice.input("hi")

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(catchup, "_gaps", fail)
        server.expected_bugs = 1
        broken = Peer(server.dial())
        await broken.send(type="hello", nick="bob", resume={"session": bob.token})
        await broken.to_end()
    again = Peer(server.dial())
    assert texts(await again.resume(bob.token, lobby=0)) == ["hi"]


async def test_nothing_is_kept_of_sessions_that_are_over(server: ChatServer) -> None:
    state = server.state
    for _ in range(3):
        peers = [await server.native(f"p{number}") for number in range(20)]
        await peers[0].input("/join dev")
        await peers[0].input("/msg p1 hi")
        for number, peer in enumerate(peers):
            if number % 2:
                await peer.quit()
            else:
                peer.reset()
        await pass_seconds(GRACE_SECONDS)
    assert (len(server.parts.sessions), len(state.directory.members)) == (0, 0)
    assert state.directory.directs == {}
    assert server.hub.audience.of("lobby") is None
    assert set(state.directory.rooms) <= {"lobby", "dev"}
    await pass_seconds(86_500)
    assert server.hub.seats.find(peers[0].token) is None
    assert await server.hub.store.list("session") == {}


# --- cancelled, or cut, at each of its steps


class StepCounter(trio.abc.Instrument):
    """Calls *action* after the given step of the task that `watch` was told of."""

    def __init__(self, step: int, action: Callable[[], object]) -> None:
        self.left = step
        self._action = action
        self.task: trio.lowlevel.Task | None = None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if self.left == 0:
                self._action()


async def script(peer: Peer) -> None:
    """A life with a little of everything."""
    try:
        await peer.hello("victim")
        await peer.input("hello")
        await peer.input("/join dev")
        await peer.input("/topic work", "dev")
        await peer.input("/msg alice psst")
        await peer.input("/away lunch")
        await peer.ask("page", room="lobby")
        await peer.ask("read", room="lobby", seq=1)
        await peer.input("/leave dev")
        await peer.input("/nick victor")
        await peer.sync()
        peer.reset()
    except (EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
        pass


async def life_that_ends_at(step: int, how: str, resumed: bool) -> bool:
    """Run the script, end the session after so many of its task's steps; False: it had fewer."""
    async with open_server(chat_config(), "sockets") as server:
        alice = await server.native("alice")
        to_server, to_peer = pipes()
        peer = Peer(PipeStream(to_peer, to_server))
        scope = trio.CancelScope()
        action = scope.cancel if how == "cancel" else peer.reset
        counter = StepCounter(step, action)
        trio.lowlevel.add_instrument(counter)

        async def session() -> None:
            counter.task = trio.lowlevel.current_task()
            with scope:
                await server.parts.admission.admit(StreamLink(PipeStream(to_server, to_peer))).run()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(session)
            nursery.start_soon(script, peer)
        trio.lowlevel.remove_instrument(counter)
        await (comes_back if resumed else stays_away)(server, alice, peer)
        return counter.left <= 0


async def stays_away(server: ChatServer, alice: Peer, _: Peer) -> None:
    await pass_seconds(GRACE_SECONDS)
    assert list(server.parts.sessions) == [server.session_of("alice")]
    assert list(server.state.directory.members) == ["alice"]
    hearers = server.hub.audience.of("lobby")
    assert hearers is not None
    assert list(hearers) == [server.session_of("alice")]
    assert server.hub.audience.of("dev") is None
    assert (await alice.input("/who"))[-2]["data"]["total"] == 1
    assert (await alice.input("still here"))[-1]["type"] == "done"
    for nick in ("victim", "victor"):
        assert (await Peer(server.dial()).hello(nick))[0]["type"] == "welcome"


async def comes_back(server: ChatServer, alice: Peer, peer: Peer) -> None:
    await alice.input("after")
    again = Peer(server.dial())
    events = await again.resume(peer.token, lobby=0)
    if events[0]["resumed"]:
        assert "after" in texts(events)
        rooms = {event["room"] for event in events if event["type"] == "members"}
        for room in rooms:
            assert seqs(events, room) == list(range(1, len(seqs(events, room)) + 1))
        assert "psst" not in texts(stored(events, "lobby"))
    assert types(await again.input("back", "lobby"))[-2:] == ["said", "done"]
    who = (await again.input("/who lobby"))[-2]["data"]
    assert who["total"] == 2 or not events[0]["resumed"]
    await again.quit()
    await pass_seconds(GRACE_SECONDS)
    assert list(server.state.directory.members) == ["alice"]


@pytest.mark.parametrize("how", ["cancel", "reset"])
@pytest.mark.parametrize("resumed", [True, False], ids=["comes back", "stays away"])
def test_session_may_end_at_any_step(how: str, resumed: bool) -> None:
    step = 0
    going = True
    while going:
        step += 1
        going = run_jumping(partial(life_that_ends_at, step, how, resumed))
    assert step > 20


# --- the server's own end


async def test_bye_says_when_to_come_back_and_is_last(server: ChatServer) -> None:
    """
    > After `bye`, read on until the end of the link, and do not come back before `retry_after`
    > seconds have passed.
    """
    alice, bob = await server.native("alice"), await server.plain("bob")
    for number in range(50):
        await alice.send(type="input", id=str(number), room="lobby", text=str(number))
    await alice.answer("0")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.end)
        events = await alice.to_end()
        lines = await bob.to_end()
    assert types(events)[-1] == "bye"
    assert events[-1]["retry_after"] == 2.0
    assert lines[-1] == "* bye: the server is shutting down (retry in 2 s)"


async def stopped_after(turns: int) -> None:
    """Stop while a session waits for what it said, and for room in its link."""
    async with open_server(chat_config(), "sockets") as server:
        alice = await server.native("alice")
        for number in range(100):
            await alice.send(type="input", id=str(number), room="lobby", text=str(number))
            await alice.send(type="ping")
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        server.stop.set()
        events = await alice.to_end()
        acknowledged = [event["seq"] for event in events if event["type"] == "done"]
        log = await server.hub.store.page("lobby", limit=1000)
        assert acknowledged == [entry.seq for entry in log]
        assert seqs(events) == acknowledged
        assert types(events)[-1] == "bye"


@pytest.mark.parametrize("turns", range(20))
def test_what_was_under_way_when_the_server_stops_is_answered(turns: int) -> None:
    """
    > A `done` means stored: it survives whatever happens to the server.
    """
    run_jumping(partial(stopped_after, turns))


async def test_stalled_peer_holds_up_the_end_for_a_stated_time_only(server: ChatServer) -> None:
    alice = await server.native("alice")
    await server.native("slow", capacity_bytes=1024)
    for number in range(20):
        await alice.input("x" * 4000 + str(number))
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.end)
        assert types(await alice.to_end())[-1] == "bye"
        await alice.stream.aclose()
        assert trio.current_time() == start
    assert trio.current_time() - start == pytest.approx(5, abs=0.1)


async def test_server_that_stops_accepts_nobody(server: ChatServer) -> None:
    alice = await server.native("alice")
    server.stop.set()
    assert types(await alice.to_end()) == ["bye"]
    with pytest.raises(trio.ClosedResourceError):
        server.dial()


async def test_input_that_still_comes_does_not_swallow_the_bye(server: ChatServer) -> None:
    """
    > the last line before the server closes
    """
    alice = await server.native("alice")
    server.stop.set()
    for number in range(100):
        await alice.send(type="input", room="lobby", text=str(number))
    assert types(await alice.to_end())[-1] == "bye"
