"""A list over the pane, to read or to pick from. It knows rows, no keys and no rooms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from trio_chat.client.text.render import Row


class Listing:
    """Rows to scroll through, and to pick from.

    *on_choose* gets the index of the row that was picked; None: there is nothing to pick.
    *can_filter*: typed words leave only the rows that hold them.

    Attributes:
        title: what it is a list of.
        index: the row one stands on, among those that are shown; in a list without a choice the
            first that is seen.
    """

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        on_choose: Callable[[int], None] | None = None,
        *,
        index: int = 0,
        can_filter: bool = False,
    ) -> None:
        self.title = title
        self.index = max(0, index)
        self.can_filter = can_filter
        self._rows = rows
        self._shown = [*range(len(rows))]
        self._on_choose = on_choose
        self._top = 0
        self._height = 1

    def filter(self, text: str) -> None:
        """Show only the rows that hold every word of *text*, in any case."""
        words = text.casefold().split()
        texts = ["".join(text for _, text in row).casefold() for row in self._rows]
        self._shown = [i for i, text in enumerate(texts) if all(word in text for word in words)]
        self.index = 0

    def move(self, rows: int) -> None:
        last = len(self._shown) - (1 if self._on_choose else self._height)
        self.index = max(0, min(self.index + rows, last))

    def move_pages(self, pages: int) -> None:
        self.move(pages * max(1, self._height - 1))

    def choose(self) -> None:
        if self._on_choose is not None and self._shown:
            self._on_choose(self._shown[self.index])

    def draw(self, height: int) -> Row:
        """Return *height* rows, the one that one stands on among them."""
        self._height = height
        if self._on_choose is None:
            self._top = self.index
        else:
            self._top = max(self.index - height + 1, min(self._top, self.index))
        drawn: Row = []
        seen = islice(self._shown, self._top, self._top + height)
        for number, row in enumerate((self._rows[i] for i in seen), self._top):
            is_selected = self._on_choose is not None and number == self.index
            drawn += [("class:selected", text) for _, text in row] if is_selected else row
            drawn.append(("", "\n"))
        return drawn[:-1]
