"""What the person at the server's machine may do to accounts, and the answer. No role is asked
for: whoever may open the data folder owns the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from trio_chat.chat.names import check_nick
from trio_chat.chat.records import Change, account_changed
from trio_chat.chat.roles import Role
from trio_chat.commands import changes
from trio_chat.commands.audit import Act, difference
from trio_chat.commands.context import Process
from trio_chat.errors import ChatError, Conflict, Unavailable, UsageError
from trio_chat.events import timestamp
from trio_chat.server.hub.hub import Hub
from trio_chat.store.api import Write

BY = "console"


class Office(NamedTuple):
    """What is needed to carry out a request."""

    hub: Hub
    process: Process


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


async def carry_out(office: Office, request: Request) -> Answer:
    """Do what is asked for; when it returns, it is stored."""
    try:
        match request:
            case Add():
                return await _add(office, request)
            case Password():
                return await _set_password(office, request)
            case GiveRole():
                return await _give_role(office, request)
            case Remove():
                return await _remove(office, request)
            case Listing():
                return _list(office)
    except ChatError as exc:
        return Answer(False, exc.message)


async def _add(office: Office, request: Add) -> Answer:
    section, role = office.hub.settings.config.accounts, _role(request.role)
    name = check_nick(request.name, office.hub.settings.config.limits)
    office.hub.state.directory.check_kept(name)
    changes.check_place(office.hub.state.accounts, section)
    changes.check_password(section, name, request.password)
    hashed = await office.hub.logins.hash(request.password)
    office.hub.state.accounts.check_free(name)
    _, changed = changes.add_account(office.hub.state, name, hashed, role, office.hub.now_ms())
    line = Act("add account", BY, target=name, reason=role.title)
    await _store(office, line, changed)
    office.hub.arrivals.warn_holder(name)
    return Answer(True, f"the account {name} is there, as {role.title}", _row(office, name))


async def _set_password(office: Office, request: Password) -> Answer:
    account = office.hub.state.accounts.find(request.name)
    changes.check_password(office.hub.settings.config.accounts, account.name, request.password)
    hashed = await office.hub.logins.hash(request.password)
    account = office.hub.state.accounts.find(request.name)  # as it is by now
    line = Act("set password", BY, target=account.name)
    await _store(office, line, [account_changed(account, password=hashed)])
    return Answer(True, f"{account.name} has a new password; its sessions go on")


async def _give_role(office: Office, request: GiveRole) -> Answer:
    account, role = office.hub.state.accounts.find(request.name), _role(request.role)
    change, *owned = changes.give_role(office.hub.state, account, role)
    differs = (difference(change),)
    line = Act("role", BY, target=account.name, reason=role.title, changes=differs)
    await _store(office, line, [change, *owned])
    return Answer(True, f"{account.name} is {role.title}", _row(office, account.name))


async def _remove(office: Office, request: Remove) -> Answer:
    account = office.hub.state.accounts.find(request.name)
    deleted = await office.process.redact(account.id) if request.messages else None
    account = office.hub.state.accounts.find(request.name)  # somebody may have been faster
    line = Act("remove account", BY, target=account.name)
    await _store(office, line, changes.remove_account(office.hub.state, account))
    office.hub.departures.sign_off(account, "this account was removed")
    said = "" if deleted is None else f", and {deleted} messages with it"
    return Answer(True, f"the account {account.name} is removed{said}", {"deleted": deleted})


def _list(office: Office) -> Answer:
    names = sorted(account.name for account in office.hub.state.accounts)
    rows = [_row(office, name) for name in names]
    width = max((len(name) for name in names), default=0)
    lines = [
        f"{row['name']:<{width}}  {row['role']:<9}  since {row['created'][:10]}"
        f"  {'here' if row['here'] else 'away'}"
        for row in rows
    ]
    return Answer(True, "\n".join(lines) or "there are no accounts yet", rows)


def _row(office: Office, name: str) -> dict[str, Any]:
    account = office.hub.state.accounts.find(name)
    return {
        "name": account.name,
        "role": Role(account.role).title,
        "created": timestamp(account.created_ms),
        "here": office.hub.state.directory.of_account(account.id) is not None,
        "tokens": len(office.hub.state.accounts.tokens_of(account.id)),
    }


def _role(name: str) -> Role:
    """Raises UsageError."""
    role = Role.__members__.get(name.upper())
    if role is None or role is Role.GUEST:
        names = ", ".join(one.title for one in Role if one is not Role.GUEST)
        raise UsageError(f"{name} is no role of an account; there are {names}")
    return role


async def _store(office: Office, line: Act, changed: Sequence[Change]) -> None:
    """Raises Unavailable: nothing of it holds, or perhaps all of it."""
    audit = msgspec.json.encode(line).decode()
    try:
        await office.hub.records.commit(Write(sender=BY, audit=audit), changed)
    except Conflict:
        raise Unavailable("somebody changed the same just now; try again") from None
