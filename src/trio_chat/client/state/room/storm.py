"""Comings and goings in a row, told in one line. It knows no room."""

from __future__ import annotations

from typing import Literal, TypeAlias

from trio_chat.client.state.room.line import Look

# One line names this many of each kind.
FOLDED_NAMES = 8

Story: TypeAlias = Literal["joined", "left", "came back", "came and went"]
# What somebody's story becomes by coming, and by going.
_BY_COMING: dict[Story | None, Story] = {
    None: "joined",
    "joined": "joined",
    "came back": "came back",
    "left": "came back",
    "came and went": "joined",
}
_BY_GOING: dict[Story | None, Story] = {
    None: "left",
    "left": "left",
    "came and went": "came and went",
    "joined": "came and went",
    "came back": "left",
}


class Storm:
    """The people who came or left since something else happened in the room."""

    def __init__(self) -> None:
        self._stories: dict[str, Story] = {}

    def add(self, look: Look, nick: str) -> None:
        """*look*: `coming` or `going`."""
        becomes = _BY_COMING if look == "coming" else _BY_GOING
        self._stories[nick] = becomes[self._stories.get(nick)]

    @property
    def look(self) -> Look:
        stories = {*self._stories.values()}
        if stories <= {"joined", "came back"}:
            return "coming"
        return "going" if stories == {"left"} else "moving"

    @property
    def text(self) -> str:
        nicks: dict[Story, list[str]] = {}
        for nick, story in self._stories.items():
            nicks.setdefault(story, []).append(nick)
        return "; ".join(f"{_names(those)} {story}" for story, those in nicks.items())


def _names(nicks: list[str]) -> str:
    shown = ", ".join(nicks[:FOLDED_NAMES])
    others = len(nicks) - FOLDED_NAMES
    return f"{shown} and {others} more" if others > 0 else shown
