"""Hello: a new session, or one that is taken up again; and a session that logs in or out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from trio_chat.chat.accounts import Account
from trio_chat.chat.names import check_nick
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Direct, Member
from trio_chat.chat.rules import EVERYWHERE, check_enter, holding, left, refusal
from trio_chat.chat.sanctions import Defcon
from trio_chat.errors import (
    BadRequest,
    Banned,
    ChatError,
    LoginFailed,
    NotPermitted,
    Unavailable,
)
from trio_chat.events import Done, Gap, Joined, Left, Read, Settings, Welcome
from trio_chat.requests import Hello, Resume
from trio_chat.server.delivery.catchup import CatchUp
from trio_chat.server.hub.logins import Login
from trio_chat.server.hub.seats import Seat, guest_identity, new_seat_id
from trio_chat.store.api import Put, Write
from trio_chat.text import clean_line
from trio_chat.wire.native import PROTOCOL_VERSION

if TYPE_CHECKING:
    from trio_chat.server.delivery.session import Session
    from trio_chat.server.service import Service

_CLIENT_CHARACTERS = 64


async def hello(session: Session, request: Hello) -> None:
    """Accept the peer, under a fresh session or the one that its token names.

    Raises:
        BadRequest, LoginFailed, TooFast, NotPermitted, Banned, NameInvalid, NameTaken.
    """
    if request.protocol != PROTOCOL_VERSION:
        raise BadRequest(f"this server speaks protocol {PROTOCOL_VERSION}")
    seat, login = None, None
    if request.resume is not None and session.wire.resumable:
        seat = session.service.seats.find(request.resume.session)
    # A resume needs no password again; but whoever proves to be somebody else is.
    if seat is None or not _is_of(session.service, seat, request.account):
        login = await _login(session, request)
    if seat is not None and (login is None or seat.account == login.account.id):
        if await _took_up(session, request, seat):
            return
        login = login or await _login(session, request)
    await _enter(session, request, login)


async def _took_up(session: Session, request: Hello, seat: Seat) -> bool:
    """Resume *seat*, unless meanwhile somebody with the same token has quit."""
    resume = request.resume
    assert resume is not None
    await _load(session.service, _account_of(session.service, seat))
    if session.service.seats.find(resume.session) is not seat:
        return False
    await _resume(session, request, seat, resume)
    return True


async def _login(session: Session, request: Hello) -> Login | None:
    """Who the peer has proven to be, if it tries to."""
    logins, address = session.service.logins, session.throttled_address
    if request.token is not None:
        return logins.by_token(request.token, request.account, address)
    if request.password is not None:
        name = request.account if request.account is not None else request.nick
        session.greeted()  # in a storm of logins the wait is not the peer's doing
        try:
            return await logins.by_password(name, request.password, address)
        finally:
            session.await_hello()
    if request.account is not None and request.resume is None:
        raise BadRequest("an account needs its password, or a token")
    return None


def _is_of(service: Service, seat: Seat, name: str | None) -> bool:
    """Whether the seat is the account's that the hello names."""
    account = service.state.accounts.named(name) if name is not None and seat.account else None
    return account is not None and account.id == seat.account


def _account_of(service: Service, seat: Seat) -> Account | None:
    return service.state.accounts.by_id(seat.account) if seat.account else None


async def _load(service: Service, account: Account | None) -> None:
    """Have the last lines of the rooms there that everybody, or the account, comes to."""
    for name in service.config.rooms.auto_join:
        await service.make_room(None, name)
    profile = service.state.profile(account.id) if account else None
    for key in profile.rooms if profile else ():
        room = service.state.directory.rooms.get(key)
        if room is not None:
            await service.load_room(room)


# --- a fresh session


async def _enter(session: Session, request: Hello, login: Login | None) -> None:
    service = session.service
    nick = check_nick(request.nick, service.config.limits) if login is None else ""
    account = login.account if login else None
    await _load(service, account)
    account = _still(service, account)
    _check_welcome(session, nick, account)
    id, address = new_seat_id(), session.link.peer
    if account is not None:
        member = service.attendance.arrive(account, address)
    else:
        member = _guest(service, id, nick, session)
    token = ""
    if session.wire.resumable:
        seat, token = service.seats.new(member, id)
        if login is not None:
            seat.scopes, seat.token = login.scopes, login.token
        seat.client = clean_line(request.client)[:_CLIENT_CHARACTERS]
        seat.address, seat.since_ms = session.link.peer, service.now_ms()
        _sit(session, seat)
        service.attendance.make_room(seat)
    else:
        session.member = member
        session.scopes = login.scopes if login else None
    session.greeted()
    puts = _settle_in(session, token)
    if session.seat is not None:
        puts.append(session.seat.put())
    await _finish(session, request, puts)


def _still(service: Service, account: Account | None) -> Account | None:
    """The account as it is now, after a wait. Raises LoginFailed: it was removed."""
    if account is None:
        return None
    account = service.state.accounts.by_id(account.id)
    if account is None:
        raise LoginFailed("the account was removed")
    return account


