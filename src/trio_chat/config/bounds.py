"""What a key of the configuration takes: its bounds, and the reason why it is there.

Every number has a least and a greatest value: what no server needs is refused where it is read,
not found by the system call that it overflows. `config init` writes the reasons into the file.
"""

from __future__ import annotations

import msgspec
from msgspec import Meta

DAY_SECONDS = 86_400.0
WEEK_SECONDS = 7 * DAY_SECONDS
YEAR_SECONDS = 365 * DAY_SECONDS
_SHORTEST_SECONDS = 0.001


def count(most: int, reason: str, *, least: int = 1) -> Meta:
    """A whole number from *least* to *most*."""
    return Meta(ge=least, le=most, description=reason)


def seconds(reason: str, *, least: float = _SHORTEST_SECONDS, most: float = WEEK_SECONDS) -> Meta:
    """A time. A week is the most, unless said otherwise: no peer waits, and no clock of a kernel
    counts, that long."""
    return Meta(ge=least, le=most, description=reason)


def rate(reason: str) -> Meta:
    """How many in a second: from one in a quarter of an hour to more than any server takes."""
    return Meta(ge=0.001, le=1e6, description=reason)


def because(reason: str) -> Meta:
    """Anything of its type."""
    return Meta(description=reason)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""
