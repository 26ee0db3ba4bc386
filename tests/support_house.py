"""A house full of people who type: sessions that remember all they were shown, pictures of what
the server holds, and a store that outlives its servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from types import SimpleNamespace
from unittest.mock import patch

import trio

from support_accounts import PASSWORD
from support_server import ChatServer, Event, OpenStore, Peer, pass_seconds
from trio_chat.chat.rooms import RoomRecord
from trio_chat.chat.sanctions import Sanction
from trio_chat.config import Config
from trio_chat.store import memory

START_MS = 1_800_000_000_000
_GONE: Event = {"type": "gone"}


def now_ms() -> int:
    """The time of the server, of its store, and of the clock that jumps."""
    return START_MS + round(trio.current_time() * 1000)


@contextmanager
def one_clock() -> Iterator[None]:
    """The store in memory goes by the clock that jumps, as deadlines do."""
    ticking = SimpleNamespace(time=lambda: now_ms() / 1000, time_ns=lambda: now_ms() * 1_000_000)
    with patch.object(memory, "time", ticking):
        yield


def kept_memory() -> OpenStore:
    """Opens stores that go on with what the one before has stored, as from a disk."""
    kept: dict[str, object] = {}

    @asynccontextmanager
    async def open_kept(config: Config) -> AsyncIterator[memory.MemoryStore]:
        async with memory.open_memory_store(config.store) as store:
            for name in ("_rooms", "_records", "_first"):
                setattr(store, name, kept.setdefault(name, getattr(store, name)))
            yield store

    return open_kept


class Person:
    """Somebody at a keyboard.

    Attributes:
        home: what the person is called at first; `account` is what it last logged in as.
        identity: who it is for the server, whatever the nick.
        token: of its session, "" when there is none to resume.
        seen: every event since `seen` was last cleared.
    """

    def __init__(self, home: str) -> None:
        self.home = self.nick = home
        self.account = ""
        self.identity = ""
        self.token = ""
        self.peer: Peer | None = None
        self.seen: list[Event] = []
        self._asked = 0

    async def enter(self, server: ChatServer, *, from_start: bool = False) -> Event:
        """Come by a new link: to the old session if there is one; *from_start*: as if nothing
        of it had been seen."""
        self.peer = Peer(server.dial())
        fields: Event = {"nick": self.nick, "protocol": 1}
        if self.token:
            rooms = {"lobby": 0, "dev": 0, "den": 0, "dev.1": 0, "den.1": 0}
            fields["resume"] = {"session": self.token, "rooms": rooms if from_start else {}}
        elif self.account:
            fields |= {"account": self.account, "password": PASSWORD}
        answer = await self.ask(server, "hello", **fields)
        if answer["type"] == "error":
            self.cut()
        return answer

    async def ask(self, server: ChatServer, type: str, **fields: object) -> Event:
        """The answer: `done`, `pong`, `error`, or `gone` when the link has ended."""
        if self.peer is None:
            return _GONE
        self._asked += 1
        id = f"{self.home}{self._asked}"
        try:
            await self.peer.send(type=type, id=id, **fields)
            while True:
                event = await self.peer.next()
                self.seen.append(event)
                if event["type"] == "welcome":
                    self._note(server, event)
                if event.get("id") == id and event["type"] in ("done", "pong", "error"):
                    return event
        except (EOFError, trio.BrokenResourceError):
            self.peer = None
            return _GONE

    def _note(self, server: ChatServer, welcome: Event) -> None:
        self.token, self.nick = welcome["session"], welcome["nick"]
        state = server.state
        if welcome["account"]:
            self.account = welcome["account"]
            self.identity = state.accounts.find(self.account).identity
        elif (member := state.directory.holder(self.nick)) is not None:
            self.identity = member.identity

    def cut(self) -> None:
        """The link breaks."""
        if self.peer is not None:
            self.peer.reset()
            self.peer = None


@dataclass(frozen=True)
class Picture:
    """What the server holds at one moment.

    Attributes:
        roles: of the server, by identity. members: identities, by the key of the room.
        nicks: of those who are here, by identity. heads: the last seq of each log.
    """

    roles: dict[str, int]
    records: dict[str, RoomRecord]
    members: dict[str, frozenset[str]]
    sanctions: tuple[Sanction, ...]
    nicks: dict[str, str]
    accounts: dict[str, str]
    heads: dict[str, int]
    defcon: int

    def standing(self, identity: str, key: str = "") -> int:
        """In the room 0 to 3, and above all those the server's moderators, admins and owners."""
        role = self.roles.get(identity, 0)
        if role >= 2:
            return role + 2
        return self.room_role(identity, key)

    def room_role(self, identity: str, key: str) -> int:
        return self.records[key].roles.get(identity, 0) if key in self.records else 0

    def called(self, nick: str) -> str | None:
        """Who is called so, or has an account of that name."""
        here = (identity for identity, own in self.nicks.items() if own == nick)
        return next(here, self.accounts.get(nick))


async def picture_of(server: ChatServer) -> Picture:
    state = server.state
    rooms = state.directory.rooms
    sanctions = [
        one for place in ("", *rooms) for one in state.sanctions.listing(place, server.now_ms())
    ]
    return Picture(
        roles={account.identity: account.role for account in state.accounts},
        records={key: room.record for key, room in rooms.items()},
        members={key: frozenset(room.members) for key, room in rooms.items()},
        sanctions=tuple(sorted(sanctions, key=attrgetter("number"))),
        nicks={member.identity: member.key for member in state.directory.members.values()},
        accounts={account.key: account.identity for account in state.accounts},
        heads=await server.hub.store.heads(),
        defcon=state.defcon.value,
    )


@dataclass
class House:
    """The people at one server after the other."""

    people: list[Person]
    server: ChatServer = field(init=False)

    def person(self, home: str) -> Person:
        return next(person for person in self.people if person.home == home)

    async def type(self, person: Person, text: str, place: str = "lobby") -> Event:
        return await person.ask(self.server, "input", room=place, text=text)

    async def settle(self, first: Iterable[Person] = ()) -> None:
        """Wait until everybody has read what came of the last deed. *first*: who did it."""
        await pass_seconds(0.01)
        for person in (*first, *self.people):
            await person.ask(self.server, "ping")
