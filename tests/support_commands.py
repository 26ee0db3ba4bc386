"""A chat for one process: people who type lines, the state, the command table and the memory store.

No wire and no session: what a person types is guarded, decided, stored and shown at once.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, cast

import msgspec

from trio_chat.chat.directory import Directory
from trio_chat.chat.names import check_text
from trio_chat.chat.records import PROFILE
from trio_chat.chat.rooms import Direct, Member, Room, direct_key
from trio_chat.chat.rules import check_speak, note_spoke
from trio_chat.chat.sanctions import Defcon
from trio_chat.chat.state import State
from trio_chat.commands import default_table
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Effect, Join, Leave, Quit, Rename, Say
from trio_chat.commands.table import CommandTable, Outcome
from trio_chat.config import Config, StoreSection
from trio_chat.errors import UnknownCommand
from trio_chat.requests import Invocation, Lookalike, parse_slash
from trio_chat.store.api import Store, Write
from trio_chat.store.opening import open_store

START_MS = 1_795_348_800_000  # 2026-11-22 12:00 UTC


class Chat:
    """What the commands look at: state, store, table and configuration."""

    def __init__(self, config: Config, store: Store) -> None:
        self.config = config
        self.store = store
        self.state = State(config)
        self.table: CommandTable = default_table()
        self.now_ms = time.time_ns() // 1_000_000  # the clock of the store
        self._identities = count()

    @property
    def directory(self) -> Directory:
        return self.state.directory

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
    """Somebody who types, and whose outcomes are carried out.

    Attributes:
        place: where lines are typed.
        kept: how many outcomes changed what is kept of the member.
        goodbye: the reason given to `/quit`.
        said: the last line that was stored for this person.
    """

    def __init__(self, chat: Chat, member: Member) -> None:
        self.chat = chat
        self.member = member
        self.place: Room | Direct | None = None
        self.kept = 0
        self.goodbye: str | None = None
        self.said: Write | None = None

    async def type(self, text: str) -> Outcome:
        """Raises ChatError."""
        parsed = parse_slash(text)
        if isinstance(parsed, Lookalike):
            raise UnknownCommand(parsed.message)
        if isinstance(parsed, Invocation):
            command = self.chat.table.find(parsed.name)
            arguments = command.guard(parsed.rest, self.member.role)
            decided = command.handler(self._context(), arguments)
            outcome = await decided if inspect.isawaitable(decided) else decided
        else:
            assert self.place is not None
            body = check_text(parsed, self.chat.config.limits)
            outcome = Outcome(effects=(Say(body, self.place.key),))
        await self._carry_out(outcome)
        return outcome

    async def _carry_out(self, outcome: Outcome) -> None:
        for change in outcome.changes:
            self.chat.state.apply(change)
        self.kept += any(change.space == PROFILE for change in outcome.changes)
        for effect in outcome.effects:
            await self._do(effect)

    async def _do(self, effect: Effect) -> None:
        directory = self.chat.directory
        match effect:
            case Say():
                await self._say(effect)
            case Join():
                self.enter_room(directory.open_room(effect.name))
            case Leave():
                self._leave(directory.rooms[effect.key], effect.reason)
            case Rename():
                directory.rename(self.member, effect.nick, now=0.0)
            case Quit():
                self.goodbye = effect.reason
            case _:
                raise NotImplementedError(effect)

    async def _say(self, effect: Say) -> None:
        place = self._direct(effect.to) if effect.to else self._talk(effect.key)
        now_ms = self.chat.now_ms
        sanctions = self.chat.state.sanctions
        check_speak(place, self.member, sanctions, Defcon.NORMAL, now_ms, now_ms / 1000)
        note_spoke(place, self.member, now_ms / 1000)
        write = Write(
            room=place.key,
            kind=effect.kind,
            sender=self.member.nick,
            account=self.member.author,
            text=effect.text,
            target=effect.target,
        )
        self.said = await self.chat.commit(write)

    def _talk(self, key: str) -> Room | Direct:
        return self.member.rooms.get(key) or self.member.directs[key]

    def _direct(self, nick: str) -> Direct:
        directory = self.chat.directory
        partner = directory.find_member(nick)
        key = direct_key(self.member.identity, partner.identity)
        return directory.open_direct(self.member, partner, shown=self.chat.store.head(key))

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

    def _leave(self, room: Room, reason: str) -> None:
        room.remove(self.member, reason)
        self.chat.directory.drop_if_idle(room)
        if self.place is room:
            self.place = next(iter(self.member.rooms.values()), None)

    def _context(self) -> Context:
        chat = self.chat
        return Context(
            state=chat.state,
            config=chat.config,
            table=chat.table,
            member=self.member,
            role=self.member.role,
            place=self.place,
            now_ms=chat.now_ms,
            uptime_seconds=(chat.now_ms - START_MS) // 1000,
            version="1.2.3",
            history=chat.store,
            passwords=cast("Any", None),
            process=cast("Any", None),
            asker=cast("Any", None),
        )


@asynccontextmanager
async def open_chat(**sections: Any) -> AsyncIterator[Chat]:
    """A chat that is over on leaving; *sections* are those of the configuration."""
    config = Config(store=StoreSection(memory=True), **sections)
    async with open_store(config) as store:
        yield Chat(config, store)
