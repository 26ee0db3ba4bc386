"""The queue of typed lines that are not yet acknowledged. It knows no stream and no screen.

An input keeps its id until the server answers it with `done` or a final `error`, over every
link; the server makes a repeated id happen once. A command waits for all before it and holds
back all after it, because it may change the room they are meant for.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from itertools import count
from math import inf

from trio_chat.requests import Invocation, parse_slash

# So many lines may be under way: more with each acknowledgement, but only one after `too_fast`
# and until CAUTIOUS_LINES went through, for lines refused for their rate could overtake each other.
WINDOW_FIRST = 4
WINDOW_MAX = 64
CAUTIOUS_LINES = 100


@dataclass(slots=True)
class Pending:
    """One typed line.

    Attributes:
        room: where it goes; None: whichever room is current when it is first sent.
        typed_in: the room it was typed in; None: it is the line of a script.
        follows: the id of the line that goes to the room this one is meant for.
        goes_to: the room that this line goes to, for `/join ROOM`.
    """

    id: str
    text: str
    room: str | None
    at_ms: int
    is_sent: bool = False
    # It was sent in a session that is gone: perhaps it happened.
    is_doubtful: bool = False
    not_before: float = -inf
    typed_in: str | None = None
    follows: str | None = None
    goes_to: str | None = None
    is_command: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_command = isinstance(parse_slash(self.text), Invocation)

    @property
    def spoken(self) -> str | None:
        """The text that the room hears, said or acted; None for any other command."""
        parsed = parse_slash(self.text)
        if isinstance(parsed, str):
            return parsed
        return parsed.rest if isinstance(parsed, Invocation) and parsed.name == "me" else None


class Outgoing:
    """The lines under way, oldest first."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)
        self._lines: dict[str, Pending] = {}
        self._window = WINDOW_FIRST
        self._cautious_lines = 0

    def __len__(self) -> int:
        return len(self._lines)

    def new_id(self) -> str:
        """Return an id that no other run of a client has used."""
        return f"{self._prefix}-{next(self._numbers)}"

    def add(self, text: str, room: str | None, at_ms: int, id: str | None = None) -> Pending:
        """Add a line; *id*: instead of a new one, and none of those that are here."""
        line = Pending(id or self.new_id(), text, room, at_ms)
        self._lines[line.id] = line
        return line

    def move_first(self, line: Pending) -> None:
        self._lines = {line.id: line, **self._lines}

    def get(self, id: str) -> Pending | None:
        return self._lines.get(id)

    def in_room(self, room: str) -> list[Pending]:
        """Return the lines that are seen in *room*: those for it, and those that were typed there
        for a room that is not entered yet."""
        return [line for line in self._lines.values() if (line.room or line.typed_in) == room]

    def last_going(self, room: str) -> Pending | None:
        """Return the last line typed in *room* that goes to another one."""
        going = (line for line in reversed(self._lines.values()) if line.goes_to is not None)
        return next((line for line in going if line.typed_in == room), None)

    def followers(self, id: str) -> list[Pending]:
        """Return the lines that are meant for the room that the line *id* goes to."""
        return [line for line in self._lines.values() if line.follows == id]

    def doubtful(self) -> list[Pending]:
        return [line for line in self._lines.values() if line.is_doubtful]

    def next_line(self, now: float) -> Pending | None:
        """Return the line that may be sent now, if one may."""
        line = self._candidate()
        return line if line is not None and line.not_before <= now else None

    def wake_at(self) -> float:
        """Return when the next line that was told to wait may be sent again; perhaps inf."""
        line = self._candidate()
        return line.not_before if line is not None and line.not_before > -inf else inf

    def _candidate(self) -> Pending | None:
        """Return the next line to send, unless others have to be answered before."""
        for in_flight, line in enumerate(self._lines.values()):
            if not line.is_sent:
                is_blocked = in_flight >= self._window or (line.is_command and in_flight)
                return None if is_blocked else line
            if line.is_command:
                return None
        return None

    def acknowledged(self, id: str) -> Pending | None:
        line = self._lines.pop(id, None)
        if line is not None and self._cautious_lines:
            self._cautious_lines -= 1
        elif line is not None:
            self._window = min(self._window + 1, WINDOW_MAX)
        return line

    def refused(self, id: str) -> Pending | None:
        return self._lines.pop(id, None)

    def postponed(self, id: str, until: float) -> None:
        """Send this line again, not before *until* (monotonic seconds), as the server asks."""
        line = self._lines[id]
        line.is_sent = False
        line.not_before = until
        self._window = 1
        self._cautious_lines = CAUTIOUS_LINES

    def link_lost(self) -> None:
        """Send again, later, what was sent without an answer."""
        for line in self._lines.values():
            line.is_doubtful = line.is_doubtful or line.is_sent
            line.is_sent = False
            line.not_before = -inf
        self._window = min(self._window, WINDOW_FIRST)

    def session_kept(self) -> None:
        """Drop all doubts: the server knows the ids that were sent."""
        for line in self._lines.values():
            line.is_doubtful = False
