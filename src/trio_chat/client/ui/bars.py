"""The lines round the pane, as fragments: room bar, status bar, member list. They know no keys."""

from __future__ import annotations

import math
import time

from trio_chat.client.connection import Status
from trio_chat.client.lines import shown_room
from trio_chat.client.model import Model
from trio_chat.client.render import Row, nick_style
from trio_chat.text import fold

# More rooms than this do not fit the bar; Alt-n and Alt-p reach them all.
ROOMS_SHOWN = 9


def room_bar(model: Model) -> Row:
    room = model.house.current
    if room is None:
        return [("", f" {model.server or 'trio-chat'} ")]
    return [("bold", f" {shown_room(room.name)} "), ("", room.topic)]


def status_bar(model: Model, status: Status, now: float, *, is_scrolled: bool) -> Row:
    """*now* in monotonic seconds."""
    row: Row = [("", time.strftime(" %H:%M ")), ("", f" {link(status, now)} ")]
    if len(model.outgoing):
        row.append(("", f" {len(model.outgoing)} waiting "))
    if is_scrolled:
        row.append(("class:called", " End: newest "))
    for number, room in enumerate(list(model.house.rooms.values())[:ROOMS_SHOWN], 1):
        style = "class:current" if room is model.house.current else ""
        if room.mentions:
            style = "class:called"
        elif room.unread:
            style = "class:unread"
        unread = f"·{room.unread}" if room.unread else ""
        row.append((style, f" {number} {shown_room(room.name)}{unread} "))
    if model.house.current is not None and model.house.current.total:
        row.append(("", f"  {model.house.current.total} here "))
    return row


def link(status: Status, now: float) -> str:
    """How the link is doing: `● 12 ms`, `◌ connecting…`, `○ offline, retry in 2 s`."""
    if status.state == "offline":
        return f"○ offline, retry in {max(0, math.ceil(status.retry_at - now))} s"
    if status.state == "connecting":
        return "◌ connecting…"
    if status.latency_seconds is None:
        return "● online"
    return f"● {status.latency_seconds * 1000:.0f} ms"


def member_list(model: Model, rows: int) -> Row:
    """The current room's members, by name, with a count of those that do not fit."""
    room = model.house.current
    if room is None:
        return []
    row: Row = [("class:dim", f" {room.total} here\n")]
    keys = sorted(room.members)
    shown = keys[: max(0, rows - 2)]
    for key in shown:
        member = room.members[key]
        style = "class:dim" if member.away is not None else nick_style(member.nick)
        if key == fold(model.house.nick):
            style += " class:own"
        row.append((style, f" {member.nick[:14]}\n"))
    if room.total > len(shown):
        row.append(("class:dim", f" … {room.total - len(shown)} more"))
    return row
