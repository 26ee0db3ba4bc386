"""Members that come, and come back: who is taken in, under which nick, and into which rooms."""

from __future__ import annotations

from collections.abc import Callable

import trio

from trio_chat.chat.accounts import Account
from trio_chat.chat.names import check_nick, guest_nick
from trio_chat.chat.pace import Throttle
from trio_chat.chat.profiles import member_of, rooms_in_order, with_address
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member
from trio_chat.chat.rules import EVERYWHERE, check_nick_free, holding, left, refusal
from trio_chat.chat.sanctions import Defcon
from trio_chat.chat.state import State
from trio_chat.errors import Banned, ChatError, LoginFailed, NameTaken, NotPermitted, Unavailable
from trio_chat.events import Notice
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.conversations import Conversations
from trio_chat.server.hub.departures import Departures
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.membership import Membership
from trio_chat.server.hub.records import Records
from trio_chat.server.hub.rooms import Rooms
from trio_chat.server.hub.seats import Seats, guest_identity, new_seat_id
from trio_chat.server.net.addresses import source_of
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.settings import Settings

_DAY_MS = 24 * 3600 * 1000


class Arrivals:
    def __init__(
        self,
        state: State,
        seats: Seats,
        devices: Devices,
        rooms: Rooms,
        membership: Membership,
        conversations: Conversations,
        departures: Departures,
        records: Records,
        deadlines: Deadlines,
        settings: Settings,
        now_ms: Callable[[], int],
    ) -> None:
        self._state = state
        self._seats = seats
        self._devices = devices
        self._rooms = rooms
        self._membership = membership
        self._conversations = conversations
        self._departures = departures
        self._records = records
        self._deadlines = deadlines
        self._settings = settings
        self._now_ms = now_ms
        again_seconds = settings.config.accounts.claim_again_seconds
        self._claims = Throttle(1, again_seconds)  # of nicks of accounts, by guests

    async def load(self, account: Account | None) -> None:
        """Have the last lines of the rooms there that everybody, or the account, comes to."""
        for name in self._settings.config.rooms.auto_join:
            await self._rooms.open(name)
        profile = self._state.profile(account.id) if account else None
        for key in profile.rooms if profile else ():
            room = self._state.directory.rooms.get(key)
            if room is not None:
                await self._rooms.load(room)

    # --- who is taken in

    def check_welcome(self, account: Account | None, nick: str, address: str) -> None:
        """Raises Banned, NotPermitted: the server takes nobody like this now."""
        self.check_not_banned(account, nick, address)
        role = Role(account.role) if account else Role.GUEST
        if role >= Role.MODERATOR:
            return
        if account is None and not self._settings.config.accounts.guests:
            raise NotPermitted("this server is for those with an account: log in")
        if account is None and self._state.defcon >= Defcon.ACCOUNTS_ONLY:
            raise NotPermitted("for now only those with an account come in: log in")
        is_here = account is not None and self._state.directory.of_account(account.id) is not None
        if self._state.defcon >= Defcon.NOBODY_NEW and not is_here:
            raise NotPermitted("for now the server takes nobody new")

    def check_not_banned(self, account: Account | None, nick: str, address: str) -> None:
        """Raises Banned."""
        if account is not None:  # what it was called last, it will be called again
            nick = self._state.profile(account.id).nick or account.name
        somebody = Member("", nick)
        somebody.address = address
        if account is not None:
            somebody.account_id, somebody.role = account.id, Role(account.role)
        now_ms = self._now_ms()
        ban = holding(self._state.sanctions, "ban", None, somebody, now_ms)
        if ban is not None:
            assert ban.room == EVERYWHERE
            text = refusal("you are banned from this server", ban)
            raise Banned(text, retry_after=left(ban, now_ms))

    def still(self, account: Account | None) -> Account | None:
        """The account as it is now, after a wait. Raises LoginFailed: it was removed."""
        if account is None:
            return None
        account = self._state.accounts.by_id(account.id)
        if account is None:
            raise LoginFailed("the account was removed")
        return account

    # --- members

    def guest(self, nick: str, address: str, seat_id: str) -> Member:
        """A new guest. Raises NameTaken."""
        member = Member(guest_identity(seat_id), nick, since_ms=self._now_ms())
        member.address = address
        self._enter_as_guest(member)
        return member

    def _enter_as_guest(self, member: Member) -> None:
        """Raises NameTaken: also if the nick is an account's, and a guest from the same address
        had it just before."""
        owner, now = self._state.accounts.reserves(member.nick), trio.current_time()
        key = _claim_key(owner, member.address) if owner is not None else ""
        if owner is not None and (wait := self._claims.check(key, now)):
            text = (
                f"the nick {owner.name} belongs to an account, and a guest from your address had "
                "it just before: log in, or choose another"
            )
            raise NameTaken(text, retry_after=wait, nick=member.nick, account=owner.name)
        self._state.directory.enter(member, now=now)
        if owner is not None:
            self._claims.failed(key, now)

    def arrive(self, account: Account, address: str) -> Member:
        """The account's member: in its rooms, under its nick, or else its name, for which
        everybody makes way. Its rooms have been loaded."""
        directory, accounts = self._state.directory, self._state.accounts
        self._note_address(account, source_of(address))
        self._claims.succeeded(_claim_key(account, address))
        member = directory.of_account(account.id)
        if member is not None:
            return member
        profile = self._state.profile(account.id)
        member = member_of(account, profile, now_ms=self._now_ms())
        member.address = address
        owner = accounts.reserves(member.nick)
        if owner is not account and (owner is not None or directory.is_taken(member.nick)):
            member.call(account.name)
        self._claim_nick(member.nick)
        directory.enter(member, now=trio.current_time())
        for identity, nick in profile.directs.items():
            self._conversations.link(member, identity, nick)
        self._membership.reenter(member, rooms_in_order(profile))
        return member

    def _note_address(self, account: Account, address: str) -> None:
        """The account has proven from there who it is: guesses of strangers elsewhere do not keep
        it out from there."""
        known, day = self._state.profile(account.id).addresses, self._now_ms() // _DAY_MS
        if address and known.get(address) != day:
            addresses = with_address(known, address, day)
            self._records.keep(*self._records.profile_puts(account, addresses=addresses))

    def come_back(self, seat: Seat, account: Account | None, nick: str, address: str) -> None:
        """Have the seat's member be here, as when its link was lost. A guest whose grace was over
        has its old nick or, if somebody took that meanwhile, *nick*.

        Raises:
            NameTaken, NameInvalid.
        """
        if account is not None:
            seat.member = self.arrive(account, address)
        elif not seat.present:
            seat.member.address = address
            self._return(seat, nick)
        seat.dropped_ms = None
        seat.address = address

    def _return(self, seat: Seat, nick: str) -> None:
        member, directory = seat.member, self._state.directory
        self._conversations.load(seat)
        old_nick = member.nick
        try:
            if directory.is_taken(old_nick):
                nick = check_nick(nick, self._settings.config.limits)
                check_nick_free(member, nick, self._state.sanctions, self._now_ms())
                member.call(nick)
            self._enter_as_guest(member)
        except ChatError:
            member.call(old_nick)
            for direct in tuple(member.directs.values()):
                direct.unlink(member)
            raise
        seat.present = True
        member.since_ms = member.called_ms = self._now_ms()
        self._membership.reenter(member, seat.rooms)

    # --- sessions

    def attach(self, session: Session) -> None:
        """The session, whose member is here, speaks for it from now on."""
        self._devices.attach(session)
        if session.seat is not None:
            self._departures.resume(session.seat)

    def switch(self, session: Session, account: Account | None) -> None:
        """The session, which goes on, speaks for the account, or for a guest.

        Raises:
            Unavailable: it was resumed on another link.
        """
        old, seat = session.member, session.seat
        if old is None:
            raise Unavailable("this session goes on elsewhere")
        rooms = tuple(old.rooms)
        self._departures.give_up(session, "logged in" if account else "logged out")
        if account is not None:
            member = self.arrive(account, session.peer)
        else:
            id = seat.id if seat else new_seat_id()
            member = self.guest(self.free_nick(), session.peer, id)
        session.member = member
        if seat is not None:
            self._seats.move(seat, member, now_ms=self._now_ms())
        if account is not None:
            self._membership.reenter(member, rooms)
        self.attach(session)

    # --- nicks that belong to accounts

    def _claim_nick(self, nick: str) -> None:
        """Whoever is called *nick*, which belongs to somebody else's account, is called
        otherwise."""
        holder = self._state.directory.holder(nick)
        owner = self._state.accounts.reserves(nick)
        if holder is None or owner is None or holder.account_id == owner.id:
            return
        self._membership.rename(holder, self.free_nick())
        self._records.keep_member(holder)
        for own in self._devices.of(holder):
            text = f"{nick} belongs to an account; you are {holder.nick} now: /nick changes that"
            own.send(Notice(text=text))

    def free_nick(self) -> str:
        """A nick for somebody who has none of its own."""
        while True:
            nick = guest_nick(self._settings.config.limits)
            is_taken = self._state.directory.is_taken(nick)
            if not is_taken and not self._state.accounts.reserves(nick):
                return nick

    def warn(self, session: Session) -> None:
        """A guest with the nick of an account is asked to log in, or else to be called
        otherwise."""
        member = session.member
        if member is None or member.account_id:
            return
        account = self._state.accounts.reserves(member.nick)
        if account is None:
            return
        seconds = self._settings.config.accounts.claim_seconds
        session.send(
            Notice(
                text=f"{member.nick} belongs to an account: /login PASSWORD within {seconds:.0f} s,"
                " or you will be called otherwise"
            )
        )
        self._deadlines.after(seconds, lambda: self._claim(account, member))

    def _claim(self, account: Account, member: Member) -> None:
        if self._state.directory.holder(account.name) is member:
            self._claim_nick(account.name)

    def warn_holder(self, nick: str) -> None:
        """An account was made for the nick that a guest goes by."""
        holder = self._state.directory.holder(nick)
        for session in self._devices.of(holder) if holder is not None else ():
            self.warn(session)


def _claim_key(account: Account, address: str) -> str:
    return f"{account.id} {source_of(address)}"
