"""One slash command of one session: guarded, decided, carried out, answered; decided again when
somebody else changed the same record at that moment."""

from __future__ import annotations

import inspect
from typing import NamedTuple

import trio

from trio_chat import __version__
from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.commands.context import Context, Process
from trio_chat.commands.table import Command, CommandTable, Outcome
from trio_chat.errors import ChatError, Conflict, NotInRoom, NotPermitted, Unavailable
from trio_chat.requests import Input, Invocation
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.hub import Hub
from trio_chat.server.intake.asking import SessionAsker, SessionHistory, SessionPasswords
from trio_chat.server.intake.carrying import Carrying
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.hello import Hellos
from trio_chat.server.intake.places import Places
from trio_chat.server.intake.talk import Talking
from trio_chat.server.intake.writes import Writes

# How often a command is decided again. Each time somebody else's change was stored meanwhile.
_TRIES = 8


class Ready(NamedTuple):
    """A command that passed the guard."""

    command: Command
    arguments: tuple[str, ...]
    place: Room | Direct | None


class Dispatcher:
    """Runs the commands of all sessions."""

    def __init__(
        self,
        hub: Hub,
        table: CommandTable,
        process: Process,
        places: Places,
        writes: Writes,
        talking: Talking,
        hellos: Hellos,
        flood: Flood,
    ) -> None:
        self._hub = hub
        self._table = table
        self._process = process
        self._places = places
        self._writes = writes
        self._talking = talking
        self._hellos = hellos
        self._flood = flood
        self._started = trio.current_time()
        self._searching: set[str] = set()

    async def run(self, session: Session, request: Input, invocation: Invocation) -> None:
        """Raises ChatError: it was refused. The error says which command it is about."""
        command = self._table.find(invocation.name)
        try:
            await self._run(session, request, command, invocation)
        except ChatError as exc:
            exc.command = command.name
            raise

    async def _run(
        self, session: Session, request: Input, command: Command, invocation: Invocation
    ) -> None:
        # First, because a wait between the guard and the handler would make the guard's answer
        # old; and because what has happened is answered so, whatever has changed since.
        if not command.reads and await self._writes.answered_before(session, request.id):
            return
        for _ in range(_TRIES):
            ready = self._guard(session, command, request.room, invocation)
            context = self._context(session, request, ready)
            outcome = await _decide(ready, context)
            if await self._happened_before(session, request, command, outcome):
                return
            if session.member is not context.member:
                raise Unavailable("this session goes on elsewhere")
            try:
                await self._carrying(session, request, command, outcome).carry_out()
            except Conflict:
                continue
            return
        raise Unavailable("others are changing the same just now; try again")

    async def _happened_before(
        self, session: Session, request: Input, command: Command, outcome: Outcome
    ) -> bool:
        """Answer a command that reads as a rule, and would change something this time, as the
        first time, if its id has happened."""
        if not command.reads or not (outcome.changes or outcome.act):
            return False
        return await self._writes.answered_before(session, request.id)

    def _carrying(
        self, session: Session, request: Input, command: Command, outcome: Outcome
    ) -> Carrying:
        return Carrying(
            self._hub,
            self._talking,
            self._hellos,
            self._flood,
            session,
            request,
            command,
            outcome,
        )

    # --- the guard

    def _guard(
        self, session: Session, command: Command, place_name: str, invocation: Invocation
    ) -> Ready:
        """Raises NotPermitted, UsageError, NoSuchRoom, NotInRoom."""
        member = session.speaker()
        place = self._places.known(session, place_name)
        name, _, rest = invocation.rest.partition(" ")
        is_all = command.least > 0 and not rest.strip()
        is_room = name.startswith("#") and not self._is_number(name[1:], is_all=is_all)
        if command.room_role is not None and is_room:
            place = self._named_place(session, member, name, command)
            invocation = Invocation(invocation.name, rest.lstrip(" "))
        if session.scopes is not None and command.scope not in (*session.scopes, ""):
            raise NotPermitted(f"this token does not allow /{command.name}")
        room_role = RoomRole.PLAIN
        if isinstance(place, Room):
            room_role = place.role_of(member.identity)
        arguments = command.guard(invocation.rest, session.role, room_role)
        return Ready(command, arguments, place)

    def _is_number(self, text: str, *, is_all: bool) -> bool:
        """`#3` is a sanction, unless a room is called so and more follows than the room."""
        return text.isdigit() and (is_all or self._hub.state.directory.named(text) is None)

    def _named_place(self, session: Session, member: Member, name: str, command: Command) -> Room:
        """The room named before the arguments: one's own, or any for whom the server's role allows
        the command."""
        may_come = session.role >= command.role
        room = self._hub.state.directory.find_room(name, None if may_come else member)
        if room.key not in member.rooms and not may_come:
            raise NotInRoom(f"you are not in #{room.name}", room=room.name)
        return room

    def _context(self, session: Session, request: Input, ready: Ready) -> Context:
        hub = self._hub
        passwords = SessionPasswords(hub.logins, session, hub.settings)
        asker = SessionAsker(hub.devices, hub.seats, session, request.id, ready.command.name)
        return Context(
            state=hub.state,
            config=hub.settings.config,
            table=self._table,
            member=session.speaker(),
            role=session.role,
            place=ready.place,
            now_ms=hub.now_ms(),
            uptime_seconds=int(trio.current_time() - self._started),
            version=__version__,
            history=SessionHistory(hub.store, session.identity, self._searching),
            passwords=passwords,
            process=self._process,
            asker=asker,
            moderates=session.allows("moderate"),
        )


async def _decide(ready: Ready, context: Context) -> Outcome:
    outcome = ready.command.handler(context, ready.arguments)
    return await outcome if inspect.isawaitable(outcome) else outcome
