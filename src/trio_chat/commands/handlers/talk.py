"""Commands that say something, or look up what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from trio_chat.chat.names import check_text
from trio_chat.chat.records import setting
from trio_chat.chat.rooms import Direct, Room, direct_key
from trio_chat.chat.talks import stored_event
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Converse, Say
from trio_chat.commands.table import Command, Outcome
from trio_chat.commands.targets import find_owner, partner_of
from trio_chat.errors import NoSuchMember, NotInRoom, NotPermitted, UsageError
from trio_chat.events import StoredEvent
from trio_chat.store.api import Cursor, Entry, Hidden, Hits
from trio_chat.wire.fitting import fit_rows


def me(context: Context, arguments: tuple[str, ...]) -> Outcome:
    text = check_text(arguments[0], context.config.limits)
    return Outcome(effects=(Say(text, key=_place(context).key, kind="action"),))


def msg(context: Context, arguments: tuple[str, ...]) -> Outcome:
    nick, text = arguments
    return _write_to(context, nick, text)


def query(context: Context, arguments: tuple[str, ...]) -> Outcome:
    nick, *texts = arguments
    if texts:
        return _write_to(context, nick, texts[0])
    member, partner = context.member, find_owner(context, nick)
    if partner.identity == member.identity:
        raise NotPermitted("that is yourself")
    key = direct_key(member.identity, partner.identity)
    reopened = (setting(member.identity, f"closed {key}", None),) if key in member.closed else ()
    return Outcome(
        text=f"this is your conversation with {partner.nick}",
        data={"room": f"@{partner.nick}"},
        changes=reopened,
        effects=(Converse(nick),),
    )


def close(context: Context, _: tuple[str, ...]) -> Outcome:
    direct, member = context.place, context.member
    if not isinstance(direct, Direct):
        raise NotInRoom("this is no conversation; /leave takes you out of a room")
    label = direct.label_for(member.identity)
    return Outcome(
        text=f"the conversation with {label[1:]} is closed until somebody writes",
        data={"room": label},
        changes=(setting(member.identity, f"closed {direct.key}", direct.shown),),
    )


def reply(context: Context, arguments: tuple[str, ...]) -> Outcome:
    partner = context.member.last_partner
    if partner is None:
        raise NoSuchMember("nobody has written to you yet; /msg NICK TEXT starts a conversation")
    if context.state.directory.members.get(partner.key) is not partner:
        # The nick may be somebody else's by now.
        raise NoSuchMember(f"{partner.nick} has left", nick=partner.nick)
    return _write_to(context, partner.nick, arguments[0])


async def history(context: Context, arguments: tuple[str, ...]) -> Outcome:
    limits, place = context.config.limits, _place(context)
    count = _number(arguments[0], history_command) if arguments else limits.backlog_events
    limit = min(count, limits.page_events_max)
    visible_from = place.floor(context.member.identity)
    page = await context.history.page(
        place.key, before=place.shown + 1, limit=limit, without=_hidden(context)
    )
    readable = [
        entry
        for entry in reversed(page)
        if entry.seq > visible_from and not _is_about_earlier(entry, visible_from)
    ]
    return _listing(context, readable, nothing="nothing was said here yet")


def _is_about_earlier(entry: Entry, visible_from: int) -> bool:
    """It edits or deletes what was said before the member came."""
    return entry.kind in ("edited", "deleted") and int(entry.target or 0) <= visible_from


def _hidden(context: Context) -> Hidden | None:
    ignores = context.member.ignores
    return Hidden(frozenset(ignores)) if ignores else None


async def search(context: Context, arguments: tuple[str, ...]) -> Outcome:
    words, conditions = _conditions(arguments[0])
    places = _readable(context, conditions.get("room"))
    if not conditions and not any(map(str.isalnum, words)):
        raise UsageError(f"usage: {search_command.synopsis}")
    hits = await context.history.search(
        words,
        rooms={place.key: place.floor(context.member.identity) for place in places},
        sender=conditions.get("from", "").removeprefix("@") or None,
        before_ms=moment(conditions.get("before"), context.now_ms),
        after_ms=moment(conditions.get("after"), context.now_ms),
        before=_cursor(context, conditions.get("older")),
        limit=context.config.limits.search_results,
        without=_hidden(context),
    )
    outcome = _listing(context, hits, nothing="nothing found")
    if hits.go_on is None:
        return outcome
    return _with_way_on(context, outcome, arguments[0], hits, hits.go_on)


def _with_way_on(
    context: Context, outcome: Outcome, query: str, hits: Hits, go_on: Cursor
) -> Outcome:
    """Say that there is more, and how to ask for it."""
    shown = outcome.data["events"]
    oldest = hits[len(shown) - 1] if 0 < len(shown) < len(hits) else None
    at_ms, room, seq = go_on if oldest is None else (oldest.at_ms, oldest.room, oldest.seq)
    older = f"{at_ms}/{_label(context, room)}/{seq}"
    asked = _OLDER.sub("", query).strip()
    line = f"(there are older ones: /search {asked} older:{older})"
    text = f"{line}\n{outcome.text}" if shown else line
    return Outcome(text=text, data={**outcome.data, "more": True, "older": older})


def _cursor(context: Context, text: str | None) -> Cursor | None:
    """Where a search goes on: what its answer called `older:`.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    found = _PLACE_IN_TIME.fullmatch(text)
    if found is None:
        raise UsageError(f"older:{text} is nothing that a search has told")
    (place,) = _readable(context, found[2])
    return int(found[1]), place.key, int(found[3])


