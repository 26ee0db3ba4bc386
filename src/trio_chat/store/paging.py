"""Which entries of a log a page looks at, which of them it shows, and where the next one begins.

The same for every back end. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trio_chat.store.api import SCAN_ENTRIES, Entry, Hidden, Page
from trio_chat.text import fold


class Span(NamedTuple):
    """The seqs that a page may look at, both inclusive; with `last` < `first` there are none.

    *end* is where the caller's question ends in the direction of the page, which may be beyond.
    """

    first: int
    last: int
    end: int
    forwards: bool

    def page(self, entries: Sequence[Entry], limit: int) -> Page:
        """Make the page of *entries*, all that are to be shown of this span, up to *limit*."""
        if len(entries) < limit:
            edge = self.last if self.forwards else self.first
        else:
            edge = entries[-1].seq if self.forwards else entries[0].seq
        more = edge < self.end if self.forwards else edge > self.end
        return Page(entries, edge if more and self.first <= self.last else None)


def span_of(
    first: int, last: int, before: int | None, after: int | None, without: Hidden | None
) -> Span:
    """Return what a page of a log that has the seqs *first* to *last* looks at; see `Log.page`."""
    if after is not None:
        first = max(first, after + 1)
    if before is not None:
        last = min(last, before - 1)
    if after is not None:
        reached = last if without is None else min(last, first + SCAN_ENTRIES - 1)
        return Span(first, reached, last, forwards=True)
    reached = first if without is None else max(first, last - SCAN_ENTRIES + 1)
    return Span(reached, last, first, forwards=False)


def shown(
    entries: Sequence[Entry], limit: int, without: Hidden | None, *, forwards: bool
) -> list[Entry]:
    """Return the first *limit*, or the last ones, of what is not hidden of *entries*."""
    if without is not None:
        entries = [entry for entry in entries if not is_hidden(entry, without)]
    return list(entries[:limit] if forwards else entries[max(len(entries) - limit, 0) :])


def is_hidden(entry: Entry, without: Hidden) -> bool:
    return without.hides(entry.kind, entry.account, fold(entry.sender))


def dense_slice(entries: Sequence[Entry], first: int, last: int) -> Sequence[Entry]:
    """Return those with a seq from *first* to *last* of *entries*, which follow one another."""
    if not entries:
        return []
    start = entries[0].seq
    return entries[max(first - start, 0) : max(last + 1 - start, 0)]
