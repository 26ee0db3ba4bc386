"""A chat for one process: people who type lines, a hub, the command table and the memory store.

No wire and no session: what a person types is guarded, handled, stored and shown at once.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, cast

import msgspec

from trio_chat.chat.accounts import Accounts
from trio_chat.chat.directory import Directory
from trio_chat.chat.names import check_text
from trio_chat.chat.rooms import Direct, Member, Room, direct_key
from trio_chat.chat.sanctions import Defcon, Sanctions
from trio_chat.commands import default_table
from trio_chat.commands.table import CommandTable, Context, Host, Outcome, Server
from trio_chat.config import Config, StoreSection
from trio_chat.errors import UnknownCommand
from trio_chat.requests import Invocation, Lookalike, parse_slash
from trio_chat.store.api import Store, Write
from trio_chat.store.opening import open_store

START_MS = 1_795_348_800_000  # 2026-11-22 12:00 UTC


class Chat:
    """As much of a `trio_chat.commands.table.Server` as talking needs."""

    def __init__(self, config: Config, store: Store) -> None:
        self.config = config
        self.store = store
        self.directory = Directory(config.limits)
        self.table: CommandTable = default_table()
        self.sanctions = Sanctions()
        self.defcon = Defcon.NORMAL
        self.motd = config.server.motd
        self.accounts = Accounts()
        self.now_ms = time.time_ns() // 1_000_000  # the clock of the store
        self._identities = count()

    def enter(self, nick: str, *rooms: str) -> Person:
        """Somebody new, in *rooms*, of which the last is where lines are typed."""
        person = Person(self, Member(f"guest:{next(self._identities)}", nick))
        person.member.since_ms = self.now_ms
        self.directory.enter(person.member, now=0.0)
        for name in rooms:
            person.enter_room(self.directory.open_room(name))
        return person

    async def commit(self, write: Write) -> Write:
        await self.store.submit(write)
        await self.store.committed.receive()
        assert write.error is None
        talk = self.directory.rooms.get(write.room) or self.directory.directs.get(write.room)
        if talk is not None:
            talk.show([write])
        return write


class Person:
    """Somebody who types; as much of a `trio_chat.commands.table.Host` as talking needs.

    Attributes:
        place: where lines are typed.
        kept: how often the session's record was to be kept.
        goodbye: the reason given to `/quit`.
    """

    def __init__(self, chat: Chat, member: Member) -> None:
        self.chat = chat
        self.member = member
        self.place: Room | Direct | None = None
        self.kept = 0
        self.goodbye: str | None = None

    async def type(self, text: str) -> Outcome:
        """Raises ChatError."""
        parsed = parse_slash(text)
        if isinstance(parsed, Lookalike):
            raise UnknownCommand(parsed.message)
        if isinstance(parsed, Invocation):
            command, arguments = self.chat.table.guard(parsed, self.member.role)
            outcome = await command.handler(self._context(), arguments)
        else:
            assert self.place is not None
            body = check_text(parsed, self.chat.config.limits)
            if isinstance(self.place, Direct):
                self.place.wrote(self.member)
            write = Write(room=self.place.key, sender=self.member.nick, text=body)
            outcome = Outcome(write=write)
        if outcome.write is not None:
            await self.chat.commit(outcome.write)
        return outcome

    async def read(self, text: str) -> str:
        """The text that the answer to *text* shows."""
        answer = (await self.type(text)).text
        assert answer is not None
        return answer

    async def data(self, text: str) -> Any:
        """What the answer to *text* holds for programs, as it comes out of the JSON."""
        return msgspec.to_builtins((await self.type(text)).data)

    def exit(self) -> None:
        self.chat.directory.exit(self.member, "")

    def enter_room(self, room: Room) -> None:
        if room.key not in self.member.rooms:
            room.add(self.member)
        self.place = room

    def _context(self) -> Context:
        chat = self.chat
        return Context(
            table=chat.table,
            directory=chat.directory,
            store=chat.store,
            config=chat.config,
            host=cast("Host", self),
            server=cast("Server", self.chat),
            member=self.member,
            role=self.member.role,
            place=self.place,
            now_ms=chat.now_ms,
            started_ms=START_MS,
            version="1.2.3",
        )

    # --- Host

    async def join(self, name: str, key: str = "") -> None:
        self.enter_room(self.chat.directory.open_room(name))

    def leave(self, room: Room, reason: str) -> None:
        room.remove(self.member, reason)
        self.chat.directory.drop_if_idle(room)
        if self.place is room:
            self.place = next(iter(self.member.rooms.values()), None)

    def rename(self, nick: str) -> None:
        self.chat.directory.rename(self.member, nick, now=0.0)

    def direct(self, nick: str) -> Direct:
        hub = self.chat.directory
        partner = hub.find_member(nick)
        key = direct_key(self.member.identity, partner.identity)
        return hub.open_direct(self.member, partner, shown=self.chat.store.head(key))

    def remember(self) -> None:
        self.kept += 1

    def quit(self, reason: str) -> None:
        self.goodbye = reason


@asynccontextmanager
async def open_chat(**sections: Any) -> AsyncIterator[Chat]:
    """A chat that is over on leaving; *sections* are those of the configuration."""
    config = Config(store=StoreSection(memory=True), **sections)
    async with open_store(config) as store:
        yield Chat(config, store)
