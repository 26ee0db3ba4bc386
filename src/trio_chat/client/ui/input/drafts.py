"""The unsent text of each room, so that no room gets what was meant for another."""

from __future__ import annotations

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

from trio_chat.client.state.room.room import Room


class Drafts:
    """Keeps in *buffer* the text that was begun in the current room."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._room: Room | None = None
        self._kept: dict[Room, Document] = {}

    def come_to(self, room: Room | None) -> None:
        """Put the text of *room* into the buffer, and keep what stands there for its own room. What
        was typed before there was any room stays where it is."""
        if room is self._room or room is None:
            return
        left, self._room = self._room, room
        if left is None:
            return
        if self._buffer.text:
            self._kept[left] = self._buffer.document
        self._buffer.reset(self._kept.pop(room, Document()))