def _guest(service: Service, id: str, nick: str, session: Session) -> Member:
    """Raises NameTaken."""
    member = Member(guest_identity(id), nick, since_ms=service.now_ms())
    member.address = session.link.peer
    service.state.directory.enter(member, now=trio.current_time())
    return member


def _check_welcome(session: Session, nick: str, account: Account | None) -> None:
    """Whether the server takes anybody like this now.

    Raises:
        Banned, NotPermitted.
    """
    service = session.service
    role = Role(account.role) if account else Role.GUEST
    if role >= Role.MODERATOR:
        return
    check_not_banned(session, nick, account)
    if account is None and not service.config.accounts.guests:
        raise NotPermitted("this server is for those with an account: log in")
    if account is None and service.state.defcon >= Defcon.ACCOUNTS_ONLY:
        raise NotPermitted("for now only those with an account come in: log in")
    is_here = account is not None and service.attendance.of_account(account.id) is not None
    if service.state.defcon >= Defcon.NOBODY_NEW and not is_here:
        raise NotPermitted("for now the server takes nobody new")


def check_not_banned(session: Session, nick: str, account: Account | None) -> None:
    """Raises Banned."""
    service = session.service
    if account is not None:  # what it was called last, it will be called again
        nick = service.state.profile(account.id).nick or account.name
    somebody = Member("", nick)
    somebody.address = session.link.peer
    if account is not None:
        somebody.account_id, somebody.role = account.id, Role(account.role)
    now_ms = service.now_ms()
    ban = holding(service.state.sanctions, "ban", None, somebody, now_ms)
    if ban is not None:
        assert ban.room == EVERYWHERE
        raise Banned(refusal("you are banned from this server", ban), retry_after=left(ban, now_ms))


def _settle_in(session: Session, token: str) -> list[Put]:
    """The session's member is there: welcome it, and show it its rooms and conversations."""
    service, member = session.service, _member(session)
    service.link(session)
    session.send(welcome(session, token, resumed=False))
    puts: list[Put] = []
    for room in tuple(member.rooms.values()):
        service.show_room(session, room, Joined(room=room.name, nick=member.nick))
    for name in service.config.rooms.auto_join:
        puts += _join(session, name)
    if not session.place:
        session.place = next(iter(member.rooms), "")
    _show_directs(session)
    show_marks(session)
    service.attendance.warn(session)
    if member.account_id:
        puts += service.member_puts(member)
    return puts


def _join(session: Session, name: str) -> tuple[Put, ...]:
    """Take the member into a room for everybody, unless it is banned there."""
    service, member = session.service, _member(session)
    room = service.state.directory.open_room(name)
    try:
        if room.key not in member.rooms:
            check_enter(room, member, "", service.state.sanctions, service.now_ms())
    except ChatError:
        return ()
    puts = service.enter(session, room)
    session.place = next(iter(member.rooms))
    return puts


def _show_directs(session: Session) -> None:
    """What was written to an account while it was away waits in its conversations."""
    member = _member(session)
    directs = [direct for direct in member.directs.values() if direct.shown]
    if not member.account_id or not directs:
        return
    session.lag()
    assert session.catch_up is not None
    for direct in directs:
        newest = direct.shown - session.service.config.limits.backlog_events
        session.catch_up.cursors[direct.key] = max(0, newest)
        session.catch_up.resuming[direct.key] = True


def show_marks(session: Session) -> None:
    """Up to where an account has read with its other devices, and what to be told of."""
    service, member = session.service, _member(session)
    for talk in service.talks_of(session):
        seq = member.reads.get(talk.key)
        if seq and member.account_id:
            session.send(Read(room=service.label(talk.key, session), seq=seq))
    if member.notify or member.highlights:
        session.send(settings(session))


def settings(session: Session) -> Settings:
    member = _member(session)
    notify = {session.service.label(key, session): level for key, level in member.notify.items()}
    return Settings(notify=notify, highlights=member.highlights)


# --- a session that was there before


async def _resume(session: Session, request: Hello, seat: Seat, resume: Resume) -> None:
    """Take up *seat*: what its member missed follows, exactly."""
    service = session.service
    account = _account_of(service, seat)
    check_not_banned(session, seat.member.nick, account)
    old = seat.session
    if old is not None:
        service.unlink(old)
        old.close("this session was resumed elsewhere")
    if account is not None:
        seat.member = service.attendance.arrive(account, session.link.peer)
    elif not seat.present:
        _return(session, seat, request.nick)
    seat.dropped_ms = None
    seat.address = session.link.peer
    _sit(session, seat)
    session.greeted()
    service.link(session)
    session.send(welcome(session, resume.session, resumed=True))
    session.catch_up = _missed(session, resume)
    session.outbox.lag()
    _tell_of_rooms_lost(session, resume)
    show_marks(session)
    service.attendance.warn(session)
    if not session.place:
        session.place = next(iter(seat.member.rooms), "")
    await _finish(session, request, [seat.put()])


