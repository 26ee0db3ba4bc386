"""Accounts: who somebody has proven to be, and the tokens that prove it too.

All accounts of the server are held here; the records are also what the store keeps. Passwords
come as hashes only, tokens as the hashes of their secrets.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from trio_chat.chat.lookalikes import Lookalikes
from trio_chat.chat.roles import Role
from trio_chat.errors import NameTaken, NoSuchMember
from trio_chat.text import NAME_CHARACTERS, fold

Scope: TypeAlias = Literal["read", "write", "moderate"]
SCOPES: tuple[Scope, ...] = ("read", "write", "moderate")

ACCOUNT_IDENTITY = "account:"


class Account(msgspec.Struct, frozen=True, omit_defaults=True):
    """Record space `account`, by folded name.

    Attributes:
        id: for good, and never given twice: whoever registers the name of an account that was
            removed is somebody else.
        password: its argon2 hash; empty: no password opens this account.
    """

    id: str
    name: str
    password: str
    role: int = Role.MEMBER
    created_ms: int = 0

    @property
    def key(self) -> str:
        return fold(self.name)

    @property
    def identity(self) -> str:
        return ACCOUNT_IDENTITY + self.id


class Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """Opens an account without its password. Record space `token`, by the hash of its secret.

    Attributes:
        id: public, to revoke it by.
        account: the account's id.
    """

    id: str
    account: str
    label: str
    scopes: tuple[Scope, ...]
    created_ms: int


def new_token_secret() -> str:
    return f"tc_{secrets.token_urlsafe(24)}"


def token_key(secret: str) -> str:
    """A token has 192 random bits, so a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()[:40]


def new_account_id() -> str:
    return secrets.token_hex(8)


class Accounts:
    """Every account by folded name and by id, with its tokens."""

    def __init__(self) -> None:
        self._by_key: dict[str, Account] = {}
        self._by_id: dict[str, Account] = {}
        self._alike: Lookalikes[Account] = Lookalikes()
        self._tokens: dict[str, Token] = {}
        self._tokens_of: dict[str, dict[str, Token]] = {}  # by the account's id

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def put(self, account: Account) -> None:
        """Add the account, or replace the one with its id.

        Raises:
            NameTaken: another account has the name.
        """
        holder = self._by_key.get(account.key)
        if holder is not None and holder.id != account.id:
            raise NameTaken(f"there is an account {holder.name} already", account=holder.name)
        self._by_key[account.key] = account
        self._by_id[account.id] = account
        self._alike.put(account.name, account)

    def check_free(self, name: str) -> None:
        """Raises NameTaken: an account has the name, or one that looks like it."""
        holder = self.named(name) or self.lookalike(name)
        if holder is not None:
            alike = "" if holder.key == fold(name) else f", which {name} looks like"
            raise NameTaken(f"there is an account {holder.name} already{alike}")

    def lookalike(self, name: str) -> Account | None:
        """An account whose name looks like *name*, but is another."""
        return self._alike.find(name)

    def remove(self, account: Account) -> None:
        self._alike.drop(account.name)
        self._by_key.pop(account.key, None)
        self._by_id.pop(account.id, None)
        for key in self.tokens_of(account.id):
            self.drop_token(key)
        self._tokens_of.pop(account.id, None)

    def named(self, name: str) -> Account | None:
        return self._by_key.get(fold(name.removeprefix("@"))) if _is_short(name) else None

    def find(self, name: str) -> Account:
        """Raises NoSuchMember."""
        account = self.named(name)
        if account is None:
            raise NoSuchMember(f"there is no account {name}", account=name)
        return account

    def by_key(self, key: str) -> Account | None:
        """The account with that folded name."""
        return self._by_key.get(key)

    def by_id(self, id: str) -> Account | None:
        return self._by_id.get(id)

    def name_of(self, id: str) -> str | None:
        """Return the name of the account with this id; None: there is no such account any more."""
        account = self._by_id.get(id)
        return account.name if account is not None else None

    def of_identity(self, identity: str) -> Account | None:
        if not identity.startswith(ACCOUNT_IDENTITY):
            return None
        return self._by_id.get(identity.removeprefix(ACCOUNT_IDENTITY))

    def reserves(self, nick: str) -> Account | None:
        """The account that the nick belongs to, if any."""
        return self._by_key.get(fold(nick)) if _is_short(nick) else None

    # --- their tokens

    def put_token(self, key: str, token: Token) -> None:
        self._tokens[key] = token
        self._tokens_of.setdefault(token.account, {})[key] = token

    def drop_token(self, key: str) -> None:
        token = self._tokens.pop(key, None)
        if token is not None:
            self._tokens_of[token.account].pop(key, None)

    def token(self, key: str) -> Token | None:
        return self._tokens.get(key)

    def tokens_of(self, id: str) -> dict[str, Token]:
        """By the hashes of their secrets, the oldest first."""
        return dict(self._tokens_of.get(id, {}))


def _is_short(name: str) -> bool:
    return len(name) <= NAME_CHARACTERS
