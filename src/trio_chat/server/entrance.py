"""Hello: a new session, or one that is taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from trio_chat.chat.members import Member
from trio_chat.chat.names import check_nick
from trio_chat.chat.rooms import Direct
from trio_chat.errors import BadRequest, ChatError, LoginFailed
from trio_chat.events import Done, Welcome
from trio_chat.requests import Hello, Resume
from trio_chat.server.catchup import CatchUp
from trio_chat.server.seats import Seat
from trio_chat.store import Put, Write
from trio_chat.text import fold
from trio_chat.wire.native import PROTOCOL_VERSION

if TYPE_CHECKING:
    from trio_chat.server.session import Session


async def hello(session: Session, request: Hello) -> None:
    """Accept the peer, under a fresh session or the one that its token names.

    Raises:
        BadRequest, LoginFailed, NameInvalid, NameTaken.
    """
    if request.protocol != PROTOCOL_VERSION:
        raise BadRequest(f"this server speaks protocol {PROTOCOL_VERSION}")
    if request.account or request.password or request.token:
        raise LoginFailed("this server has no accounts; say hello without one")
    if request.resume is not None and session.wire.resumable:
        seat = session.service.seats.find(request.resume.session)
        if seat is not None:
            await session.service.conversations.load(seat)
        # Meanwhile somebody with the same token may have quit.
        if seat is not None and session.service.seats.find(request.resume.session) is seat:
            await _resume(session, request, seat, request.resume)
            return
    await _enter(session, request)


async def _enter(session: Session, request: Hello) -> None:
    service = session.service
    nick = check_nick(request.nick, service.config.limits)
    rooms = service.config.rooms.auto_join
    for name in rooms:
        await service.load(name)
    seat, token = service.seats.new(nick, now_ms=service.now_ms())
    try:
        service.hub.enter(seat.member, now=trio.current_time())
    except BaseException:
        service.seats.remove(seat)
        raise
    if session.wire.resumable:
        _sit(session, seat)
    else:
        service.seats.remove(seat)
        token = ""
        session.member = seat.member
    session.greeted()
    service.link(session)
    session.send(_welcome(session, token, resumed=False))
    puts: list[Put] = []
    for name in rooms:
        puts += service.enter(session, name)
    if session.seat is not None:
        puts.append(session.seat.put())
    await _finish(session, request, puts)


async def _resume(session: Session, request: Hello, seat: Seat, resume: Resume) -> None:
    """Take up *seat*: what its member missed follows, exactly."""
    service = session.service
    old = seat.session
    if old is not None:
        service.unlink(old)
        old.close("this session was resumed elsewhere")
    if not seat.present:
        _return(session, seat, request.nick)
    seat.member.absent_until = None
    seat.dropped_ms = None
    _sit(session, seat)
    session.greeted()
    service.link(session)
    session.send(_welcome(session, resume.session, resumed=True))
    session.catch_up = _missed(session, resume)
    session.outbox.lag()
    await _finish(session, request, [seat.put()])


def _return(session: Session, seat: Seat, nick: str) -> None:
    """The grace was over: the member comes back into its rooms, with its old nick or, if somebody
    took that meanwhile, with *nick*.

    Raises:
        NameTaken, NameInvalid.
    """
    service, member = session.service, seat.member
    old_nick = member.nick
    try:
        if service.hub.is_taken(old_nick):
            member.call(check_nick(nick, service.config.limits))
        service.hub.enter(member, now=trio.current_time())
    except ChatError:
        member.call(old_nick)
        for direct in tuple(member.directs.values()):
            direct.unlink(member)
        raise
    seat.present = True
    seat.member.since_ms = service.now_ms()
    service.reenter(seat)


def _missed(session: Session, resume: Resume) -> CatchUp:
    """Where the session's cursors stand: where the client says, or a backlog before the end."""
    service = session.service
    catch_up = CatchUp(session, {})
    seat = session.seat
    assert seat is not None
    said = {
        seat.labels.get(name) or fold(name.removeprefix("#")): seq
        for name, seq in resume.rooms.items()
    }
    for talk in service.talks_of(session):
        if isinstance(talk, Direct):
            begin = 0  # what the client does not know began while it was away
        else:
            begin = max(0, talk.shown - service.config.limits.backlog_events)
        catch_up.cursors[talk.key] = said.get(talk.key, begin)
        catch_up.resuming[talk.key] = True
    return catch_up


def _sit(session: Session, seat: Seat) -> None:
    session.seat = seat
    session.member = seat.member
    session.scope = seat.scope
    seat.session = session


async def _finish(session: Session, request: Hello, puts: list[Put]) -> None:
    """Store what changed; `done` follows."""
    if not session.place:
        session.place = next(iter(_member(session).rooms), "")
    if puts:
        # No key: a repeated hello is another session.
        write = Write(puts=tuple(puts))
        await session.answers.submit(write)
    if request.id:
        await session.settle()
        session.send(Done(id=request.id))


def _member(session: Session) -> Member:
    assert session.member is not None
    return session.member


def _welcome(session: Session, token: str, *, resumed: bool) -> Welcome:
    service, member = session.service, _member(session)
    return Welcome(
        protocol=PROTOCOL_VERSION,
        server=service.config.server.name,
        version=service.version,
        session=token,
        nick=member.nick,
        account=member.account,
        role=member.role.title,
        resumed=resumed,
        commands=service.table.infos(member.role),
        limits=service.limits,
        motd=service.config.server.motd,
    )
