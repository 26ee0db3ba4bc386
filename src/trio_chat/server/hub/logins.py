"""Proving who one is: by password, slowly and not too often, or by a token.

A refusal says nothing about which accounts there are: it reads the same and takes as long.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from trio_chat.chat.accounts import Account, Scope, token_key
from trio_chat.chat.lookalikes import skeleton
from trio_chat.chat.pace import Throttle
from trio_chat.chat.state import State
from trio_chat.config import AccountsSection
from trio_chat.errors import LoginFailed, TooFast
from trio_chat.server.net.addresses import is_local, source_of
from trio_chat.text import NAME_CHARACTERS, fold

Run: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
Counted: TypeAlias = tuple[Throttle, str]

_CODE = "owner code"
_STRANGERS = "strangers"
_HOUR_SECONDS = 3600.0
# OWASP's second choice: 19 MiB, two passes, one lane; some 30 ms of one core.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Hashing:
    """Hashes of passwords. One at a time is computed in a thread, so a storm of logins leaves the
    other cores, and all but 19 MiB, to the chat."""

    def __init__(self, hasher: PasswordHasher = _HASHER, run: Run | None = None) -> None:
        """*run*: does the work elsewhere, instead of in a thread."""
        self._hasher = hasher
        self._run = run or partial(trio.to_thread.run_sync, limiter=trio.CapacityLimiter(1))
        # Verified when there is no such account. No password has it: it is of random bytes.
        self._nobody = hasher.hash(secrets.token_bytes(16))

    async def hash(self, password: str) -> str:
        hashed: str = await self._run(partial(self._hasher.hash, password))
        return hashed

    async def verify(self, stored: str, password: str) -> bool:
        """*stored* "": there is no account, which takes as long to find out."""
        is_right: bool = await self._run(partial(self._verify, stored or self._nobody, password))
        return is_right

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


class Login(NamedTuple):
    """The account that somebody has proven to have.

    Attributes:
        scopes: what the token allows that was shown; None: anything.
        token: its id, or "".
    """

    account: Account
    scopes: tuple[Scope, ...] | None = None
    token: str = ""


class Logins:
    """Attempts are counted before it is known how they end, since many may be made at once.

    A wrong password counts for its address and its account together, so nobody's guesses keep
    anybody out elsewhere. From an address that the account has not logged in from before it counts
    twice more: for the address, and for all strangers to this account, so that many addresses are
    not many guesses. Where the account has logged in before, none of that counts; neither does it
    for a token or for a session that is resumed.
    """

    def __init__(self, state: State, section: AccountsSection, hashing: Hashing) -> None:
        self._state = state
        self._accounts = state.accounts
        self._hashing = hashing
        self.configure(section)

    def configure(self, section: AccountsSection) -> None:
        """Count attempts so from now on; those that were made are forgotten."""
        attempts, seconds = section.login_attempts, section.login_seconds
        self._by_pair = Throttle(attempts, seconds)
        self._by_address = Throttle(attempts, seconds)
        self._by_strangers = Throttle(section.login_strangers, seconds)
        self._by_token = Throttle(attempts, seconds)
        self._section = section
        self._registrars = Throttle(section.registrations_per_address, _HOUR_SECONDS)
        self._registrations = Throttle(section.registrations_per_hour, _HOUR_SECONDS, keys_max=1)

    async def hash(self, password: str) -> str:
        return await self._hashing.hash(password)

    def register(self, address: str) -> None:
        """Count an account that somebody from *address* is about to make; "" counts nowhere.

        Raises:
            TooFast: with `retry_after`.
        """
        if not address:
            return
        section, now = self._section, trio.current_time()
        for throttle, key, most, whose in (
            (self._registrars, address, section.registrations_per_address, " from one address"),
            (self._registrations, _STRANGERS, section.registrations_per_hour, ""),
        ):
            wait = throttle.check(key, now)
            if wait:
                text = f"at most {most} accounts an hour are made{whose}"
                raise TooFast(text, retry_after=wait)
        self._registrars.failed(address, now)
        self._registrations.failed(_STRANGERS, now)

    async def by_password(self, name: str, password: str, peer: str) -> Login:
        """*peer*: the address that the password comes from.

        Raises:
            LoginFailed, TooFast.
        """
        account = self._accounts.named(name)
        counted = self._counted(name, account, peer)
        self._attempt(counted)
        stored = account.password if account is not None else ""
        is_right = await self._hashing.verify(stored, password)
        # Meanwhile it may have been removed, or its password changed.
        if not is_right or account is None or self._accounts.by_id(account.id) != account:
            raise LoginFailed("account or password are wrong")
        (pair, key), *others = counted
        pair.succeeded(key)
        for throttle, key in others:
            throttle.take_back(key)
        return Login(account)

    def by_token(self, secret: str, name: str | None, peer: str) -> Login:
        """A right token is never refused: nobody guesses one.

        Raises:
            LoginFailed, TooFast.
        """
        token = self._accounts.token(token_key(secret))
        account = self._accounts.by_id(token.account) if token else None
        if (
            token is None
            or account is None
            or (name is not None and self._accounts.named(name) is not account)
        ):
            if not is_local(peer):
                self._attempt([(self._by_token, source_of(peer))])
            raise LoginFailed("the token is wrong, or was revoked")
        return Login(account, token.scopes, token.id)

    def guess(self, account: str, peer: str) -> None:
        """Count a guess at the owner code by the account with that id.

        Raises:
            TooFast.
        """
        self._attempt([(self._by_pair, f"{source_of(peer)} {_CODE} {account}")])

    def _counted(self, name: str, account: Account | None, peer: str) -> list[Counted]:
        """Where an attempt is counted. All names that look alike are one: no two accounts have
        them, and the answers tell nobody which of them is an account's."""
        address = source_of(peer)
        key = skeleton(fold(name[:NAME_CHARACTERS].removeprefix("@")))
        counted = [(self._by_pair, f"{address} {key}")]
        if account is not None and address in self._state.profile(account.id).addresses:
            return counted
        counted.append((self._by_strangers, key))
        if not is_local(peer):
            counted.append((self._by_address, address))
        return counted

    def _attempt(self, counted: Sequence[Counted]) -> None:
        """Raises TooFast: nothing was counted."""
        now = trio.current_time()
        wait = max(throttle.check(key, now) for throttle, key in counted)
        if wait:
            raise TooFast("too many attempts to log in", retry_after=wait)
        for throttle, key in counted:
            throttle.failed(key, now)
