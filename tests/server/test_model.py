"""A model of what a client may rely on, against the whole server: whatever sessions do, each sees
a log that is dense, ordered and the same as everybody's."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from unittest.mock import patch

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from support_pipes import PipeStream
from support_server import ChatServer, Event, Links, Peer, chat_config, open_server, run_jumping
from trio_chat.server.delivery import broadcast

ROOMS = ("lobby", "dev")
LINE = "x" * 3000
# Requests that wait in a link while its session is not read from.
MOST_WAITING_BYTES = 500_000

ACTORS = st.integers(0, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), ACTORS, st.sampled_from(ROOMS), st.integers(1, 30)),
        st.tuples(st.just("tell"), ACTORS, ACTORS, st.integers(1, 30)),
        st.tuples(st.just("join"), ACTORS, st.sampled_from(ROOMS)),
        st.tuples(st.just("leave"), ACTORS, st.sampled_from(ROOMS)),
        st.tuples(st.just("cut"), ACTORS),
        st.tuples(st.just("come back"), ACTORS),
        st.tuples(st.just("read"), ACTORS),
        st.tuples(st.just("turns"), st.integers(1, 20)),
        st.tuples(st.just("wait"), st.sampled_from([1, 35, 70])),
    ),
    max_size=40,
)


class Actor:
    """One client, and what it may rely on.

    Attributes:
        last: by room, the seq up to which it has seen everything.
        log: what it saw, by room and seq.
        entering: the rooms whose next `backlog` begins anew.
    """

    def __init__(self, server: ChatServer, nick: str, said: dict[str, str]) -> None:
        self.server = server
        self.nick = nick
        self.peer: Peer | None = None
        self.token = ""
        self.last: dict[str, int] = {}
        self.log: dict[tuple[str, int], str] = {}
        self.entering: set[str] = set()
        self._said = said

    async def enter(self) -> None:
        self.peer = Peer(self.server.dial(capacity_bytes=4096))
        for event in await self.peer.hello(self.nick):
            self.see(event)
        self.token = self.peer.token

    async def come_back(self) -> None:
        if self.peer is not None:
            return
        self.peer = Peer(self.server.dial(capacity_bytes=4096))
        # The first answer alone: the rest is read when there is time.
        resume = {"session": self.token, "rooms": self.last}
        await self.peer.send(type="hello", nick=self.nick, resume=resume)
        welcome = await self.peer.next()
        assert welcome["resumed"] is True

    def cut(self) -> None:
        if self.peer is not None:
            self.peer.reset()
            self.peer = None

    async def ask(self, text: str, room: str = "") -> None:
        if self.peer is None:
            return
        assert isinstance(self.peer.stream, PipeStream)
        if len(self.peer.stream.outgoing.data) > MOST_WAITING_BYTES:
            return
        id = f"{self.nick} {len(self._said)}"
        self._said[id] = text
        try:
            await self.peer.send(type="input", id=id, room=room, text=text)
        except trio.BrokenResourceError:
            self.peer = None

    async def say(self, room: str, count: int) -> None:
        for _ in range(count):
            await self.ask(f"{self.nick} {len(self._said)} {LINE}", room)

    async def tell(self, other: Actor, count: int) -> None:
        for _ in range(count):
            await self.ask(f"/msg {other.nick} {self.nick} {len(self._said)} {LINE}")

    async def read(self) -> None:
        """Read all there is."""
        if self.peer is None:
            return
        try:
            for event in await self.peer.sync():
                self.see(event)
        except (EOFError, trio.BrokenResourceError):
            self.cut()

    def see(self, event: Event) -> None:
        kind, room = event["type"], event.get("room", "")
        if kind == "joined" and event["nick"] == self.nick:
            self.entering.add(room)
        elif kind == "left" and event["nick"] == self.nick:
            del self.last[room]
        elif kind == "backlog":
            if room in self.entering or room not in self.last:
                self.entering.discard(room)
                self.last[room] = event["events"][0]["seq"] - 1 if event["events"] else 0
            for one in event["events"]:
                self.see_stored(one)
        elif kind == "said":
            assert room not in self.entering
            self.see_stored(event)
        assert kind not in ("gap", "bye")

    def see_stored(self, event: Event) -> None:
        room, seq = event["room"], event["seq"]
        if room.startswith("@"):  # nobody joins a conversation, it begins
            self.last.setdefault(room, 0)
        assert seq == self.last[room] + 1, (self.nick, room, seq, self.last[room])
        self.last[room] = seq
        self.log[room, seq] = event["text"]


async def play(steps: list[tuple[object, ...]], links: Links) -> None:
    config = chat_config("limits.outbox_bytes=65536")
    async with open_server(config, links) as server:
        said: dict[str, str] = {}
        actors = [Actor(server, f"actor{number}", said) for number in range(5)]
        for actor in actors:
            await actor.enter()
        for step in steps:
            await take(step, actors)
        for actor in actors:
            await actor.come_back()
            await actor.read()
            await actor.come_back()
            await actor.read()
            await actor.ask("/join lobby")
        for actor in actors:
            await actor.read()
        await compare(server, actors)
        for one, other in permutations(actors, 2):
            compare_conversation(one, other)


async def take(step: tuple[object, ...], actors: list[Actor]) -> None:
    match step:
        case ("say", int(number), str(room), int(count)):
            await actors[number].say(room, count)
        case ("tell", int(number), int(other), int(count)):
            await actors[number].tell(actors[other], count)
        case ("join" | "leave" as verb, int(number), str(room)):
            await actors[number].ask(f"/{verb} {room}")
        case ("cut", int(number)):
            actors[number].cut()
        case ("come back", int(number)):
            await actors[number].come_back()
        case ("read", int(number)):
            await actors[number].read()
        case ("turns", int(count)):
            for _ in range(count):
                await trio.lowlevel.checkpoint()
        case ("wait", int(seconds)):
            with trio.move_on_after(seconds):
                await trio.sleep_forever()


async def compare(server: ChatServer, actors: list[Actor]) -> None:
    """Everybody saw what the log holds, and the log holds each line once."""
    for room in ROOMS:
        entries = await server.hub.store.page(room, limit=100_000)
        stored = {(room, entry.seq): entry.text for entry in entries}
        assert sorted(seq for _, seq in stored) == list(range(1, len(stored) + 1))
        assert len(set(stored.values())) == len(stored)
        for actor in actors:
            seen = {key: text for key, text in actor.log.items() if key[0] == room}
            assert seen.items() <= stored.items()
            if room in actor.last:
                assert actor.last[room] == len(stored)
    assert all("lobby" in actor.last for actor in actors)


def compare_conversation(one: Actor, other: Actor) -> None:
    """Both saw the same; but of what began while one was away that one is given the newest."""
    seen = {seq: text for (room, seq), text in one.log.items() if room == f"@{other.nick}"}
    told = {seq: text for (room, seq), text in other.log.items() if room == f"@{one.nick}"}
    begin = max(min(seen, default=1), min(told, default=1))
    assert begin == 1 or max(seen) - begin >= 49
    assert {seq: text for seq, text in seen.items() if seq >= begin} == {
        seq: text for seq, text in told.items() if seq >= begin
    }
    assert len(set(seen.values())) == len(seen)


@settings(max_examples=100)
@given(steps=STEPS, links=st.sampled_from(["streams", "sockets"]))
def test_every_session_sees_one_dense_log(steps: list[tuple[object, ...]], links: Links) -> None:
    """
    > The events of one room come in the order of their seqs, and everybody gets the same order.
    """
    # Small slices, so that sessions come, go and lag between two of them.
    with patch.object(broadcast, "_SLICE_SESSIONS", 2):
        run_jumping(partial(play, steps, links))
