"""Comings and goings in a row, told in one line. It knows no room."""

from __future__ import annotations

from trio_chat.client.lines import Look

# One line names this many who came, and as many who left.
FOLDED_NAMES = 8


class Storm:
    """Those who came or left since something else happened in the room."""

    def __init__(self) -> None:
        self._came: dict[str, None] = {}
        self._left: dict[str, None] = {}
        self._passed = 0

    def add(self, look: Look, nick: str) -> None:
        """*look*: `coming` or `going`. Who comes and goes, or goes and comes, is only counted."""
        here, there = (self._came, self._left) if look == "coming" else (self._left, self._came)
        if nick in there:
            del there[nick]
            self._passed += 1
        else:
            here[nick] = None

    @property
    def look(self) -> Look:
        if self._came and not self._left:
            return "coming"
        return "going" if self._left and not self._came else "moving"

    @property
    def text(self) -> str:
        parts = []
        if self._came:
            parts.append(f"{_names(self._came)} joined")
        if self._left:
            parts.append(f"{_names(self._left)} left")
        if self._passed:
            who = "1 came and went" if self._passed == 1 else f"{self._passed} came and went"
            parts.append(who)
        return "; ".join(parts)


def _names(nicks: dict[str, None]) -> str:
    shown = ", ".join(list(nicks)[:FOLDED_NAMES])
    others = len(nicks) - FOLDED_NAMES
    return f"{shown} and {others} more" if others > 0 else shown
