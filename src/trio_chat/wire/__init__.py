"""Bytes to requests, events to bytes. Sans-I/O: a wire is fed and asked, it never waits.

The server holds one `Wire` per session. Sessions of one flavour show one event with the same
bytes, so a broadcast is encoded once per flavour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trio_chat.events import Event
from trio_chat.requests import Request


class Wire(Protocol):
    """A server's view of one peer's language."""

    @property
    def flavour(self) -> str:
        """Sessions with equal flavours share the bytes of `encode_shared`."""

    @property
    def line_limit_bytes(self) -> int:
        """A peer's line, without its end, may have this many bytes."""

    @property
    def resumable(self) -> bool:
        """Whether a peer of this wire can come back to its session: then a dropped link is not
        a leave, and flooding is answered with an error; else the session is read from later."""

    def decode(self, line: bytes) -> Request | None:
        """Return the request that *line* (without its LF) holds, or None for an empty line.

        Raises:
            ProtocolError: it is no request of this wire.
            ChatError: it is one, but its fields do not fit (BadRequest).
        """

    def encode(self, event: Event) -> bytes:
        """Return the bytes that show *event* to this peer, line ends included; perhaps none."""

    def encode_shared(self, events: Sequence[Event]) -> bytes:
        """The same for events that every peer of this flavour sees alike."""
