"""Who is in the chat, and for how long: arriving, dropping out, the grace, leaving, coming back.

A member is here while a session speaks for it, or while one of its seats is within the grace.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import structlog
import trio

from trio_chat.chat.accounts import Account
from trio_chat.chat.profiles import member_of, rooms_in_order
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.rules import check_enter
from trio_chat.errors import ChatError
from trio_chat.events import Notice, Quit
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.seats import put_seat

if TYPE_CHECKING:
    from trio_chat.server.service import Service

log = structlog.get_logger()


class Attendance:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._absent: dict[Seat, None] = {}  # those who hold nobody, the longest ago first

    # --- accounts

    def of_account(self, id: str) -> Member | None:
        """The member whose account this is, if it is here."""
        return self._service.state.directory.of_account(id)

    def arrive(self, account: Account, address: str) -> Member:
        """The account's member: in its rooms, under its nick, or else its name, for which
        everybody makes way. Its rooms have been loaded."""
        member = self.of_account(account.id)
        if member is not None:
            return member
        service = self._service
        profile = service.state.profile(account.id)
        member = member_of(account, profile, now_ms=service.now_ms())
        member.address = address
        owner = service.state.accounts.reserves(member.nick)
        if owner is not account and (
            owner is not None or service.state.directory.is_taken(member.nick)
        ):
            member.call(account.name)
        self.make_way(member.nick)
        service.state.directory.enter(member, now=trio.current_time())
        for identity, nick in profile.directs.items():
            service.conversations.link(member, identity, nick)
        self.reenter(member, rooms_in_order(profile))
        return member

    def make_way(self, nick: str) -> None:
        """Whoever is called *nick*, which belongs to somebody else's account, is called
        otherwise."""
        holder = self._service.state.directory.holder(nick)
        owner = self._service.state.accounts.reserves(nick)
        if holder is None or owner is None or holder.account_id == owner.id:
            return
        self._service.rename(holder, self.free_nick())
        self._service.keep_member(holder)
        for own in self._service.linked(holder):
            text = f"{nick} belongs to an account; you are {holder.nick} now: /nick changes that"
            own.send(Notice(text=text))

    def free_nick(self) -> str:
        """A nick for somebody who has none of its own."""
        limit = self._service.config.limits.nick_characters
        while True:
            nick = f"guest-{secrets.randbelow(10**6):06}"[-limit:].lstrip("-")
            if not self._service.state.directory.is_taken(
                nick
            ) and not self._service.state.accounts.reserves(nick):
                return nick

    def warn(self, session: Session) -> None:
        """A guest with the nick of an account is asked to log in, or else to be called
        otherwise."""
        member = session.member
        if member is None or member.account_id:
            return
        account = self._service.state.accounts.reserves(member.nick)
        if account is None:
            return
        seconds = self._service.config.accounts.claim_seconds
        session.send(
            Notice(
                text=f"{member.nick} belongs to an account: /login PASSWORD within {seconds:.0f} s,"
                " or you will be called otherwise"
            )
        )
        self._service.deadlines.after(seconds, lambda: self._claim(account, member))

    def warn_holder(self, nick: str) -> None:
        """An account was made for the nick that a guest goes by."""
        holder = self._service.state.directory.holder(nick)
        for session in self._service.linked(holder) if holder is not None else ():
            self.warn(session)

    def _claim(self, account: Account, member: Member) -> None:
        if self._service.state.directory.holder(account.name) is member:
            self.make_way(account.name)

    # --- rooms, after having been away

    def reenter(self, member: Member, rooms: tuple[str, ...]) -> None:
        """Take the member into the rooms it was in, where it still may be."""
        service = self._service
        for key in rooms:
            room = service.state.directory.rooms.get(key)
            if room is None:  # its record was not stored; a key need not be a good name
                room = Room(key, keep_events=service.config.limits.backlog_events)
                service.state.directory.add_room(room)
            if room.key in member.rooms:
                continue
            if not self._may_return(member, room):
                service.keep(*service.forget_floor(member, room))
            else:
                event, linked = room.add(member), service.linked(member)
                for own in linked:
                    service.show_room(own, room, event)
                service.presence.show(room, event, newcomers=linked)
        for direct in member.directs.values():
            for partner in direct:
                for session in service.linked(partner):
                    service.audience.subscribe(direct.key, session)

    def _may_return(self, member: Member, room: Room) -> bool:
        try:
            service = self._service
            now_ms, key = service.now_ms(), room.record.key
            check_enter(room, member, key, service.state.sanctions, now_ms, counts=False)
        except ChatError as exc:
            log.info("not taken back into a room", nick=member.nick, room=room.key, why=exc.message)
            return False
        return True

    # --- leaving

    def link_lost(self, session: Session) -> None:
        """Without a `/quit` the member stays for the grace, if its session can be resumed."""
        seat, member = session.seat, session.member
        if member is None:
            return
        if seat is None:
            self.depart(session, "link closed")
            return
        self._service.unlink(session)
        seat.dropped_ms = self._service.now_ms()
        self._service.keep(put_seat(seat))
        self.begin_grace(seat)

    def depart(self, session: Session, reason: str) -> None:
        """The session is over by intent. Its member leaves, unless another device holds it."""
        seat, member = session.seat, session.member
        if member is None:
            return
        partners = _partners(member, seat)
        if seat is not None:
            self._service.keep(self._service.seats.remove(seat))
        self._service.unlink(session)
        self.leave_if_alone(member, reason)
        self._service.conversations.forget(member.identity, partners)

    def leave_if_alone(self, member: Member, reason: str) -> None:
        """The member leaves, if no session and no seat holds it any more."""
        if self._service.linked(member):
            return
        seats = self._service.seats.of_account(member.account_id)
        graces = [seat.timer_at for seat in seats if seat.present]
        if graces:
            member.absent_until = max(graces)
        else:
            self._exit(member, reason)

    def dismiss(self, member: Member, reason: str, retry_after: float | None = None) -> None:
        """The member leaves at once, with all its devices, and comes back to no session."""
        service = self._service
        for own in tuple(service.linked(member)):
            service.unlink(own)
            own.close(reason, retry_after=retry_after)
        guest = service.seats.of_guest(member)
        seats = service.seats.of_account(member.account_id) if member.account_id else ()
        for seat in (guest, *seats):
            if seat is not None:
                self.end_seat(seat)
        self._exit(member, reason)

    def sign_off(self, account: Account, reason: str) -> None:
        """The account's member leaves, if it is here, and comes back to no session."""
        member = self.of_account(account.id)
        if member is not None:
            self.dismiss(member, reason)
        for seat in self._service.seats.of_account(account.id):
            self.end_seat(seat)

    def make_room(self, seat: Seat) -> None:
        """When an account has too many sessions, the one that is gone longest is forgotten."""
        own = self._service.seats.of_account(seat.account) if seat.account else ()
        if len(own) > self._service.config.accounts.sessions_per_account:
            gone = (one for one in own if one is not seat and not self._service.session_in(one))
            oldest = min(gone, key=lambda one: one.dropped_ms or 0, default=None)
            if oldest is not None:
                self.end_seat(oldest)

    def end_seat(self, seat: Seat) -> None:
        """Nobody comes back to this session."""
        if seat.timer is not None:
            seat.timer.cancel()
        self._absent.pop(seat, None)
        seat.present = False
        partners = _partners(seat.member, seat)
        self._service.keep(self._service.seats.remove(seat))
        self._service.conversations.forget(seat.member.identity, partners)

    def end_link(self, session: Session) -> None:
        """Another device of the same account ends this session, which is linked."""
        self.depart(session, "ended by another session")
        session.close("ended by another session of this account")

    def end_device(self, seat: Seat) -> None:
        """Another device of the same account ends this session."""
        session = self._service.session_in(seat)
        if session is not None:
            self.end_link(session)
            return
        member = seat.member
        self.end_seat(seat)
        self.leave_if_alone(member, "ended by another session")

    def _exit(self, member: Member, reason: str) -> None:
        service = self._service
        if service.state.directory.holder(member.nick) is not member:
            return
        if member.account_id:
            service.member_puts(member)  # what it comes back to
        for direct in tuple(member.directs.values()):
            service.conversations.end(direct, member, reason)
        comes_back = bool(member.account_id) or service.seats.of_guest(member) is not None
        quit = Quit(nick=member.nick, account=member.account, reason=reason, rooms=())
        left = service.state.directory.exit(member, reason)
        service.presence.show_quit(quit, left)
        for room, _ in left:
            if comes_back:
                service.watch_if_empty(room)
            else:
                service.keep(*service.forget_floor(member, room))

    def swap(self, session: Session, reason: str) -> None:
        """The session's member gives way to another one: somebody logs in or out."""
        member = session.member
        assert member is not None
        seat = session.seat
        self._service.detach(session)
        if member.account_id and seat is not None:
            seat.present = False
        self.leave_if_alone(member, reason)
        if seat is not None:
            seat.present = True

    # --- the grace

    def begin_grace(self, seat: Seat) -> None:
        grace_seconds = self._service.config.timeouts.grace_seconds
        if not self._service.linked(seat.member):
            seat.member.absent_until = trio.current_time() + grace_seconds
        seat.timer_at = trio.current_time() + grace_seconds
        seat.timer = self._service.deadlines.after(grace_seconds, lambda: self._end_grace(seat))

    def _end_grace(self, seat: Seat) -> None:
        seat.note()
        seat.present = False
        self.leave_if_alone(seat.member, "link lost")
        timeouts = self._service.config.timeouts
        self.await_resume(seat, max(0.0, timeouts.resume_seconds - timeouts.grace_seconds))

    def await_resume(self, seat: Seat, seconds: float) -> None:
        """Keep a seat that holds nobody, unless there are too many of them."""
        self._absent[seat] = None
        seat.timer = self._service.deadlines.after(seconds, lambda: self.forget(seat))
        if len(self._absent) > self._service.config.limits.absent_sessions:
            self.forget(next(iter(self._absent)))

    def forget(self, seat: Seat) -> None:
        """Its time is over."""
        for key in seat.rooms:
            room = self._service.state.directory.rooms.get(key)
            if room is not None and seat.member.identity not in room.members:
                self._service.keep(*self._service.forget_floor(seat.member, room))
        self.end_seat(seat)

    def taken(self, seat: Seat) -> None:
        """Somebody sits here again."""
        seat.present = True
        if seat.timer is not None:
            seat.timer.cancel()
            self._absent.pop(seat, None)


def _partners(member: Member, seat: Seat | None) -> set[str]:
    """The identities of those with whom a guest has conversations."""
    own = {direct.partner_of(member.identity) for direct in member.directs.values()}
    return own | set(seat.directs) if seat is not None else own
