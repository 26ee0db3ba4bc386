"""The lines round the pane, as fragments: room bar, status bar, member list. They know no keys."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from prompt_toolkit.mouse_events import MouseEvent, MouseEventType
from prompt_toolkit.utils import get_cwidth

from trio_chat.client.link.status import Status
from trio_chat.client.state.model import Model
from trio_chat.client.state.room.line import shown_room
from trio_chat.client.state.room.room import Room
from trio_chat.client.text.render import Clock, Renderer, Row, clock_of, nick_style
from trio_chat.text import fold

# Style, text, and perhaps what a click does.
Fragments: TypeAlias = list[Any]

# Alt-1 to Alt-9 go to these; Alt-n, Alt-p and Alt-a reach all.
NUMBERED = 9
ROOM_CHARACTERS = 24
# A ping that is not answered for so long is no delay of the network any more.
HANGING_SECONDS = 3.0
_SIGNS = {"owner": "@", "moderator": "@", "voiced": "+"}


def room_bar(model: Model, status: Status) -> Row:
    """Return the room and its topic; before there is one, the server, or why there is none."""
    room = model.rooms.current
    if room is None:
        reason = status.reason if status.state == "offline" else ""
        return [("", f" {reason or model.server or 'trio-chat'} ")]
    return [("class:current", f" {shown_room(room.name)}"), ("", f" {room.topic}")]


def status_bar(
    model: Model,
    status: Status,
    now: float,
    *,
    columns: int,
    clock: Clock = 24,
    is_scrolled: bool = False,
    on_click: Callable[[Room], None] = lambda room: None,
) -> Fragments:
    """Return the clock, the rooms, and at the right end how things are. *now* in monotonic
    seconds."""
    left = [("", f" {clock_of(int(time.time() * 1000), clock)} ")]
    right = [("", f" {link(status, now)} ")]
    if model.rooms.current is not None and model.rooms.current.total:
        right.insert(0, ("", f" {model.rooms.current.total} here "))
    if len(model.outgoing):
        right.insert(0, ("", f" {len(model.outgoing)} waiting "))
    if is_scrolled:
        right.insert(0, ("class:called", " End: newest "))
    rooms = _rooms(model, columns - _width(left) - _width(right), on_click)
    gap = columns - _width(left) - _width(rooms) - _width(right)
    return [*left, *rooms, ("", " " * gap), *right]


def _rooms(model: Model, columns: int, on_click: Callable[[Room], None]) -> Fragments:
    """Return as many rooms as fit: the current one first, then those that call, then those with
    news."""
    current, rooms = model.rooms.current, model.rooms.open_rooms
    entries = {room: _entry(number, room, current) for number, room in enumerate(rooms, 1)}
    fitting: set[Room] = set()
    left = columns - len(f" +{len(rooms)} ")
    for room in sorted(rooms, key=lambda r: (r is not current, not r.mentions, not r.unread)):
        left -= get_cwidth(entries[room][1])
        if left < 0:
            break
        fitting.add(room)
    shown: Fragments = [(*entries[r], _click(r, on_click)) for r in rooms if r in fitting]
    hidden = len(rooms) - len(fitting)
    return [*shown, ("", f" +{hidden} ")] if hidden else shown


def _entry(number: int, room: Room, current: Room | None) -> tuple[str, str]:
    style = "class:current" if room is current else ""
    if room.mentions:
        style = "class:called"
    elif room.unread and room.notify != "none":
        style = "class:unread"
    unread = f"·{room.unread}" if room.unread else ""
    digit = f"{number} " if number <= NUMBERED else ""
    return style, f" {digit}{shown_room(room.name)[:ROOM_CHARACTERS]}{unread} "


def _click(room: Room, on_click: Callable[[Room], None]) -> Callable[[MouseEvent], None]:
    def clicked(event: MouseEvent) -> None:
        if event.event_type is MouseEventType.MOUSE_UP:
            on_click(room)

    return clicked


def _width(fragments: Fragments) -> int:
    return sum(get_cwidth(fragment[1]) for fragment in fragments)


def link(status: Status, now: float) -> str:
    """Return how the link is doing: `● 12 ms TLS`, `◌ connecting…`, `○ offline, retry in 2 s`."""
    if status.state == "offline":
        return f"○ offline, retry in {max(0, math.ceil(status.retry_at - now))} s"
    if status.state == "connecting":
        return "◌ connecting…"
    unanswered_seconds = 0.0 if status.asked_at is None else now - status.asked_at
    if unanswered_seconds >= HANGING_SECONDS:
        return f"◌ no answer for {unanswered_seconds:.0f} s"
    tls = " TLS" if status.is_encrypted else ""
    if status.latency_seconds is None:
        return f"● online{tls}"
    return f"● {status.latency_seconds * 1000:.0f} ms{tls}"


def member_list(model: Model, renderer: Renderer, columns: int, rows: int) -> Row:
    """Return the current room's members by rank and name, with a count of those that do not fit."""
    room = model.rooms.current
    if room is None:
        return []
    row: Row = [("class:dim", f" {room.total} here\n")]
    shown = room.ranked()[: max(0, rows - 2)]
    own = fold(model.rooms.nick)
    for member in shown:
        style = "class:dim" if member.away is not None else nick_style(member.nick)
        if fold(member.nick) == own:
            style += " class:own"
        sign = _SIGNS.get(member.room_role, " ")
        nick = renderer.measure.fit(member.nick, columns - 3)
        row += [("class:dim", f" {sign}"), (style, f"{nick}\n")]
    if room.total > len(shown):
        row.append(("class:dim", f"  … {room.total - len(shown)} more"))
    return row
