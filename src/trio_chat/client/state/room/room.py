"""A room as the client sees it: members, topic, lines, what is unread. It knows no stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from trio_chat.client.state.room.cursor import Cursor
from trio_chat.client.state.room.line import SERIAL_BITS, Fate, Line, amended, safe_line, safe_name
from trio_chat.client.state.room.past import Past
from trio_chat.client.state.room.storm import Storm
from trio_chat.events import MemberInfo, Members, NotifyLevel
from trio_chat.text import fold

# 2,000 lines x ~300 bytes = 0.6 MB for a busy room; what is older comes from the server.
ROOM_LINES = 2000
# Who spoke last is offered first; more than this nobody remembers.
SPEAKERS = 50


class Room:
    """One room.

    Attributes:
        name: as the server writes it, without `#`; a direct conversation begins with `@`.
        is_closed: a conversation that was taken off the list, until somebody writes.
        members: folded nick -> MemberInfo; in a large room only some of the *total*.
        lines: the newest; *past*: what is before them, while somebody looks at it.
        unread, mentions: lines of others since somebody looked, and those that call this person.
        marker: the serial of the last line that was read; 0: there is no rule to draw.
        new_count: how many below the marker were unread when somebody looked.
        read_seq: what the server was told, or has told, was read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.topic = ""
        self.is_joined = False
        self.is_closed = False
        self.members: dict[str, MemberInfo] = {}
        self.total = 0
        self.cursor = Cursor()
        self.page_not_before = 0.0
        self.page_more = False
        self.lines: deque[Line] = deque()
        self.past: Past | None = None
        self.notify: NotifyLevel = "mentions"
        self.unread = 0
        self.mentions = 0
        self.marker = 0
        self.new_count = 0
        self.read_seq = 0
        self.beginning = 0  # the log is known to begin at this seq; 0: not known
        self._serial = 0
        self._log_serial = 0  # lines from here on are of the present log
        self._last_seq = 0
        self._storm: Storm | None = None
        self._speakers: dict[str, str] = {}
        self._ranked: list[MemberInfo] | None = None

    @property
    def is_direct(self) -> bool:
        return self.name.startswith("@")

    # --- lines

    def add(self, line: Line) -> Line:
        """Append *line*; comings and goings in a row become one line."""
        if line.look in ("coming", "going") and line.nick and not line.seq:
            return self._add_folded(line)
        self._storm = None
        return self._append(line)

    def replace_last(self, line: Line) -> None:
        """Show *line* where the last one stands."""
        self.lines[-1] = msgspec.structs.replace(line, serial=self.lines[-1].serial)

    def amend(self, seq: int, text: str, fate: Fate) -> bool:
        """Return whether the line with *seq* is here."""
        found = amended(reversed(self.lines), seq, text, fate)
        if found is not None:
            self.lines[-1 - found[0]] = found[1]
            return True
        return self.past is not None and self.past.amend(seq, text, fate)

    def _append(self, line: Line) -> Line:
        if line.seq and line.seq <= self._last_seq:  # the log began anew
            self._log_serial = self._serial + 1
            self.read_seq = 0
        self._last_seq = line.seq or self._last_seq
        self._serial = max(line.seq << SERIAL_BITS, self._serial + 1)
        line = msgspec.structs.replace(line, serial=self._serial)
        self.lines.append(line)
        if len(self.lines) > ROOM_LINES:
            dropped = self.lines.popleft()
            if self.past is not None:
                self.past.pushed_out(dropped)
        return line

    def _add_folded(self, line: Line) -> Line:
        if self._storm is None:
            self._storm = Storm()
            self._storm.add(line.look, line.nick)
            return self._append(line)
        self._storm.add(line.look, line.nick)
        self.lines[-1] = msgspec.structs.replace(
            self.lines[-1], look=self._storm.look, nick="", text=self._storm.text
        )
        return self.lines[-1]

    # --- the past

    @property
    def first_seq(self) -> int:
        """The first seq of the lines kept here; the one after the last if there is none."""
        first = next((line.seq for line in self.lines if line.seq), None)
        return (self.cursor.last or 0) + 1 if first is None else first

    @property
    def has_older(self) -> bool:
        """True if the log has something before all that is here."""
        if self.past is not None:
            return self.past.has_older
        if self.lines and self.lines[0].serial < self._log_serial:
            return False  # what stands above is of a log that is no more
        return self.first_seq > max(self.beginning, 1)

    def look_back(self) -> Past:
        """Return the past, begun where the lines kept here begin."""
        if self.past is None:
            has_older = self.has_older
            self.past = Past(self.first_seq, is_attached=True)
            self.past.has_older = has_older
        return self.past

    def forget_past(self) -> None:
        """Drop what was pulled from the past: nobody looks at it any more."""
        self.past = None

    # --- what was read

    def was_read(self, seq: int) -> None:
        """Take everything up to *seq* for read, here or on another device."""
        self.read_seq = max(self.read_seq, seq)
        unread = mentions = 0
        for line in reversed(self.lines):
            if line.seq and line.seq <= self.read_seq:
                self.marker = max(self.marker, line.serial)
                break
            if line.seq and line.nick and not line.is_own:
                unread += 1
                mentions += line.is_mention
        else:
            self.marker = max(self.marker, self.lines[0].serial - 1) if self.lines else 0
        self.unread, self.new_count = unread, 0
        self.mentions = mentions if self.notify != "none" else 0

    def add_unread(self, line: Line, *, calls: bool) -> None:
        """Count *line*, which came while nobody looked; *calls*: it means this person."""
        if not self.unread and not self.new_count:
            self.marker = line.serial - 1
        self.unread += 1
        self.mentions += calls

    def stop_reading(self, *, keeps_rule: bool = False) -> None:
        """Take what comes from now on for new; *keeps_rule*: and what was new before."""
        if keeps_rule and self.new_count:
            return
        self.marker = self.lines[-1].serial if self.lines else 0
        self.new_count = 0

    def start_reading(self) -> None:
        self.new_count += self.unread
        self.unread = self.mentions = 0

    # --- members

    def set_members(self, event: Members) -> None:
        self.no_members()
        for member in event.members:
            self._put(member)
        self.total = event.total
        self.topic = safe_line(event.topic)

    def add_member(self, nick: str) -> None:
        if fold(nick) not in self.members:
            self.total += 1
        self._put(MemberInfo(nick=nick, account=None, role="", away=None))

    def no_members(self) -> None:
        self.members.clear()
        self.total = 0
        self._ranked = None

    def remove_member(self, nick: str) -> None:
        self._ranked = None
        self.members.pop(fold(nick), None)
        self.total = max(self.total - 1, len(self.members))
        self._speakers.pop(fold(nick), None)

    def rename_member(self, old: str, new: str) -> bool:
        """Return whether the member is (known to be) here."""
        self._ranked = None
        member = self.members.pop(fold(old), None)
        if member is None:
            return False
        self._put(msgspec.structs.replace(member, nick=new))
        if self._speakers.pop(fold(old), None):
            self.heard(new)
        return True

    def ranked(self) -> list[MemberInfo]:
        """The members by their role in the room, then by name."""
        if self._ranked is None:
            ranks = {"owner": 0, "moderator": 1, "voiced": 2}
            keys = sorted(
                self.members, key=lambda key: (ranks.get(self.members[key].room_role, 3), key)
            )
            self._ranked = [self.members[key] for key in keys]
        return self._ranked

    def _put(self, member: MemberInfo) -> None:
        self._ranked = None
        nick = safe_name(member.nick)
        self.members[fold(nick)] = msgspec.structs.replace(member, nick=nick)

    # --- speakers

    def heard(self, nick: str) -> None:
        self._speakers.pop(fold(nick), None)
        self._speakers[fold(nick)] = nick
        if len(self._speakers) > SPEAKERS:
            del self._speakers[next(iter(self._speakers))]

    def nicks(self) -> Iterator[str]:
        """Yield everybody here: those who spoke last first, then the others by name."""
        yield from reversed(self._speakers.values())
        for key in sorted(self.members):
            if key not in self._speakers:
                yield self.members[key].nick
