"""When the events of a room were, in the order of their seqs."""

from __future__ import annotations

import apsw

from trio_chat.store.sqlite.ids import SEQ_MASK, Head


class Times:
    """The times of one room.

    They do not decrease, but where a wrong clock had put some far ahead and was set right. For
    the order of a search those are as late as what followed, so that *this* time never decreases.
    """

    def __init__(self, db: apsw.Connection, head: Head) -> None:
        self._db = db
        self._head = head
        rows = db.execute(
            "SELECT id & ?, floor_ms FROM step WHERE id BETWEEN ? AND ?",
            (SEQ_MASK, head.base, head.base | SEQ_MASK),
        )
        self._steps: list[tuple[int, int]] = list(rows)

    @property
    def never_went_back(self) -> bool:
        return not self._steps

    def order_ms(self, seq: int, at_ms: int) -> int:
        """Return when the event with that seq and time was for the order of a search."""
        return min([at_ms, *[floor_ms for last, floor_ms in self._steps if seq <= last]])

    def first_at(self, order_ms: int) -> int:
        """Return the seq of the first event that is not before that time."""
        low, high = 1, self._head.seq + 1
        while low < high:
            middle = (low + high) // 2
            if self._is_before(middle, order_ms):
                low = middle + 1
            else:
                high = middle
        return low

    def _is_before(self, seq: int, order_ms: int) -> bool:
        found = self._db.execute(
            "SELECT at_ms FROM message WHERE id = ?", (self._head.base + seq,)
        ).fetchone()
        # What has not settled yet is newer than all that has.
        return found is not None and self.order_ms(seq, found[0]) < order_ms
