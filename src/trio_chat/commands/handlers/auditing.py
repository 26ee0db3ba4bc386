"""Looking up what moderators and administrators did. Who may see the audit room sees all of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from trio_chat.chat.roles import Role
from trio_chat.commands.audit import Act
from trio_chat.commands.context import Context
from trio_chat.commands.handlers.talk import moment
from trio_chat.commands.table import Command, Outcome
from trio_chat.events import timestamp
from trio_chat.store.api import AUDIT_ROOM, Entry
from trio_chat.text import fold
from trio_chat.wire.fitting import fit_rows

_SCANNED_LINES = 20_000  # 20 pages of the store's reader
_PAGE_LINES = 1000
_SHOWN_LINES = 200
_CONDITION = re.compile(r"(?:^|(?<=\s))(by|act|target|room|before|after):(\S+)", re.IGNORECASE)


class Wanted(NamedTuple):
    """*fields*: folded, of an `Act`; both times are exclusive; *words*: folded, all of them."""

    fields: dict[str, str]
    before_ms: int | None
    after_ms: int | None
    words: tuple[str, ...]

    def fits(self, entry: Entry, act: Act) -> bool:
        if any(fold(getattr(act, name)) != value for name, value in self.fields.items()):
            return False
        if self.after_ms is not None and entry.at_ms <= self.after_ms:
            return False
        shown = fold(act.shown())
        return all(word in shown for word in self.words)

    def is_past(self, entry: Entry) -> bool:
        """What is older than *entry* is too old."""
        return self.after_ms is not None and entry.at_ms <= self.after_ms


async def audit(context: Context, arguments: tuple[str, ...]) -> Outcome:
    wanted = _wanted(arguments[0] if arguments else "", context.now_ms)
    found: list[tuple[Entry, Act]] = []
    before = await _end(context, wanted.before_ms)
    lowest = before - _SCANNED_LINES
    while before > max(1, lowest) and len(found) < _SHOWN_LINES:
        entries = await context.history.page(AUDIT_ROOM, before=before, limit=_PAGE_LINES)
        if not entries:
            break
        for entry in reversed(entries):
            act = msgspec.json.decode(entry.text, type=Act)
            if wanted.fits(entry, act):
                found.append((entry, act))
        before = 1 if wanted.is_past(entries[0]) else entries[0].seq
    return _answer(found, more=before > 1)


def _answer(found: list[tuple[Entry, Act]], *, more: bool) -> Outcome:
    data, lines, cut = fit_rows((_row(*pair), _line(*pair)) for pair in found[:_SHOWN_LINES])
    more = more or cut or len(found) > _SHOWN_LINES
    if more:
        lines.append("(older ones were not looked at; before:TIME goes on from there)")
    text = "\n".join(reversed(lines)) or "nothing like that was done"
    return Outcome(text=text, data={"acts": data[::-1], "more": more})


async def _end(context: Context, before_ms: int | None) -> int:
    """The seq after the last line that is older than *before_ms*: time never goes back in a
    log, so it is found by halving."""
    low, high = 1, context.history.head(AUDIT_ROOM) + 1
    while before_ms is not None and low < high:
        middle = (low + high) // 2
        entries = await context.history.page(AUDIT_ROOM, after=middle - 1, limit=1)
        if entries and entries[0].at_ms < before_ms:
            low = middle + 1
        else:
            high = middle
    return high


def _wanted(query: str, now_ms: int) -> Wanted:
    """Raises UsageError: a time that is none."""
    conditions = {match[1].lower(): match[2] for match in _CONDITION.finditer(query)}
    before_ms = moment(conditions.pop("before", None), now_ms)
    after_ms = moment(conditions.pop("after", None), now_ms)
    fields = {
        name: fold(value.removeprefix("#").removeprefix("@")) for name, value in conditions.items()
    }
    words = tuple(map(fold, _CONDITION.sub("", query).split()))
    return Wanted(fields, before_ms, after_ms, words)


def _row(entry: Entry, act: Act) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(act)
    return {"seq": entry.seq, "at": timestamp(entry.at_ms), "account": entry.account, **row}


def _line(entry: Entry, act: Act) -> str:
    at = timestamp(entry.at_ms)
    return f"[{at[:10]} {at[11:16]}] {entry.seq} {act.shown()}"


COMMANDS = [
    Command(
        "audit",
        "[WORDS] [by:NICK] [act:ACT] [target:NAME] [room:ROOM] [before:TIME] [after:TIME]",
        "List what moderators and administrators did, the newest last.",
        audit,
        role=Role.ADMIN,
        most=1,
        reads=True,
    )
]
