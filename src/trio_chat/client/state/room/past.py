"""Lines of a room that are older than those it keeps by itself: pulled while somebody scrolls back,
dropped when nobody does. It knows no requests and no screen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal, TypeAlias

from trio_chat.client.state.room.line import Fate, Line, amended

# What scrolled further away than this is dropped, and pulled again when it is looked at.
PAST_LINES = 5000

Pull: TypeAlias = Literal["older", "newer", "around"]


class Past:
    """A stretch of the log, extended at both ends.

    Attributes:
        first, last: the seqs that it covers, both included; *first* > *last*: none yet.
        is_attached: what the room keeps follows without a hole.
        has_older: whether the log goes on before *first*.
        pull: what is wanted; *is_asked*: the server was asked for it; *not_before*: when it may
            be asked, in monotonic seconds.
    """

    def __init__(self, before: int, *, is_attached: bool) -> None:
        self.lines: deque[Line] = deque()
        self.first = before
        self.last = before - 1
        self.is_attached = is_attached
        self.has_older = before > 1
        self.pull: Pull | None = None
        self.is_asked = False
        self.not_before = 0.0

    @property
    def is_wanted(self) -> bool:
        """True while something is to be asked for."""
        return self.pull is not None and not self.is_asked

    def add_older(self, lines: Sequence[Line], first: int, *, more: bool) -> None:
        """Put *lines*, which begin with the seq *first*, before all others."""
        self.lines.extendleft(reversed(lines))
        self.first = min(self.first, first)
        self.has_older = more and bool(self.first > 1)
        while len(self.lines) > PAST_LINES:
            self._drop_newest()

    def add_newer(self, lines: Sequence[Line], last: int, *, is_attached: bool) -> None:
        """Put *lines*, which end with the seq *last*, after all others."""
        self.lines.extend(lines)
        self.last = max(self.last, last)
        self.is_attached = is_attached
        while len(self.lines) > PAST_LINES:
            self.lines.popleft()
            self.first = self.lines[0].seq or self.first
            self.has_older = True

    def pushed_out(self, line: Line) -> None:
        """Take over *line*, which the room does not keep any more and somebody looks at."""
        if not self.is_attached:
            return
        self.lines.append(line)
        self.last = max(self.last, line.seq)
        if len(self.lines) > PAST_LINES:
            self._drop_newest()

    def amend(self, seq: int, text: str, fate: Fate) -> bool:
        """Return whether the line with *seq* is here."""
        found = amended(reversed(self.lines), seq, text, fate)
        if found is not None:
            self.lines[-1 - found[0]] = found[1]
        return found is not None

    def _drop_newest(self) -> None:
        dropped = self.lines.pop()
        self.is_attached = False
        if dropped.seq:
            self.last = min(self.last, dropped.seq - 1)
