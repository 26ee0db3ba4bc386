"""What the person at the server's machine may do to accounts, and the answer. No role is asked
for: whoever may open the data folder owns the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from trio_chat.chat.names import check_nick
from trio_chat.chat.records import Change, account_changed
from trio_chat.chat.roles import Role
from trio_chat.commands import changes
from trio_chat.commands.audit import Act, difference
from trio_chat.errors import ChatError, Conflict, NameTaken, Unavailable, UsageError
from trio_chat.events import timestamp
from trio_chat.store.api import Write

if TYPE_CHECKING:
    from trio_chat.server.service import Service

BY = "console"


class _Request(msgspec.Struct, frozen=True, tag_field="do", forbid_unknown_fields=True):
    pass


class Add(_Request, frozen=True, tag="add"):
    name: str
    password: str
    role: str = Role.MEMBER.title


class Password(_Request, frozen=True, tag="password"):
    """Other sessions of the account go on."""

    name: str
    password: str


class GiveRole(_Request, frozen=True, tag="role"):
    name: str
    role: str


class Remove(_Request, frozen=True, tag="remove"):
    """*messages*: what the account said is deleted as well."""

    name: str
    messages: bool = False


class Listing(_Request, frozen=True, tag="list"):
    pass


Request: TypeAlias = Add | Password | GiveRole | Remove | Listing


class Answer(msgspec.Struct, frozen=True):
    """*text* is for people, *data* the same for programs; *done* False: *text* says why not."""

    done: bool
    text: str
    data: Any = None


async def carry_out(service: Service, request: Request) -> Answer:
    """Do what is asked for; when it returns, it is stored."""
    try:
        match request:
            case Add():
                return await _add(service, request)
            case Password():
                return await _set_password(service, request)
            case GiveRole():
                return await _give_role(service, request)
            case Remove():
                return await _remove(service, request)
            case Listing():
                return _list(service)
    except ChatError as exc:
        return Answer(False, exc.message)


async def _add(service: Service, request: Add) -> Answer:
    section, role = service.config.accounts, _role(request.role)
    name = check_nick(request.name, service.config.limits)
    changes.check_place(service.state.accounts, section)
    changes.check_password(section, name, request.password)
    hashed = await service.logins.hash(request.password)
    if service.state.accounts.named(name) is not None:
        raise NameTaken(f"there is an account {name} already")
    _, changed = changes.add_account(service.state, name, hashed, role, service.now_ms())
    line = Act("add account", BY, target=name, reason=role.title)
    await _store(service, line, changed)
    service.attendance.warn_holder(name)
    return Answer(True, f"the account {name} is there, as {role.title}", _row(service, name))


async def _set_password(service: Service, request: Password) -> Answer:
    account = service.state.accounts.find(request.name)
    changes.check_password(service.config.accounts, account.name, request.password)
    hashed = await service.logins.hash(request.password)
    account = service.state.accounts.find(request.name)  # as it is by now
    line = Act("set password", BY, target=account.name)
    await _store(service, line, [account_changed(account, password=hashed)])
    return Answer(True, f"{account.name} has a new password; its sessions go on")


async def _give_role(service: Service, request: GiveRole) -> Answer:
    account, role = service.state.accounts.find(request.name), _role(request.role)
    change, *owned = changes.give_role(service.state, account, role)
    differs = (difference(change),)
    line = Act("role", BY, target=account.name, reason=role.title, changes=differs)
    await _store(service, line, [change, *owned])
    return Answer(True, f"{account.name} is {role.title}", _row(service, account.name))


async def _remove(service: Service, request: Remove) -> Answer:
    account = service.state.accounts.find(request.name)
    deleted = await service.operations.redact(account.id) if request.messages else None
    account = service.state.accounts.find(request.name)  # somebody may have been faster
    line = Act("remove account", BY, target=account.name)
    await _store(service, line, changes.remove_account(service.state, account))
    service.attendance.sign_off(account, "this account was removed")
    said = "" if deleted is None else f", and {deleted} messages with it"
    return Answer(True, f"the account {account.name} is removed{said}", {"deleted": deleted})


def _list(service: Service) -> Answer:
    names = sorted(account.name for account in service.state.accounts)
    rows = [_row(service, name) for name in names]
    width = max((len(name) for name in names), default=0)
    lines = [
        f"{row['name']:<{width}}  {row['role']:<9}  since {row['created'][:10]}"
        f"  {'here' if row['here'] else 'away'}"
        for row in rows
    ]
    return Answer(True, "\n".join(lines) or "there are no accounts yet", rows)


def _row(service: Service, name: str) -> dict[str, Any]:
    account = service.state.accounts.find(name)
    return {
        "name": account.name,
        "role": Role(account.role).title,
        "created": timestamp(account.created_ms),
        "here": service.attendance.of_account(account.id) is not None,
        "tokens": len(service.state.accounts.tokens_of(account.id)),
    }


def _role(name: str) -> Role:
    """Raises UsageError."""
    role = Role.__members__.get(name.upper())
    if role is None or role is Role.GUEST:
        names = ", ".join(one.title for one in Role if one is not Role.GUEST)
        raise UsageError(f"{name} is no role of an account; there are {names}")
    return role


async def _store(service: Service, line: Act, changed: Sequence[Change]) -> None:
    """Raises Unavailable: nothing of it holds, or perhaps all of it."""
    audit = msgspec.json.encode(line).decode()
    try:
        await service.records.commit(Write(sender=BY, audit=audit), changed)
    except Conflict:
        raise Unavailable("somebody changed the same just now; try again") from None
