"""Cut a stream of bytes into lines, within a limit. Knows no wire and no character encoding."""

from __future__ import annotations

import msgspec


class Overlong(msgspec.Struct, frozen=True):
    """Stands where a line was that had more than *limit_bytes*; its bytes are gone."""

    limit_bytes: int


class LineBuffer:
    """What a stream said so far, cut at each LF. A CR before the LF belongs to the line's end.

    It never holds more than *limit_bytes* and one byte: a longer line is reported once, as
    `Overlong`, as soon as that is certain, and skipped up to its LF. The limit may be changed
    between two calls of `feed`.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._held = bytearray()
        self._skipping = False

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished line are held."""
        return len(self._held)

    def feed(self, chunk: bytes) -> list[bytes | Overlong]:
        """Return the lines that *chunk* completes, in order, without their ends."""
        pieces = chunk.split(b"\n")
        tail = pieces.pop()
        lines: list[bytes | Overlong] = []
        if pieces:
            if self._held or self._skipping:
                lines.extend(self._end_held(pieces.pop(0)))
            lines.extend(pieces)
            if b"\r" in chunk:
                lines[-len(pieces) :] = map(_without_cr, pieces)
            if len(chunk) > self.limit_bytes:
                lines = [self._checked(line) for line in lines]
        if tail:
            lines.extend(self._hold(tail))
        return lines

    def rest(self) -> bytes:
        """Return and forget the unfinished last line: for a stream that ended without its LF."""
        line = _without_cr(bytes(self._held))
        self._held.clear()
        return line

    def _hold(self, tail: bytes) -> list[bytes | Overlong]:
        if self._skipping:
            return []
        self._held += tail
        # One byte more than the limit may still be the CR of the line's end.
        excess_bytes = len(self._held) - self.limit_bytes
        if excess_bytes <= 0 or (excess_bytes == 1 and self._held.endswith(b"\r")):
            return []
        self._held.clear()
        self._skipping = True
        return [Overlong(self.limit_bytes)]

    def _end_held(self, piece: bytes) -> list[bytes | Overlong]:
        """End the line that earlier chunks began; nothing, if it was reported already."""
        if self._skipping:
            self._skipping = False
            return []
        line = self._checked(_without_cr(bytes(self._held) + piece))
        self._held.clear()
        return [line]

    def _checked(self, line: bytes | Overlong) -> bytes | Overlong:
        if isinstance(line, bytes) and len(line) > self.limit_bytes:
            return Overlong(self.limit_bytes)
        return line


def _without_cr(line: bytes) -> bytes:
    return line[:-1] if line.endswith(b"\r") else line
