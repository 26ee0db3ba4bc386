"""Identification of a peer: by a session's token, or by its account's password or token; else it is
a guest. Nothing is changed here."""

from __future__ import annotations

from typing import NamedTuple

from trio_chat.chat.accounts import Account, Accounts
from trio_chat.errors import BadRequest
from trio_chat.requests import Hello
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.hub.logins import Login, Logins
from trio_chat.server.hub.seats import Seats


class Claim(NamedTuple):
    """The proof that a hello has given: of a session to go on with, of an account, or of neither:
    then it is a guest's."""

    seat: Seat | None
    login: Login | None


class Identities:
    def __init__(self, accounts: Accounts, seats: Seats, logins: Logins) -> None:
        self._accounts = accounts
        self._seats = seats
        self._logins = logins

    async def identify(self, request: Hello, peer: str, *, resumable: bool) -> Claim:
        """*peer*: the address that the hello comes from, for which failed attempts are counted.

        Raises:
            BadRequest, LoginFailed, TooFast.
        """
        seat, login = None, None
        if request.resume is not None and resumable:
            seat = self._seats.find(request.resume.session)
        # A resume needs no password again; but whoever proves to be somebody else is.
        if seat is None or not self._is_of(seat, request.account):
            login = await self.log_in(request, peer)
        if seat is not None and login is not None and seat.account != login.account.id:
            seat = None
        return Claim(seat, login)

    async def log_in(self, request: Hello, peer: str) -> Login | None:
        """The account that the peer has proven to have, if it tries to.

        Raises:
            BadRequest, LoginFailed, TooFast.
        """
        if request.token is not None:
            return self._logins.by_token(request.token, request.account, peer)
        if request.password is not None:
            name = request.account if request.account is not None else request.nick
            return await self._logins.by_password(name, request.password, peer)
        if request.account is not None and request.resume is None:
            raise BadRequest("an account needs its password, or a token")
        return None

    def _is_of(self, seat: Seat, name: str | None) -> bool:
        """Return whether the seat is the account's that the hello names."""
        account = self._accounts.named(name) if name is not None and seat.account else None
        return account is not None and account.id == seat.account

    def account_of(self, seat: Seat) -> Account | None:
        return self._accounts.by_id(seat.account) if seat.account else None
