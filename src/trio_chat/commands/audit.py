"""Acts of moderation and administration, as the audit room keeps them: who did what to whom, where,
why, until when; and what each changed, so that the last one can be undone."""

from __future__ import annotations

from typing import Any

import msgspec

from trio_chat.chat.records import Change
from trio_chat.chat.rooms import Room
from trio_chat.commands.context import Context
from trio_chat.events import timestamp


class Difference(msgspec.Struct, frozen=True):
    """The fields of one record that an act changed, before and after. None: no record.

    Of a field that is a mapping only the entries that differ are kept; None: no such entry.
    """

    space: str
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the audit room.

    Attributes:
        by: the nick of who did it; the line's account says who that is for good.
        room: the name of the room, empty for the whole server; *target* is whom or what.
        until_ms: when it ends by itself.
        undoes: the number of the line that this one takes back.
    """

    act: str
    by: str
    target: str = ""
    room: str = ""
    reason: str = ""
    until_ms: int | None = None
    changes: tuple[Difference, ...] = ()
    undoes: int | None = None

    def shown(self) -> str:
        """One line for people: `alice: ban nick bob in #dev until 2026-11-24 12:00: spam`."""
        return f"{self.by}: {self.deed}"

    @property
    def deed(self) -> str:
        """The same without who did it."""
        parts = [self.act]
        if self.target:
            parts.append(self.target)
        if self.room:
            parts.append(f"in #{self.room}")
        if self.until_ms is not None:
            parts.append(f"until {timestamp(self.until_ms)[:16].replace('T', ' ')}")
        if self.undoes is not None:
            parts.append(f"(takes back {self.undoes})")
        line = " ".join(parts)
        return f"{line}: {self.reason}" if self.reason else line


def difference(change: Change) -> Difference:
    """The fields in which the record differs before and after *change*."""
    old, new = fields_of(change.before), fields_of(change.after)
    if old is None or new is None:
        return Difference(change.space, change.key, old, new)
    pairs = {name: _differing(old[name], new[name]) for name in new if old[name] != new[name]}
    return Difference(
        change.space,
        change.key,
        {name: pair[0] for name, pair in pairs.items()},
        {name: pair[1] for name, pair in pairs.items()},
    )


def _differing(old: Any, new: Any) -> tuple[Any, Any]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return old, new
    keys = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    return {key: old.get(key) for key in keys}, {key: new.get(key) for key in keys}


def fields_of(record: msgspec.Struct | None) -> dict[str, Any] | None:
    """All fields of a record, those that hold their defaults included."""
    if record is None:
        return None
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    fields: dict[str, Any] = msgspec.to_builtins(values)
    return fields


def act(
    context: Context,
    name: str,
    *changes: Change,
    target: str = "",
    room: Room | None = None,
    reason: str = "",
    until_ms: int | None = None,
    undoes: int | None = None,
) -> Act:
    """The line that the audit room keeps of what the context's member does. Of *changes*, those
    that can be taken back are given."""
    return Act(
        act=name,
        by=context.member.nick,
        target=target,
        room=room.name if room else "",
        reason=reason,
        until_ms=until_ms,
        changes=tuple(map(difference, changes)),
        undoes=undoes,
    )
