"""One slash command of one session: guarded, decided, carried out, answered; decided again when
somebody else changed the same record at that moment."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, NamedTuple

from trio_chat.chat.roles import RoomRole
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.commands.context import Context
from trio_chat.commands.table import Command, Outcome
from trio_chat.errors import ChatError, Conflict, NotInRoom, NotPermitted, Unavailable
from trio_chat.requests import Input, Invocation
from trio_chat.server.intake.asking import SessionAsker, SessionPasswords
from trio_chat.server.intake.carrying import Carrying
from trio_chat.server.net.links import throttled_address

if TYPE_CHECKING:
    from trio_chat.server.delivery.session import Session
    from trio_chat.server.service import Service

# How often a command is decided again. Each time somebody else's change was stored meanwhile.
_TRIES = 8


class Ready(NamedTuple):
    """A command that passed the guard."""

    command: Command
    arguments: tuple[str, ...]
    place: Room | Direct | None


async def run_command(
    service: Service, session: Session, request: Input, invocation: Invocation
) -> None:
    """Raises ChatError: it was refused. The error says which command it is about."""
    command = service.table.find(invocation.name)
    try:
        await _run(service, session, request, invocation, command)
    except ChatError as exc:
        exc.command = command.name
        raise


async def _run(
    service: Service, session: Session, request: Input, invocation: Invocation, command: Command
) -> None:
    # First, because a wait between the guard and the handler would make the guard's answer old;
    # and because what has happened is answered so, whatever has changed since.
    if not command.reads and await service.requests.writes.answered_before(session, request.id):
        return
    for _ in range(_TRIES):
        ready = _guard(service, session, command, request.room, invocation)
        context = _context(service, session, request, ready)
        outcome = await _decide(ready, context)
        if await _happened_before(service, session, request, command, outcome):
            return
        if session.member is not context.member:
            raise Unavailable("this session goes on elsewhere")
        try:
            await Carrying(service, session, request, command, outcome).carry_out()
        except Conflict:
            continue
        return
    raise Unavailable("others are changing the same just now; try again")


async def _happened_before(
    service: Service, session: Session, request: Input, command: Command, outcome: Outcome
) -> bool:
    """Answer a command that reads as a rule, and would change something this time, as the first
    time, if its id has happened."""
    if not command.reads or not (outcome.changes or outcome.act):
        return False
    return await service.requests.writes.answered_before(session, request.id)


async def _decide(ready: Ready, context: Context) -> Outcome:
    outcome = ready.command.handler(context, ready.arguments)
    return await outcome if inspect.isawaitable(outcome) else outcome


def _guard(
    service: Service, session: Session, command: Command, place_name: str, invocation: Invocation
) -> Ready:
    """Raises NotPermitted, UsageError, NoSuchRoom, NotInRoom."""
    member = session.speaker()
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
    arguments = command.guard(invocation.rest, session.role, room_role)
    return Ready(command, arguments, place)


def _is_number(service: Service, text: str) -> bool:
    """`#3` is a sanction, unless a room is called so."""
    return text.isdigit() and service.state.directory.named(text) is None


def _named_place(
    service: Service, session: Session, member: Member, name: str, command: Command
) -> Room:
    """The room named before the arguments: one's own, or any for whom the server's role allows
    the command."""
    may_come = session.role >= command.role
    room = service.state.directory.find_room(name, None if may_come else member)
    if room.key not in member.rooms and not may_come:
        raise NotInRoom(f"you are not in #{room.name}", room=room.name)
    return room


def _context(service: Service, session: Session, request: Input, ready: Ready) -> Context:
    return Context(
        state=service.state,
        config=service.config,
        table=service.table,
        member=session.speaker(),
        role=session.role,
        place=ready.place,
        now_ms=service.now_ms(),
        started_ms=service.started_ms,
        version=service.version,
        history=service.store,
        passwords=SessionPasswords(service.logins, throttled_address(session.peer)),
        process=service.operations,
        asker=SessionAsker(service, session, request.id, ready.command.name),
        moderates=session.allows("moderate"),
    )
