"""What is done to an account, whoever does it, a command or the console: at once in memory, and
as changes for the store. Who may do it is asked before."""

from __future__ import annotations

from msgspec.structs import replace

from trio_chat.chat.accounts import Account, Accounts, new_account_id
from trio_chat.chat.directory import Directory
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Room
from trio_chat.commands import records
from trio_chat.commands.table import Server
from trio_chat.config import AccountsSection
from trio_chat.errors import BadRequest, NotPermitted, TooLong
from trio_chat.store.api import Put
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
    server: Server, name: str, hashed: str, role: Role, now_ms: int
) -> tuple[Account, tuple[Put, ...]]:
    """Raises NameTaken: there is such an account."""
    account = Account(new_account_id(), name, hashed, role.value, created_ms=now_ms)
    server.accounts.put(account)
    return account, (records.put_account(account), *_owned(server, role))


def set_password(server: Server, account: Account, hashed: str) -> tuple[Put, ...]:
    account = replace(account, password=hashed)
    server.accounts.put(account)
    return (records.put_account(account),)


def give_role(server: Server, account: Account, role: Role) -> tuple[Account, tuple[Put, ...]]:
    """Whoever is here learns of it at once."""
    account = replace(account, role=role.value)
    server.accounts.put(account)
    member = server.present(account)
    if member is not None:
        member.role = role
        server.refresh(member)
    return account, (records.put_account(account), *_owned(server, role))


def _owned(server: Server, role: Role) -> tuple[Put, ...]:
    """Once there is an owner, the owner code opens nothing any more."""
    if role is not Role.OWNER:
        return ()
    server.owner_code = ""
    return records.put_server("owner_code", ""), records.put_server("owned", "yes")


def remove_account(server: Server, directory: Directory, account: Account) -> tuple[Put, ...]:
    """Nothing of the account is left but what it said. It has been signed off."""
    tokens = server.accounts.tokens_of(account.id)
    server.accounts.remove(account)
    return (
        Put(records.ACCOUNT, account.key, None),
        Put(records.PROFILE, account.id, None),
        *(records.put_token(key, None) for key in tokens),
        *(put for room in directory.rooms.values() for put in _forget_in(room, account.identity)),
    )


def _forget_in(room: Room, identity: str) -> tuple[Put, ...]:
    """It has no role and no invitation there any more."""
    puts: list[Put] = []
    record = room.record
    if identity in record.roles or identity in record.invited:
        room.change(
            roles={who: role for who, role in record.roles.items() if who != identity},
            invited={who: nick for who, nick in record.invited.items() if who != identity},
        )
        puts.append(records.put_room(room))
    if room.floors.pop(identity, None) is not None:
        puts.append(Put(records.FLOOR, f"{room.key} {identity}", None))
    return tuple(puts)
