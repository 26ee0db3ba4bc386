"""One slash command of one session: guarded, handled, stored, answered."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from trio_chat import __version__
from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.commands.table import Command, CommandTable, Context, Outcome, Server
from trio_chat.errors import NotInRoom, NotPermitted
from trio_chat.events import Done, Result
from trio_chat.requests import Input, Invocation
from trio_chat.server.delivery.session import Session
from trio_chat.server.host import SessionHost
from trio_chat.server.hub.hub import Hub
from trio_chat.server.intake.hello import Hellos
from trio_chat.server.intake.places import Places
from trio_chat.server.intake.writes import Writes
from trio_chat.store.api import Write


class Ready(NamedTuple):
    """A command that passed the guard."""

    command: Command
    arguments: tuple[str, ...]
    place: Room | Direct | None


class Dispatcher:
    def __init__(
        self,
        hub: Hub,
        table: CommandTable,
        actions: Server,
        places: Places,
        writes: Writes,
        hellos: Hellos,
    ) -> None:
        self._hub = hub
        self._table = table
        self._actions = actions
        self._places = places
        self._writes = writes
        self._hellos = hellos
        self._started_ms = hub.now_ms()

    async def run(self, session: Session, request: Input, invocation: Invocation) -> None:
        """Raises ChatError: it was refused."""
        # First, because a wait between the guard and the handler would make the guard's answer
        # old; and because what has happened is answered so, whatever has changed since.
        found = self._table.find(invocation.name)
        if not found.reads and await self._writes.answered_before(session, request.id):
            return
        ready = self._guard(session, request.room, invocation)
        command = ready.command
        host = SessionHost(self._hub, self._hellos, session, request.id, command.name)
        outcome = await command.handler(self._context(session, host, ready), ready.arguments)
        await self._answer(session, request, host, command, outcome)
        if host.quitting is not None:
            await session.settle()
            self._hub.departures.quit(session, host.quitting)
            session.close(host.quitting or "bye")

    def _guard(self, session: Session, place_name: str, invocation: Invocation) -> Ready:
        """Raises UnknownCommand, NotPermitted, UsageError, NoSuchRoom, NotInRoom."""
        member = session.speaker()
        command = self._table.find(invocation.name)
        place = self._places.known(session, place_name)
        name, _, rest = invocation.rest.partition(" ")
        is_room = name.startswith("#") and not self._is_number(name[1:])
        if command.room_role is not None and is_room:
            place = self._named_place(session, member, name, command)
            invocation = Invocation(invocation.name, rest.lstrip(" "))
        if session.scopes is not None and command.scope not in (*session.scopes, ""):
            raise NotPermitted(f"this token does not allow /{command.name}")
        room_role = RoomRole.PLAIN
        if isinstance(place, Room):
            room_role = place.role_of(member.identity)
        command, arguments = self._table.guard(invocation, session.role, room_role)
        return Ready(command, arguments, place)

    def _is_number(self, text: str) -> bool:
        """`#3` is a sanction, unless a room is called so."""
        return text.isdigit() and self._hub.state.directory.named(text) is None

    def _named_place(self, session: Session, member: Member, name: str, command: Command) -> Room:
        """The room named before the arguments: one's own, or any for whom the server's role allows
        the command."""
        room = self._hub.state.directory.find_room(name)
        if room.key not in member.rooms and session.role < command.role:
            raise NotInRoom(f"you are not in #{room.name}")
        return room

    def _context(self, session: Session, host: SessionHost, ready: Ready) -> Context:
        return Context(
            table=self._table,
            directory=self._hub.state.directory,
            store=self._hub.store,
            config=self._hub.settings.config,
            host=host,
            server=self._actions,
            member=session.speaker(),
            role=session.role,
            place=ready.place,
            now_ms=self._hub.now_ms(),
            started_ms=self._started_ms,
            version=__version__,
            moderates=session.allows("moderate"),
        )

    async def _answer(
        self,
        session: Session,
        request: Input,
        host: SessionHost,
        command: Command,
        outcome: Outcome,
    ) -> None:
        answer = b""
        if outcome.text is not None:
            result = Result(
                id=request.id, command=command.name, data=outcome.data, text=outcome.text
            )
            session.send(result)
            answer = b"" if command.reads else msgspec.json.encode(result)
        write = outcome.write
        if write is None and not command.reads and (request.id or host.puts()):
            write = Write()
        if write is not None:
            write.scope, write.key = session.scope, request.id or ""
            write.answer = answer
            # The handler knows the newer state: it joins a room first, and sets it up then.
            write.puts = (*host.puts(), *write.puts)
            await self._writes.submit(session, write)
            for further in outcome.more:
                await self._writes.submit(session, further)
        elif request.id:
            session.send(Done(id=request.id))
