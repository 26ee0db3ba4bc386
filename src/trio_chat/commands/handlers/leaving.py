"""Taking along what is one's own, and leaving nothing behind: `/export` and `/erase`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from trio_chat.chat.accounts import Account
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.chat.rooms import Room
from trio_chat.commands.audit import act
from trio_chat.commands.changes import remove_account
from trio_chat.commands.context import Context
from trio_chat.commands.effects import EndSession, Quit
from trio_chat.commands.handlers.accounts import own_account
from trio_chat.commands.passphrases import whole
from trio_chat.commands.table import Command, Outcome
from trio_chat.commands.targets import here
from trio_chat.errors import NotPermitted, UsageError
from trio_chat.events import timestamp
from trio_chat.store.api import Entry
from trio_chat.wire.fitting import RESULT_BYTES

_PAGE_ENTRIES = 500


class _Parts:
    """JSON lines on their way to the person: as many at a time as one answer holds."""

    def __init__(self, context: Context) -> None:
        self._asker = context.asker
        self._lines: list[str] = []
        self._size_bytes = 0
        self.parts = 0
        self.count = 0

    async def add(self, row: dict[str, Any]) -> None:
        line = msgspec.json.encode(row).decode()
        size_bytes = len(msgspec.json.encode(line))
        if self._size_bytes + size_bytes > RESULT_BYTES:
            await self.flush()
        self._lines.append(line)
        self._size_bytes += size_bytes
        self.count += 1

    async def flush(self) -> None:
        if self._lines:
            self.parts += 1
            await self._asker.show({"part": self.parts}, "\n".join(self._lines))
        self._lines, self._size_bytes = [], 0


async def export(context: Context, arguments: tuple[str, ...]) -> Outcome:
    """Each part is one `result`; the last one says how many lines there were."""
    if arguments and arguments[0].lower() != "room":
        raise UsageError(f"usage: {_EXPORT.synopsis}")
    parts = _Parts(context)
    if arguments:
        room = here(context)
        _check_owner(context, room)
        for row in _of_room(context, room):
            await parts.add(row)
        await _add_log(parts, context, room)
    else:
        own = own_account(context)
        for row in _of_account(context, own):
            await parts.add(row)
        await _add_said(parts, context, own)
    await parts.flush()
    return Outcome(
        text=f"that is all: {parts.count} lines of JSON",
        data={"parts": parts.parts, "lines": parts.count},
    )


def _check_owner(context: Context, room: Room) -> None:
    """Raises NotPermitted."""
    if room.role_of(context.member.identity) is not RoomRole.OWNER:
        raise NotPermitted(f"only the owner of #{room.name} takes its log along")


def _of_account(context: Context, own: Account) -> Iterator[dict[str, Any]]:
    member = context.member
    yield {
        "type": "account",
        "name": own.name,
        "role": Role(own.role).title,
        "created": timestamp(own.created_ms),
    }
    yield {
        "type": "profile",
        "nick": member.nick,
        "away": member.away,
        "rooms": [room.name for room in member.rooms.values()],
        "conversations": [one.label_for(member.identity) for one in member.directs.values()],
        "ignores": list(member.ignores.values()),
        "blocks": list(member.blocks.values()),
        "notify": {_name(context, own, key): level for key, level in member.notify.items()},
        "highlights": list(member.highlights),
        "reads": {_name(context, own, key): seq for key, seq in member.reads.items()},
    }
    for token in context.state.accounts.tokens_of(own.id).values():
        yield {
            "type": "token",
            "id": token.id,
            "label": token.label,
            "scopes": list(token.scopes),
            "created": timestamp(token.created_ms),
        }
    for row in context.asker.sessions():
        yield {
            "type": "session",
            "id": row.id,
            "client": row.client,
            "address": row.address,
            "since": timestamp(row.since_ms),
        }


def _of_room(context: Context, room: Room) -> Iterator[dict[str, Any]]:
    settings: dict[str, Any] = msgspec.to_builtins(room.record)
    roles, invited = settings.pop("roles", {}), settings.pop("invited", {})
    yield {"type": "room", **settings}
    accounts = context.state.accounts
    for identity, role in roles.items():
        account = accounts.of_identity(identity)
        name = account.name if account else identity
        yield {"type": "role", "account": name, "role": RoomRole(role).title}
    for nick in invited.values():
        yield {"type": "invited", "nick": nick}


async def _add_log(parts: _Parts, context: Context, room: Room) -> None:
    """What its owner may read of the room, the oldest first."""
    after = room.floor(context.member.identity)
    while entries := await context.history.page(room.key, after=after, limit=_PAGE_ENTRIES):
        for entry in entries:
            await parts.add(_entry_row(room.name, entry))
        after = entries[-1].seq


async def _add_said(parts: _Parts, context: Context, own: Account) -> None:
    after: tuple[str, int] | None = None
    while entries := await context.history.said_by(own.id, after=after, limit=_PAGE_ENTRIES):
        for entry in entries:
            await parts.add(_entry_row(_name(context, own, entry.room), entry))
        after = entries[-1].room, entries[-1].seq


def _name(context: Context, own: Account, key: str) -> str:
    """What the account calls the log *key*."""
    room = context.state.directory.rooms.get(key)
    if room is not None:
        return room.name
    direct = context.member.directs.get(key)
    return direct.label_for(own.identity) if direct is not None else key


def _entry_row(room: str, entry: Entry) -> dict[str, Any]:
    row = {
        "type": entry.kind,
        "room": room,
        "seq": entry.seq,
        "at": timestamp(entry.at_ms),
        "from": entry.sender,
        "text": entry.text,
    }
    if entry.target is not None:
        row["target"] = entry.target
    if entry.amended:
        row["amended"] = entry.amended
    return row


async def erase(context: Context, arguments: tuple[str, ...]) -> Outcome:
    """Remove the account. Its messages go first: what fails half-way can be asked for again."""
    password, space, last = arguments[0].rpartition(" ")
    with_messages = bool(space) and last.lower() == "messages"
    own = own_account(context)
    password = whole(password.rstrip() if with_messages else arguments[0])
    await context.passwords.check(own.name, password)
    deleted = await context.process.redact(own.id) if with_messages else None
    own = own_account(context)
    said = "; what you said stays" if deleted is None else f", and {deleted} messages with it"
    return Outcome(
        text=f"the account {own.name} is erased{said}",
        data={"account": own.name, "deleted": deleted},
        changes=remove_account(context.state, own),
        act=act(context, "erase", target=own.name),
        effects=(EndSession(), Quit(f"the account {own.name} is erased")),
    )


_EXPORT = Command(
    "export",
    "[room]",
    "Take along all that is kept of you, or the log of a room you own, as lines of JSON.",
    export,
    most=1,
    personal=True,
    reads=True,
)
COMMANDS = [
    _EXPORT,
    Command(
        "erase",
        "PASSWORD [messages]",
        "Remove your account for good and, if you say so, all you said.",
        erase,
        least=1,
        most=1,
        personal=True,
    ),
]
