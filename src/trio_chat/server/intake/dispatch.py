"""One slash command of one session: guarded, handled, stored, answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.commands.table import Command, Context, Outcome
from trio_chat.errors import NotInRoom, NotPermitted
from trio_chat.events import Done, Result
from trio_chat.requests import Input, Invocation
from trio_chat.server.host import SessionHost
from trio_chat.store.api import Write

if TYPE_CHECKING:
    from trio_chat.server.delivery.session import Session
    from trio_chat.server.service import Service


class Ready(NamedTuple):
    """A command that passed the guard."""

    command: Command
    arguments: tuple[str, ...]
    place: Room | Direct | None


async def run_command(
    service: Service, session: Session, request: Input, invocation: Invocation
) -> None:
    """Raises ChatError: it was refused."""
    # First, because a wait between the guard and the handler would make the guard's answer old;
    # and because what has happened is answered so, whatever has changed since.
    found = service.table.find(invocation.name)
    if not found.reads and await service.requests.writes.answered_before(session, request.id):
        return
    ready = _guard(service, session, request.room, invocation)
    command = ready.command
    host = SessionHost(service, session, request.id, command.name)
    outcome = await command.handler(_context(service, session, host, ready), ready.arguments)
    await _answer(service, session, request, host, command, outcome)
    if host.quitting is not None:
        await session.settle()
        service.attendance.depart(session, host.quitting)
        session.close(host.quitting or "bye")


def _guard(service: Service, session: Session, place_name: str, invocation: Invocation) -> Ready:
    """Raises UnknownCommand, NotPermitted, UsageError, NoSuchRoom, NotInRoom."""
    member = session.speaker()
    command = service.table.find(invocation.name)
    place = service.requests.places.known(session, place_name)
    name, _, rest = invocation.rest.partition(" ")
    is_room = name.startswith("#") and not _is_number(service, name[1:])
    if command.room_role is not None and is_room:
        place = _named_place(service, session, member, name, command)
        invocation = Invocation(invocation.name, rest.lstrip(" "))
    if session.scopes is not None and command.scope not in (*session.scopes, ""):
        raise NotPermitted(f"this token does not allow /{command.name}")
    room_role = RoomRole.PLAIN
    if isinstance(place, Room):
        room_role = place.role_of(member.identity)
    command, arguments = service.table.guard(invocation, session.role, room_role)
    return Ready(command, arguments, place)


def _is_number(service: Service, text: str) -> bool:
    """`#3` is a sanction, unless a room is called so."""
    return text.isdigit() and service.state.directory.named(text) is None


def _named_place(
    service: Service, session: Session, member: Member, name: str, command: Command
) -> Room:
    """The room named before the arguments: one's own, or any for whom the server's role allows
    the command."""
    room = service.state.directory.find_room(name)
    if room.key not in member.rooms and session.role < command.role:
        raise NotInRoom(f"you are not in #{room.name}")
    return room


def _context(service: Service, session: Session, host: SessionHost, ready: Ready) -> Context:
    return Context(
        table=service.table,
        directory=service.state.directory,
        store=service.store,
        config=service.config,
        host=host,
        server=service.actions,
        member=session.speaker(),
        role=session.role,
        place=ready.place,
        now_ms=service.now_ms(),
        started_ms=service.started_ms,
        version=service.version,
        moderates=session.scopes is None or "moderate" in session.scopes,
    )


async def _answer(
    service: Service,
    session: Session,
    request: Input,
    host: SessionHost,
    command: Command,
    outcome: Outcome,
) -> None:
    answer = b""
    if outcome.text is not None:
        result = Result(id=request.id, command=command.name, data=outcome.data, text=outcome.text)
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
        await service.requests.writes.submit(session, write)
        for further in outcome.more:
            await service.requests.writes.submit(session, further)
    elif request.id:
        session.send(Done(id=request.id))
