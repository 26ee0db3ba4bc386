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


class Ready(NamedTuple):
    """A command that passed the guard."""

    command: Command
    arguments: tuple[str, ...]
    place: Room | Direct | None


async def run_command(session: Session, request: Input, invocation: Invocation) -> None:
    """Raises ChatError: it was refused."""
    # First, because a wait between the guard and the handler would make the guard's answer old;
    # and because what has happened is answered so, whatever has changed since.
    found = session.service.table.find(invocation.name)
    if not found.reads and await session.answers.answered_before(request.id):
        return
    ready = _guard(session, request.room, invocation)
    command = ready.command
    host = SessionHost(session, request.id, command.name)
    outcome = await command.handler(_context(session, host, ready), ready.arguments)
    await _answer(session, request, host, command, outcome)
    if host.quitting is not None:
        await session.settle()
        session.service.attendance.depart(session, host.quitting)
        session.close(host.quitting or "bye")


def _guard(session: Session, place_name: str, invocation: Invocation) -> Ready:
    """Raises UnknownCommand, NotPermitted, UsageError, NoSuchRoom, NotInRoom."""
    member = session.answers.member()
    command = session.service.table.find(invocation.name)
    place = session.answers.known_place(place_name)
    name, _, rest = invocation.rest.partition(" ")
    is_room = name.startswith("#") and not _is_number(session, name[1:])
    if command.room_role is not None and is_room:
        place = _named_place(session, member, name, command)
        invocation = Invocation(invocation.name, rest.lstrip(" "))
    if session.scopes is not None and command.scope not in (*session.scopes, ""):
        raise NotPermitted(f"this token does not allow /{command.name}")
    room_role = RoomRole.PLAIN
    if isinstance(place, Room):
        room_role = place.role_of(member.identity)
    command, arguments = session.service.table.guard(invocation, session.role, room_role)
    return Ready(command, arguments, place)


def _is_number(session: Session, text: str) -> bool:
    """`#3` is a sanction, unless a room is called so."""
    return text.isdigit() and session.service.state.directory.named(text) is None


def _named_place(session: Session, member: Member, name: str, command: Command) -> Room:
    """The room named before the arguments: one's own, or any for whom the server's role allows
    the command."""
    room = session.service.state.directory.find_room(name)
    if room.key not in member.rooms and session.role < command.role:
        raise NotInRoom(f"you are not in #{room.name}")
    return room


def _context(session: Session, host: SessionHost, ready: Ready) -> Context:
    service = session.service
    return Context(
        table=service.table,
        directory=service.state.directory,
        store=service.store,
        config=service.config,
        host=host,
        server=service.actions,
        member=session.answers.member(),
        role=session.role,
        place=ready.place,
        now_ms=service.now_ms(),
        started_ms=service.started_ms,
        version=service.version,
        moderates=session.scopes is None or "moderate" in session.scopes,
    )


async def _answer(
    session: Session, request: Input, host: SessionHost, command: Command, outcome: Outcome
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
        await session.answers.submit(write)
        for further in outcome.more:
            await session.answers.submit(further)
    elif request.id:
        session.send(Done(id=request.id))
