"""How a room and a seq make the id of a message in the database: a room is one range of ids."""

from __future__ import annotations

SEQ_BITS = 40
SEQ_MASK = (1 << SEQ_BITS) - 1


class Head:
    """Where a room's log ends."""

    __slots__ = ("base", "name", "seq")

    def __init__(self, name: str, base: int, seq: int) -> None:
        self.name = name
        self.base = base  # room id << SEQ_BITS
        self.seq = seq
