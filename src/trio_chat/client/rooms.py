"""A room as the client sees it: members, topic, lines, what is unread. It knows no stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from trio_chat.client.cursor import Cursor
from trio_chat.client.lines import Line, safe_line, safe_name
from trio_chat.events import MemberInfo, Members
from trio_chat.text import fold

# 5,000 lines x ~300 bytes = 1.5 MB for a busy room.
ROOM_LINES = 5000
# Who spoke last is offered first; more than this nobody remembers.
SPEAKERS = 50
# One line names this many who came or went together.
FOLDED_NAMES = 8


class Room:
    """Attributes:
    name: as the server writes it, without `#`; a direct conversation begins with `@`.
    members: folded nick -> MemberInfo; in a large room only some of the *total*.
    marker: the serial of the last line that was read before going to another room.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.topic = ""
        self.is_joined = False
        self.members: dict[str, MemberInfo] = {}
        self.total = 0
        self.cursor = Cursor()
        self.page_not_before = 0.0
        self.page_more = False
        self.lines: deque[Line] = deque(maxlen=ROOM_LINES)
        self.unread = 0
        self.mentions = 0
        self.marker = 0
        self._serial = 0
        self._storm: list[str] = []
        self._speakers: dict[str, str] = {}

    @property
    def is_direct(self) -> bool:
        return self.name.startswith("@")

    # --- lines

    def add(self, line: Line) -> Line:
        """Append *line*; comings in a row become one line, and so do goings."""
        if line.look in ("coming", "going") and line.nick and not line.seq:
            return self._add_folded(line)
        self._storm = []
        return self._append(line)

    def amend(self, seq: int, text: str) -> bool:
        """Show *text* where the line with *seq* stands; return False if it is not here."""
        for index in range(len(self.lines) - 1, -1, -1):
            line = self.lines[index]
            if line.seq == seq:
                self.lines[index] = msgspec.structs.replace(line, text=text)
                return True
        return False

    def _append(self, line: Line) -> Line:
        self._serial += 1
        line = msgspec.structs.replace(line, serial=self._serial)
        self.lines.append(line)
        return line

    def _add_folded(self, line: Line) -> Line:
        last = self.lines[-1] if self.lines else None
        if not self._storm or last is None or last.look != line.look:
            self._storm = [line.nick]
            return self._append(line)
        self._storm.append(line.nick)
        verb = "joined" if line.look == "coming" else "left"
        text = f"{_names(self._storm)} {verb}"
        self.lines[-1] = msgspec.structs.replace(last, nick="", text=text)
        return self.lines[-1]

    # --- members

    def set_members(self, event: Members) -> None:
        self.members.clear()
        for member in event.members:
            self._put(member)
        self.total = event.total
        self.topic = safe_line(event.topic)

    def add_member(self, nick: str) -> None:
        if fold(nick) not in self.members:
            self.total += 1
        self._put(MemberInfo(nick=nick, account=None, role="", away=None))

    def remove_member(self, nick: str) -> None:
        self.members.pop(fold(nick), None)
        self.total = max(self.total - 1, len(self.members))
        self._speakers.pop(fold(nick), None)

    def rename_member(self, old: str, new: str) -> bool:
        """Return whether the member is (known to be) here."""
        member = self.members.pop(fold(old), None)
        if member is None:
            return False
        self._put(msgspec.structs.replace(member, nick=new))
        if self._speakers.pop(fold(old), None):
            self.heard(new)
        return True

    def _put(self, member: MemberInfo) -> None:
        nick = safe_name(member.nick)
        self.members[fold(nick)] = msgspec.structs.replace(member, nick=nick)

    # --- speakers

    def heard(self, nick: str) -> None:
        self._speakers.pop(fold(nick), None)
        self._speakers[fold(nick)] = nick
        if len(self._speakers) > SPEAKERS:
            del self._speakers[next(iter(self._speakers))]

    def nicks(self) -> Iterator[str]:
        """Everybody here: who spoke last first, then by name."""
        yield from reversed(self._speakers.values())
        for key in sorted(self.members):
            if key not in self._speakers:
                yield self.members[key].nick


def _names(nicks: list[str]) -> str:
    unique = list(dict.fromkeys(nicks))
    shown = ", ".join(unique[:FOLDED_NAMES])
    others = len(unique) - FOLDED_NAMES
    return f"{shown} and {others} more" if others > 0 else shown
