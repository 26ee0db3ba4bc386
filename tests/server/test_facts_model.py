"""A fact is decided, stored, applied, then shown. Whatever the disk refuses, whenever the server is
killed: memory holds what a fresh start would read, and nobody is shown what was refused."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support_accounts import PASSWORD, hold
from support_server import ChatServer, Event, Peer, chat_config, open_server, run_jumping
from trio_chat.chat import records
from trio_chat.chat.profiles import profile_from
from trio_chat.chat.records import account_changed
from trio_chat.chat.roles import Role
from trio_chat.config import Config
from trio_chat.errors import Unavailable
from trio_chat.store.api import Store, Write
from trio_chat.store.memory import MemoryStore

PEOPLE = ("alice", "bob", "carol")
COMMANDS = [
    *("/create {room}", "/join {room}", "/leave {room}", "/topic {word}", "/describe {word}"),
    *("/op {who}", "/deop {who}", "/voice {who}", "/transfer {who}", "/private", "/private off"),
    *("/invite {who}", "/uninvite {who}", "/key {word}", "/key -", "/limit 5", "/lock", "/slow 1"),
    *("/backlog joined", "/backlog all", "/archive", "/kick {who} {word}", "/undo"),
    *("/ban {who} 1h {word}", "/unban {who}", "/mute {who} {word}", "/unmute {who}"),
    *("/sban nick:{word}*", "/silence {who}", "/unsilence {who}", "/defcon 1", "/defcon 0"),
    *("/role {who} moderator", "/role {who} member", "/motd set {word}", "/motd clear"),
    *("/token new read {word}", "/away {word}", "/back", "/ignore {who}", "/unignore {who}"),
    *("/block {who}", "/unblock {who}", "/notify none", "/highlight {word}", "/nick {word}"),
    *("said {word}", "/me {word}", "/msg {who} {word}", "/edit last {word}", "/delete last"),
]
# Of these the room, everybody or the member itself is shown something at once.
WORDS = [f"w{number}" for number in range(30)]


class RefusingStore(MemoryStore):
    """Refuses the next writes that change a decided record, as a full disk does.

    Attributes:
        refuses: how many more it refuses.
    """

    refuses = 0

    async def commit(self, batch: list[Write]) -> None:
        taken = []
        for write in batch:
            if self.refuses and any(put.space in records.DECIDED for put in write.puts):
                self.refuses -= 1
                write.error = Unavailable("the disk is full")
            else:
                taken.append(write)
        await super().commit(taken)


class Disk:
    """What outlives a server that is killed."""

    def __init__(self) -> None:
        self.store: RefusingStore | None = None

    def open(self, config: Config) -> AbstractAsyncContextManager[Store]:
        return self._open(config)

    @asynccontextmanager
    async def _open(self, config: Config) -> AsyncIterator[Store]:
        former, self.store = self.store, RefusingStore(config.store)
        if former is not None:
            self.store._rooms, self.store._records = former._rooms, former._records
            self.store._first, self.store._last_ms = former._first, former._last_ms
        async with self.store.batches.running(self.store.commit):
            yield self.store


def held(server: ChatServer) -> dict[str, dict[str, Any]]:
    """The facts that memory holds, by space and key."""
    state = server.state
    sanctions = [
        one
        for place in ("", *state.directory.rooms)
        for one in state.sanctions.listing(place, server.now_ms())
    ]
    rooms = state.directory.rooms.values()
    accounts = list(state.accounts)
    return {
        records.ROOM: {room.key: room.record for room in rooms if room.kept},
        records.FLOOR: {
            records.floor_key(room.key, who): seq
            for room in rooms
            for who, seq in room.floors.items()
        },
        records.ACCOUNT: {account.key: account for account in accounts},
        records.TOKEN: {
            key: token
            for one in accounts
            for key, token in state.accounts.tokens_of(one.id).items()
        },
        records.SANCTION: {str(one.number): one for one in sanctions},
        records.SERVER: dict(state.facts),
        records.PROFILE: {one.identity: state.profile(one.id) for one in accounts},
    }


async def stored(server: ChatServer) -> dict[str, dict[str, Any]]:
    """The facts that a fresh start would read."""
    facts: dict[str, dict[str, Any]] = {}
    for space in (*records.DECIDED, records.FLOOR):
        found = await server.hub.store.list(space)
        facts[space] = {key: records.decode(space, one.value) for key, one in found.items()}
    entries: dict[str, list[tuple[str, Any]]] = {
        account.identity: [] for account in facts[records.ACCOUNT].values()
    }
    for key, one in (await server.hub.store.list(records.PROFILE)).items():
        identity, _, entry = key.partition(" ")
        entries.setdefault(identity, []).append((entry, records.decode(records.PROFILE, one.value)))
    facts[records.PROFILE] = {identity: profile_from(own) for identity, own in entries.items()}
    return facts


class Town:
    """Three people with accounts, of whom alice owns the server, at one server after the other."""

    def __init__(self, server: ChatServer) -> None:
        self.server = server
        self.peers: dict[str, Peer] = {}

    async def found(self) -> None:
        for nick in PEOPLE:
            peer = await self.server.native(nick)
            assert (await peer.input(f"/register {PASSWORD}"))[-1]["type"] == "done"
            self.peers[nick] = peer
        alice = self.server.state.accounts.find("alice")
        hold(self.server, account_changed(alice, role=Role.OWNER.value))
        for line in ("/create den", "/create hall"):
            await self.peers["alice"].input(line)
        for nick in ("bob", "carol"):
            await self.peers[nick].input("/join den")

    async def come_back(self, server: ChatServer) -> None:
        self.server = server
        for nick, peer in self.peers.items():
            again = Peer(server.dial())
            events = await again.resume(peer.token)
            assert events[0]["type"] == "welcome", events
            self.peers[nick] = again

    async def type(self, nick: str, text: str, room: str) -> tuple[Event, list[Event]]:
        """The answer to *text*, and what the others were shown."""
        answer = (await self.peers[nick].input(text, room))[-1]
        shown = [
            event
            for other, peer in self.peers.items()
            if other != nick
            for event in await self.sync(peer)
        ]
        return answer, shown

    async def sync(self, peer: Peer) -> list[Event]:
        return [event for event in await peer.sync() if event["type"] != "pong"]

    async def check(self, last: str) -> None:
        for peer in self.peers.values():
            await self.sync(peer)  # what merely follows has been stored by now
        held_now, stored_now = held(self.server), await stored(self.server)
        for space, facts in stored_now.items():
            assert held_now[space] == facts, (last, space)


async def live(seed: int, steps: int) -> None:
    chance, disk = random.Random(seed), Disk()
    config = chat_config("timeouts.grace_seconds=1000", "timeouts.resume_seconds=5000")

    async def run(begin: Callable[[Town], Any], town: Town | None) -> Town:
        async with open_server(config, store=disk.open) as server:
            town = town or Town(server)
            await (town.come_back(server) if town.peers else begin(town))
            await town.check("everybody has come")
            while chance.random() > 0.1 and counted[0] < steps:
                counted[0] += 1
                await step(town)
            await town.check("before it is killed")
            await server.kill()
            server.finished.set()
        return town

    async def step(town: Town) -> None:
        assert disk.store is not None
        disk.store.refuses = refused = int(chance.random() < 0.3)
        line = chance.choice(COMMANDS).format(
            who=chance.choice(PEOPLE), word=chance.choice(WORDS), room=chance.choice(("den", "pub"))
        )
        nick, room = chance.choice(PEOPLE), chance.choice(("den", "hall", "lobby"))
        answer, shown = await town.type(nick, line, room)
        was_refused = refused and not disk.store.refuses
        disk.store.refuses = 0
        if was_refused:
            assert answer.get("code") == "unavailable", (line, answer)
            assert shown == [], (line, shown)
        await town.check(f"{nick} in {room}: {line}")

    counted = [0]
    town: Town | None = None
    while counted[0] < steps:
        town = await run(Town.found, town)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_memory_holds_what_a_fresh_start_would_read(seed: int) -> None:
    """A5: after a write that the store refused nothing of it holds, and nobody was shown it."""
    run_jumping(partial(live, seed, 60))


@pytest.mark.parametrize("seed", range(4))
def test_the_same_in_a_longer_life(seed: int) -> None:
    run_jumping(partial(live, seed, 250))