def _write_to(context: Context, nick: str, text: str) -> Outcome:
    """Write to one person, and say if that is read later only."""
    say = Say(check_text(text, context.config.limits), to=nick)
    partner = partner_of(context, nick)
    if partner is None:
        return Outcome(text=f"{nick} is not here; it waits", effects=(say,))
    if partner.away is not None:
        return Outcome(text=f"{partner.nick} is away: {partner.away}", effects=(say,))
    return Outcome(effects=(say,))


def _place(context: Context) -> Room | Direct:
    if context.place is None:
        raise NotInRoom("you are in no room; /join ROOM takes you to one")
    return context.place


def _readable(context: Context, name: str | None) -> list[Room | Direct]:
    """The rooms and conversations that may be searched: the member's own, or the one named."""
    if name is None:
        return [*context.member.rooms.values(), *context.member.directs.values()]
    if name.startswith("@"):
        direct = context.state.directory.find_direct(context.member, name)
        if direct is None:
            nick = name.removeprefix("@")
            raise NoSuchMember(f"there is no conversation with {nick}", nick=nick)
        return [direct]
    return [context.state.directory.room_of(context.member, name)]


_CONDITION = re.compile(r"(?:^|(?<=\s))(room|from|before|after|older):(\S+)", re.IGNORECASE)
_OLDER = re.compile(r"(?:^|\s)older:\S+", re.IGNORECASE)
_PLACE_IN_TIME = re.compile(r"(\d{1,15})/([^/]+)/(\d{1,13})")


def _conditions(query: str) -> tuple[str, dict[str, str]]:
    """Part `room:dev from:bob words` into the words and the conditions."""
    conditions = {match[1].lower(): match[2] for match in _CONDITION.finditer(query)}
    return " ".join(_CONDITION.sub("", query).split()), conditions


_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str | None, now_ms: int) -> int | None:
    """Milliseconds since 1970 from `2026-11-22`, `2026-11-22T12:00` (UTC) or `3d` ago."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return now_ms - round(timedelta(**{_UNITS[ago[2]]: int(ago[1])}).total_seconds() * 1000)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text} is no time; write 2026-11-22, 2026-11-22T12:00 (UTC) or 3d for three days ago"
        ) from None


def _listing(context: Context, entries: Iterable[Entry], *, nothing: str) -> Outcome:
    """Show *entries*, which come newest first: as many as one answer holds, the oldest on top,
    and say if there were more."""
    events, lines, more = fit_rows(_shown(context, entry) for entry in entries)
    if more:
        lines.append("(older ones did not fit; /search before:TIME finds them)")
    text = "\n".join(reversed(lines)) if lines else nothing
    return Outcome(text=text, data={"events": events[::-1], "more": more})


def _shown(context: Context, entry: Entry) -> tuple[StoredEvent, str]:
    label = _label(context, entry.room)
    event = stored_event(label, entry, context.state.accounts.name_of)
    place = label if label.startswith("@") else f"#{label}"
    when = f"{event.at[:10]} {event.at[11:16]}"
    match entry.kind:
        case "action":
            what = f"* {entry.sender} {_text(entry)}"
        case "message" | "notice":
            what = f"<{entry.sender}> {_text(entry)}"
        case _:
            parts = ("*", entry.sender, entry.kind, str(entry.target or ""), entry.text)
            what = " ".join(filter(None, parts))
    # On every line, so that none can be forged; the seq is what `/edit` and `/delete` ask for.
    shown = "\n".join(f"{entry.seq} [{when}] {place} {line}" for line in what.split("\n"))
    return event, shown


def _text(entry: Entry) -> str:
    if entry.amended == "deleted":
        return "(deleted)"
    return f"{entry.text} (edited)" if entry.amended else entry.text


def _label(context: Context, key: str) -> str:
    direct = context.member.directs.get(key)
    if direct is not None:
        return direct.label_for(context.member.identity)
    room = context.state.directory.rooms.get(key)
    return room.name if room else key


def _number(text: str, command: Command) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) == 0:
        raise UsageError(f"usage: {command.synopsis}")
    return int(text)


history_command = Command(
    "history", "[COUNT]", "Show the last lines of this room.", history, most=1, reads=True
)
search_command = Command(
    "search",
    "WORDS [room:ROOM] [from:NICK] [before:TIME] [after:TIME]",
    "Find what was said in your rooms; a time is 2026-11-22 or 3d.",
    search,
    aliases=("find",),
    least=1,
    most=1,
    reads=True,
)
COMMANDS = [
    Command("me", "ACTION", "Say what you do.", me, aliases=("action",), least=1, most=1),
    Command(
        "msg",
        "NICK TEXT",
        "Write to one person.",
        msg,
        aliases=("w", "dm", "tell", "whisper"),
        least=2,
        most=2,
    ),
    Command(
        "query",
        "NICK [TEXT]",
        "Open the conversation with somebody, and say something there if there is a text.",
        query,
        least=1,
        most=2,
    ),
    Command("close", "", "Take this conversation off your list until somebody writes.", close),
    Command(
        "reply", "TEXT", "Answer the last one who wrote to you.", reply, ("r",), least=1, most=1
    ),
    history_command,
    search_command,
]
