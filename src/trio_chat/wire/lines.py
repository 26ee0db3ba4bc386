"""Cut a stream of bytes into lines, within a limit. Knows no wire and no character encoding."""

from __future__ import annotations

from typing import final

import msgspec


@final
class Overlong(msgspec.Struct, frozen=True):
    """Stands where a line was that had more than *limit_bytes*; its bytes are gone."""

    limit_bytes: int


class LineBuffer:
    """What a stream said so far, cut at each LF. A CR before the LF belongs to the line's end.

    It never holds more than *limit_bytes* and one byte: a longer line is reported once, as
    `Overlong`, as soon as that is certain, and skipped up to its LF. The limit may be changed
    between two calls of `feed`.
    """

    __slots__ = ("_held", "_skipping", "limit_bytes")

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._held = b""  # most links hold nothing most of the time
        self._skipping = False

    @property
    def pending_bytes(self) -> int:
        """How many bytes of an unfinished line are held."""
        return len(self._held)

    def feed(self, chunk: bytes) -> list[bytes | Overlong]:
        """Return the lines that *chunk* completes, in order, without their ends."""
        end = chunk.rfind(b"\n") + 1
        if not end:
            return self._hold(chunk)
        ended = self._held + chunk[:end] if self._held else chunk[:end]
        first = 1 if self._skipping else 0
        cut = ended.replace(b"\r\n", b"\n").split(b"\n")[first:-1]
        self._held, self._skipping = b"", False
        is_short = len(ended) <= self.limit_bytes  # then each of its lines is
        lines: list[bytes | Overlong] = [*cut] if is_short else [*map(self._checked, cut)]
        return lines + self._hold(chunk[end:]) if end < len(chunk) else lines

    def rest(self) -> bytes:
        """Return and forget the unfinished last line: for a stream that ended without its LF."""
        line = self._held.removesuffix(b"\r")
        self._held = b""
        return line

    def _hold(self, tail: bytes) -> list[bytes | Overlong]:
        if self._skipping:
            return []
        self._held += tail
        # One byte more than the limit may still be the CR of the line's end.
        excess_bytes = len(self._held) - self.limit_bytes
        if excess_bytes <= 0 or (excess_bytes == 1 and self._held.endswith(b"\r")):
            return []
        self._held = b""
        self._skipping = True
        return [Overlong(self.limit_bytes)]

    def _checked(self, line: bytes) -> bytes | Overlong:
        return line if len(line) <= self.limit_bytes else Overlong(self.limit_bytes)
