"""The findings of `/search`, as a list to pick from. It knows no wire and no keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from trio_chat.client.state.room.line import at_milliseconds, describe, safe_name, shown_room
from trio_chat.client.text.render import Clock, Renderer, Row, clock_of, day_of, nick_style
from trio_chat.client.ui.lists.listing import Listing
from trio_chat.events import Result, StoredEvent

# No server of ours sends more.
ROWS = 500
_NICK_COLUMNS = 12


def events_of(result: Result) -> list[StoredEvent]:
    """Return the lines that *result* holds, the oldest first; none if it is not like that."""
    data: Any = result.data
    rows = data.get("events") if isinstance(data, dict) else None
    events: list[StoredEvent] = []
    for row in rows[-ROWS:] if isinstance(rows, list) else ():
        try:
            events.append(msgspec.convert(row, StoredEvent))
        except msgspec.ValidationError:
            continue  # of a kind that this client does not know
    return events


def found_list(
    events: list[StoredEvent],
    renderer: Renderer,
    clock: Clock,
    on_choose: Callable[[StoredEvent], None],
) -> Listing:
    rows = [_row(event, renderer, clock) for event in events]
    title = f"{len(events)} found — Enter goes there, Esc closes"
    return Listing(title, rows, lambda i: on_choose(events[i]), index=len(rows) - 1)


def _row(event: StoredEvent, renderer: Renderer, clock: Clock) -> Row:
    _, nick, text = describe(event)
    at_ms = at_milliseconds(event.at)
    nick = renderer.measure.fit(nick, _NICK_COLUMNS)
    indent = " " * (_NICK_COLUMNS - renderer.measure.cells(nick))
    return [
        ("class:time", f" {day_of(at_ms)} {clock_of(at_ms, clock)} "),
        ("bold", shown_room(safe_name(event.room))),
        (nick_style(nick), f" {indent}{nick}"),
        ("class:rule", " │ "),
        ("", " ".join(text.split())),
    ]
