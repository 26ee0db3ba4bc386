"""Every end of a session, of a seat, or of a member's stay. One method for each cause:

| cause                      | method        | the others are told   | seat    | nick is free    |
|----------------------------|---------------|-----------------------|---------|-----------------|
| the link is lost           | `lose_link`   | after the grace       | kept    | after the grace |
| the grace is over          | `end_grace`   | now, unless [1]       | kept    | now, unless [1] |
| the time to resume is over | `forget`      | were told before      | removed | was free before |
| too many sessions          | `displace`    | were told before      | removed | was free before |
| `/quit`; a plain link ends | `quit`        | now, unless [1]       | removed | now, unless [1] |
| ended by another device    | `end_device`  | now, unless [1]       | removed | now, unless [1] |
| resumed on another link    | `hand_over`   | nothing               | kept    | never           |
| `/login`, `/logout`        | `give_up`     | now, unless [1]       | kept    | now, unless [1] |
| put off the server         | `dismiss`     | now                   | removed | now             |
| the account is removed     | `sign_off`    | now                   | removed | now             |

[1] another session, or the grace of another seat, holds the member: an account on several devices.

An account's profile is kept in each case, until the account is removed; what a guest has is kept
with its seat. When the server stops links are lost, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from trio_chat.chat.accounts import Account
from trio_chat.chat.rooms import Member
from trio_chat.chat.state import State
from trio_chat.events import Quit
from trio_chat.server.delivery.presence import Presence
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.conversations import Conversations
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.records import Records
from trio_chat.server.hub.rooms import Rooms
from trio_chat.server.hub.seats import Seats, put_seat
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.settings import Settings


class Departures:
    def __init__(
        self,
        state: State,
        seats: Seats,
        devices: Devices,
        rooms: Rooms,
        conversations: Conversations,
        presence: Presence,
        records: Records,
        deadlines: Deadlines,
        settings: Settings,
        now_ms: Callable[[], int],
    ) -> None:
        self._state = state
        self._seats = seats
        self._devices = devices
        self._rooms = rooms
        self._conversations = conversations
        self._presence = presence
        self._records = records
        self._deadlines = deadlines
        self._settings = settings
        self._now_ms = now_ms
        self._absent: dict[Seat, None] = {}  # those that hold nobody, the longest ago first

    # --- a session ends

    def lose_link(self, session: Session) -> None:
        """Without a `/quit` the member stays for the grace, if its session can be resumed."""
        seat, member = session.seat, session.member
        if member is None:
            return
        if seat is None:
            self.quit(session, "link closed")
            return
        self._devices.release(session)
        seat.dropped_ms = self._now_ms()
        self._records.keep(put_seat(seat))
        self.begin_grace(seat)

    def quit(self, session: Session, reason: str) -> None:
        """The session is over by intent. Its member leaves, unless another device holds it."""
        seat, member = session.seat, session.member
        if member is None:
            return
        partners = _partners(member, seat)
        if seat is not None:
            self._records.keep(self._seats.remove(seat))
        self._devices.release(session)
        self._leave_if_alone(member, reason)
        self._conversations.forget(member.identity, partners)

    def end_device(
        self,
        device: Session | Seat,
        reason: str = "ended by another session of this account",
        code: str = "session_ended",
    ) -> None:
        """Another device of the same account ends this one, which is linked or away."""
        session = device if isinstance(device, Session) else self._devices.session_in(device)
        if session is not None:
            self.quit(session, "ended by another session")
            session.close(reason, code=code)
        elif isinstance(device, Seat):
            self._remove(device)
            self._leave_if_alone(device.member, "ended by another session")

    def hand_over(self, seat: Seat) -> None:
        """The session in the seat, if one is linked, goes on on another link."""
        session = self._devices.session_in(seat)
        if session is not None:
            self._devices.release(session)
            session.close("this session was resumed elsewhere", code="resumed_elsewhere")

    def give_up(self, session: Session, reason: str) -> None:
        """The session, which goes on, speaks no longer for its member."""
        member, seat = session.speaker(), session.seat
        self._devices.detach(session)
        if member.account_id and seat is not None:
            seat.present = False
        self._leave_if_alone(member, reason)
        if seat is not None:
            seat.present = True

    # --- a member ends

    def dismiss(
        self, member: Member, reason: str, code: str, retry_after: float | None = None
    ) -> None:
        """The member leaves at once, with all its devices, and comes back to no session."""
        for own in tuple(self._devices.of(member)):
            self._devices.release(own)
            own.close(reason, code=code, retry_after=retry_after)
        guest = self._seats.of_guest(member)
        seats = self._seats.of_account(member.account_id) if member.account_id else ()
        for seat in (guest, *seats):
            if seat is not None:
                self._remove(seat)
        self._exit(member, reason)

    def sign_off(self, account: Account, reason: str) -> None:
        """The account's member leaves, if it is here, and comes back to no session."""
        member = self._state.directory.of_account(account.id)
        if member is not None:
            self.dismiss(member, reason, "account_removed")
        for seat in self._seats.of_account(account.id):
            self._remove(seat)

    def _leave_if_alone(self, member: Member, reason: str) -> None:
        """The member leaves, if no session and no seat holds it any more."""
        if self._devices.of(member):
            return
        seats = self._seats.of_account(member.account_id)
        graces = [seat.timer_at for seat in seats if seat.present]
        if graces:
            member.absent_until = max(graces)
        else:
            self._exit(member, reason)

    def _exit(self, member: Member, reason: str) -> None:
        directory = self._state.directory
        if directory.holder(member.nick) is not member:
            return
        if member.account_id:
            self._records.member_puts(member)  # what it comes back to
        for direct in tuple(member.directs.values()):
            self._conversations.end(direct, member, reason)
        comes_back = bool(member.account_id) or self._seats.of_guest(member) is not None
        quit = Quit(nick=member.nick, account=member.account, reason=reason, rooms=())
        left = directory.exit(member, reason)
        self._presence.show_quit(quit, left)
        for room, _ in left:
            if comes_back:
                self._rooms.watch_if_empty(room)
            else:
                self._records.keep(*self._rooms.forget(member, room))

    # --- a seat ends

    def begin_grace(self, seat: Seat) -> None:
        """Its link is lost: it holds its member for a while, so that nobody sees it leave."""
        grace_seconds = self._settings.config.timeouts.grace_seconds
        if not self._devices.of(seat.member):
            seat.member.absent_until = trio.current_time() + grace_seconds
        seat.timer_at = trio.current_time() + grace_seconds
        seat.timer = self._deadlines.after(grace_seconds, lambda: self.end_grace(seat))

    def end_grace(self, seat: Seat) -> None:
        seat.note()
        seat.present = False
        self._leave_if_alone(seat.member, "link lost")
        timeouts = self._settings.config.timeouts
        self.await_resume(seat, max(0.0, timeouts.resume_seconds - timeouts.grace_seconds))

    def await_resume(self, seat: Seat, seconds: float) -> None:
        """Keep a seat that holds nobody, unless there are too many of them."""
        self._absent[seat] = None
        seat.timer = self._deadlines.after(seconds, lambda: self.forget(seat))
        if len(self._absent) > self._settings.config.limits.absent_sessions:
            self.forget(next(iter(self._absent)))

    def resume(self, seat: Seat) -> None:
        """Somebody sits here again: none of this happens."""
        seat.present = True
        if seat.timer is not None:
            seat.timer.cancel()
            self._absent.pop(seat, None)

    def forget(self, seat: Seat) -> None:
        """Its time is over."""
        for key in seat.rooms:
            room = self._state.directory.rooms.get(key)
            if room is not None and seat.member.identity not in room.members:
                self._records.keep(*self._rooms.forget(seat.member, room))
        self._remove(seat)

    def displace(self, seat: Seat) -> None:
        """End the session that is gone longest, if the seat's account has too many."""
        own = self._seats.of_account(seat.account) if seat.account else ()
        if len(own) > self._settings.config.accounts.sessions_per_account:
            gone = (one for one in own if one is not seat and not self._devices.session_in(one))
            oldest = min(gone, key=lambda one: one.dropped_ms or 0, default=None)
            if oldest is not None:
                self._remove(oldest)

    def _remove(self, seat: Seat) -> None:
        """Nobody comes back to this session."""
        if seat.timer is not None:
            seat.timer.cancel()
        self._absent.pop(seat, None)
        seat.present = False
        partners = _partners(seat.member, seat)
        self._records.keep(self._seats.remove(seat))
        self._conversations.forget(seat.member.identity, partners)


def _partners(member: Member, seat: Seat | None) -> set[str]:
    """The identities of those with whom a guest has conversations."""
    own = {direct.partner_of(member.identity) for direct in member.directs.values()}
    return own | set(seat.directs) if seat is not None else own
