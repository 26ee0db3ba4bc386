"""Proving who one is: by password, slowly and not too often, or by a token.

A refusal says nothing about which accounts there are: it reads the same and takes as long.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

import trio
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from trio_chat.chat.accounts import Account, Accounts, Scope, token_key
from trio_chat.chat.pace import Throttle
from trio_chat.config import AccountsSection
from trio_chat.errors import LoginFailed, TooFast
from trio_chat.text import NAME_CHARACTERS, fold

_CODE = "owner code"
in_thread = trio.to_thread.run_sync
# OWASP's second choice: 19 MiB, two passes, one lane; some 30 ms of one core.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Verified when there is no such account. No password has it: it is of random bytes.
_NOBODY = _hasher.hash(secrets.token_bytes(16))


class Login(NamedTuple):
    """Who somebody has proven to be. *scopes*: what the *token* (its id) allows that was shown;
    None for anything."""

    account: Account
    scopes: tuple[Scope, ...] | None = None
    token: str = ""


class Logins:
    """See the module. One hash at a time is computed in a thread, so a storm of logins leaves
    the other cores, and all but 19 MiB, to the chat."""

    def __init__(self, accounts: Accounts, section: AccountsSection) -> None:
        self._accounts = accounts
        self._limiter = trio.CapacityLimiter(1)
        self.configure(section)

    def configure(self, section: AccountsSection) -> None:
        """Count attempts so from now on; those that were made are forgotten."""
        attempts, seconds = section.login_attempts, section.login_seconds
        self._by_account = Throttle(attempts, seconds)
        self._by_address = Throttle(attempts, seconds)
        self._at_code = Throttle(attempts, seconds)

    async def hash(self, password: str) -> str:
        return await in_thread(_hasher.hash, password, limiter=self._limiter)

    async def by_password(self, name: str, password: str, address: str) -> Login:
        """*address* "" is one that is not throttled.

        Raises:
            LoginFailed, TooFast.
        """
        key = fold(name[:NAME_CHARACTERS])
        self._attempt(key, address)
        account = self._accounts.named(name)
        stored = account.password if account is not None and account.password else _NOBODY
        is_right = await in_thread(_verify, stored, password, limiter=self._limiter)
        # Meanwhile it may have been removed, or its password changed.
        if not is_right or account is None or self._accounts.by_id(account.id) != account:
            raise LoginFailed("account or password are wrong")
        self._by_account.succeeded(key)
        if address:
            self._by_address.take_back(address)
        return Login(account)

    def by_token(self, secret: str, name: str | None, address: str) -> Login:
        """Raises LoginFailed, TooFast."""
        if address:
            self._check(self._by_address, address)
        token = self._accounts.token(token_key(secret))
        account = self._accounts.by_id(token.account) if token else None
        if (
            token is None
            or account is None
            or (name is not None and self._accounts.named(name) is not account)
        ):
            if address:
                self._by_address.failed(address, trio.current_time())
            raise LoginFailed("the token is wrong, or was revoked")
        return Login(account, token.scopes, token.id)

    def guess(self) -> None:
        """Count a guess at the owner code.

        Raises:
            TooFast.
        """
        self._check(self._at_code, _CODE)
        self._at_code.failed(_CODE, trio.current_time())

    def _attempt(self, key: str, address: str) -> None:
        """Counted before it is known how it ends, since many may be made at once."""
        self._check(self._by_account, key)
        if address:
            self._check(self._by_address, address)
            self._by_address.failed(address, trio.current_time())
        self._by_account.failed(key, trio.current_time())

    def _check(self, throttle: Throttle, key: str) -> None:
        wait = throttle.check(key, trio.current_time())
        if wait:
            raise TooFast("too many attempts to log in", retry_after=wait)


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