def _return(session: Session, seat: Seat, nick: str) -> None:
    """The grace was over: the guest comes back into its rooms, with its old nick or, if somebody
    took that meanwhile, with *nick*.

    Raises:
        NameTaken, NameInvalid.
    """
    service, member = session.service, seat.member
    service.conversations.load(seat)
    old_nick = member.nick
    try:
        if service.state.directory.is_taken(old_nick):
            member.call(check_nick(nick, service.config.limits))
        service.state.directory.enter(member, now=trio.current_time())
    except ChatError:
        member.call(old_nick)
        for direct in tuple(member.directs.values()):
            direct.unlink(member)
        raise
    seat.present = True
    member.since_ms = member.called_ms = service.now_ms()
    service.attendance.reenter(member, seat.rooms)


def _missed(session: Session, resume: Resume) -> CatchUp:
    """Where the session's cursors stand: where the client says, or a backlog before the end."""
    service = session.service
    catch_up = CatchUp(session, {})
    said = {_key_of(session, name): seq for name, seq in resume.rooms.items()}
    for talk in service.talks_of(session):
        if isinstance(talk, Direct):
            begin = 0  # what the client does not know began while it was away
        else:
            begin = max(0, talk.shown - service.config.limits.backlog_events)
        floor = talk.floor(session.identity)
        if said.get(talk.key, floor) < floor:  # it was out of the room, and in again
            label = service.label(talk.key, session)
            session.send(Gap(room=label, first=said[talk.key] + 1, last=floor))
        catch_up.cursors[talk.key] = max(said.get(talk.key, begin), floor)
        catch_up.resuming[talk.key] = True
    return catch_up


def _tell_of_rooms_lost(session: Session, resume: Resume) -> None:
    """What the client believes to be in, and is not: it was kicked meanwhile, say."""
    service, member = session.service, _member(session)
    limit = service.config.limits.room_characters
    for name in resume.rooms:
        key = _key_of(session, name)
        if key not in member.rooms and not name.startswith("@") and len(name) <= limit:
            session.send(Left(room=clean_line(name), nick=member.nick, reason="while away"))


def _key_of(session: Session, name: str) -> str:
    """The log that the client calls *name*."""
    seat = session.seat
    if seat is not None and name in seat.labels:
        return seat.labels[name]
    if name.startswith("@"):
        direct = session.service.state.directory.find_direct(_member(session), name)
        return direct.key if direct is not None else ""
    room = session.service.state.directory.named(name)
    return room.key if room is not None else ""


def _sit(session: Session, seat: Seat) -> None:
    session.seat = seat
    session.member = seat.member
    session.scopes = seat.scopes
    seat.session = session


async def _finish(session: Session, request: Hello, puts: list[Put]) -> None:
    """Store what changed; `done` follows."""
    if puts:
        # No key: a repeated hello is another session.
        write = Write(puts=tuple(puts))
        await session.answers.submit(write)
    if request.id:
        await session.settle()
        session.send(Done(id=request.id))


# --- logging in and out


async def switch(session: Session, account: Account | None) -> list[Put]:
    """The session, which goes on, speaks for the account, or for a guest. Return what has to be
    stored.

    Raises:
        NotPermitted, Banned, Unavailable.
    """
    service = session.service
    await _load(service, account)
    account = _still(service, account)
    if account is not None:
        check_not_banned(session, "", account)
    else:
        _check_welcome(session, "", None)
    old, seat = session.member, session.seat
    if old is None:
        raise Unavailable("this session goes on elsewhere")
    rooms = tuple(old.rooms)
    service.attendance.swap(session, "logged in" if account else "logged out")
    if account is not None:
        member = service.attendance.arrive(account, session.link.peer)
    else:
        id = seat.id if seat else new_seat_id()
        member = _guest(service, id, service.attendance.free_nick(), session)
    if seat is not None:
        service.seats.move(seat, member, now_ms=service.now_ms())
        _sit(session, seat)
    else:
        session.member = member
    if account is not None:
        service.attendance.reenter(member, tuple(key for key in rooms if key not in member.rooms))
    puts = _settle_in(session, session.token)
    return [*puts, seat.put()] if seat is not None else puts


def end_link(session: Session) -> None:
    """Another device of the same account ends this session, which is linked."""
    session.service.attendance.depart(session, "ended by another session")
    session.close("ended by another session of this account")


def end_seat(service: Service, seat: Seat) -> None:
    """Another device of the same account ends this session."""
    session, member = seat.session, seat.member
    if session is not None:
        end_link(session)
        return
    service.attendance.end_seat(seat)
    service.attendance.leave_if_alone(member, "ended by another session")


def _member(session: Session) -> Member:
    assert session.member is not None
    return session.member


def welcome(session: Session, token: str, *, resumed: bool) -> Welcome:
    service, member = session.service, _member(session)
    session.token = token
    return Welcome(
        protocol=PROTOCOL_VERSION,
        server=service.config.server.name,
        version=service.version,
        session=token,
        nick=member.nick,
        account=member.account,
        role=session.role.title,
        resumed=resumed,
        commands=service.table.infos(session.role),
        limits=service.limits,
        motd=service.state.motd,
    )
