"""How an account changes, whoever decides it, a command or the console: as changes of records.
Whether it may be done is asked before."""

from __future__ import annotations

from collections.abc import Iterator

from trio_chat.chat import records
from trio_chat.chat.accounts import Account, Accounts, new_account_id
from trio_chat.chat.profiles import entries_of
from trio_chat.chat.records import Change, account_changed, room_changed, setting
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Room
from trio_chat.chat.state import State
from trio_chat.config import AccountsSection
from trio_chat.errors import BadRequest, NotPermitted, TooLong
from trio_chat.text import fold

PASSWORD_CHARACTERS_MAX = 128  # a longer one only costs time to hash


def check_place(accounts: Accounts, section: AccountsSection) -> None:
    """Raises NotPermitted."""
    if len(accounts) >= section.accounts:
        raise NotPermitted("the server has as many accounts as it may have")


def check_password(section: AccountsSection, name: str, password: str) -> None:
    """Raises BadRequest, TooLong: naming the rule."""
    least = section.password_characters
    if len(password) < least:
        raise BadRequest(f"a password has at least {least} characters")
    if len(password) > PASSWORD_CHARACTERS_MAX:
        raise TooLong(f"a password has at most {PASSWORD_CHARACTERS_MAX} characters")
    if fold(password) == fold(name):
        raise BadRequest("a password that is the name would be guessed first")


def add_account(
    state: State, name: str, hashed: str, role: Role, now_ms: int
) -> tuple[Account, tuple[Change, ...]]:
    """A new account, and what stores it."""
    account = Account(new_account_id(), name, hashed, role.value, created_ms=now_ms)
    return account, (
        Change(records.ACCOUNT, account.key, None, account),
        *_owned(state, role),
    )


def give_role(state: State, account: Account, role: Role) -> tuple[Change, ...]:
    """What gives the account another role."""
    return account_changed(account, role=role.value), *_owned(state, role)


def _owned(state: State, role: Role) -> Iterator[Change]:
    """Once there is an owner, the owner code opens nothing any more."""
    if role is Role.OWNER:
        if state.owner_code:
            yield state.fact_changed(records.OWNER_CODE, "")
        if not state.facts.get(records.OWNED):
            yield state.fact_changed(records.OWNED, "yes")


def remove_account(state: State, account: Account) -> tuple[Change, ...]:
    """What leaves nothing of the account but what it said."""
    tokens, profile = state.accounts.tokens_of(account.id), state.profile(account.id)
    return (
        Change(records.ACCOUNT, account.key, account, None),
        *(Change(records.TOKEN, key, token, None) for key, token in tokens.items()),
        *(setting(account.identity, entry, None) for entry in entries_of(profile)),
        *(
            change
            for room in state.directory.rooms.values()
            for change in _forget_in(room, account.identity)
        ),
    )


def _forget_in(room: Room, identity: str) -> Iterator[Change]:
    """It has no role and no invitation there any more."""
    record = room.record
    if identity in record.roles or identity in record.invited:
        yield room_changed(
            room.key,
            record,
            roles={who: role for who, role in record.roles.items() if who != identity},
            invited={who: nick for who, nick in record.invited.items() if who != identity},
        )
    if identity in room.floors:
        key = records.floor_key(room.key, identity)
        yield Change(records.FLOOR, key, room.floors[identity], None)
