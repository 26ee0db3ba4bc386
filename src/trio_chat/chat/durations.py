"""How long: `2h`, `1h30m` as people type it, and a span of time as people read it."""

from __future__ import annotations

import re

from trio_chat.errors import BadRequest

_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_TYPED = {"w": 7 * _DAY_MS, "d": _DAY_MS, "h": _HOUR_MS, "m": _MINUTE_MS, "s": _SECOND_MS}
_SHOWN = {"d": _DAY_MS, "h": _HOUR_MS, "min": _MINUTE_MS, "s": _SECOND_MS}

_DURATION = re.compile("(?=.)" + "".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit in _TYPED))
LONGEST_MS = 3650 * _DAY_MS


def parse_duration(text: str) -> int | None:
    """Return the milliseconds that `90s`, `30m`, `2h`, `2d`, `1w` or `1h30m` last.

    None: that is no duration. The larger unit comes first, and each at most once; a number alone
    has no unit, so it is none.

    Raises:
        BadRequest: it is one, but lasts no time or more than ten years.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    counts = match.groups(default="0")
    total_ms = sum(int(count) * unit for count, unit in zip(counts, _TYPED.values(), strict=True))
    if not 0 < total_ms <= LONGEST_MS:
        raise BadRequest(f"a duration lasts from 1s to {LONGEST_MS // _DAY_MS}d; {text} does not")
    return total_ms


def shown_duration(span_ms: int) -> str:
    """*span_ms* in its two largest units, rounded: `2 d`, `1 h 30 min`. Never less than `1 s`."""
    span_ms = max(span_ms, _SECOND_MS)
    coarse = ((_DAY_MS, _HOUR_MS), (_HOUR_MS, _MINUTE_MS))
    finest_ms = next((finer for unit, finer in coarse if span_ms >= unit), _SECOND_MS)
    rest_ms = (span_ms + finest_ms // 2) // finest_ms * finest_ms
    parts = []
    for name, unit_ms in _SHOWN.items():
        count, rest_ms = divmod(rest_ms, unit_ms)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts)
