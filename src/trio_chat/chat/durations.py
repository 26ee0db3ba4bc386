"""How long: `2h`, `1h 30m`, `10 min` as people type it, and a span of time as people read it. What
is shown can be typed."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from trio_chat.errors import BadRequest

_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_TYPED = {
    7 * _DAY_MS: "w week weeks",
    _DAY_MS: "d day days",
    _HOUR_MS: "h hr hrs hour hours",
    _MINUTE_MS: "m min mins minute minutes",
    _SECOND_MS: "s sec secs second seconds",
}
_UNITS = {word: unit_ms for unit_ms, words in _TYPED.items() for word in words.split()}
_SHOWN = {"d": _DAY_MS, "h": _HOUR_MS, "min": _MINUTE_MS, "s": _SECOND_MS}

# A number, blanks or none, and a unit, behind which is no other sign.
_PART = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([A-Za-z]+)(?=[0-9\s]|$)")
_FOR_GOOD = re.compile(r"(?:forever|for ever|for good|permanent(?:ly)?)(?!\S)\s*", re.IGNORECASE)
LONGEST_MS = 3650 * _DAY_MS
_BEFORE_NUMBERS = "+-.,~<>="
_SHOWN_CHARACTERS = 40
_EXAMPLE = "10m, 1h 30m or 2d"


class SplitDuration(NamedTuple):
    """What stood before a reason, and the reason. *duration_ms* None: for good."""

    duration_ms: int | None
    rest: str


def parse_duration(text: str) -> int | None:
    """Return the milliseconds that `90s`, `30m`, `2 h`, `1.5h`, `2 days`, `1w` or `1h 30m` last.

    None: that is no duration. The larger unit comes first, and each at most once; a number alone
    has no unit, so it is none.

    Raises:
        BadRequest: it is one, but lasts no time or more than ten years.
    """
    parts, end = _leading_parts(text)
    return _total(parts, text) if parts and not text[end:].strip() else None


def split_duration(text: str) -> SplitDuration:
    """Part a duration, or a word such as `forever`, from what comes after it. Where neither stands
    there, it is for good.

    Raises:
        BadRequest: it begins with a number and is no duration, or is one out of bounds.
    """
    for_good = _FOR_GOOD.match(text)
    if for_good is not None:
        return SplitDuration(None, text[for_good.end() :])
    parts, end = _leading_parts(text)
    rest = text[end:]
    if not parts:
        if text.lstrip(_BEFORE_NUMBERS)[:1].isdecimal():
            _refuse(text)
        return SplitDuration(None, text)
    if _goes_on(rest, parts[-1][1]):
        _refuse(text)
    return SplitDuration(_total(parts, text[:end]), rest.lstrip())


def _leading_parts(text: str) -> tuple[list[tuple[float, int]], int]:
    """The counts and units that *text* begins with, and where they end."""
    parts: list[tuple[float, int]] = []
    end = 0
    while match := _PART.match(text, end):
        unit_ms = _UNITS.get(match[2].lower(), LONGEST_MS)
        if unit_ms >= (parts[-1][1] if parts else LONGEST_MS):
            break
        parts.append((float(match[1]), unit_ms))
        end = match.end()
    return parts, end


def _goes_on(rest: str, unit_ms: int) -> bool:
    """Return whether *rest* reads as more of a duration, rather than as a reason: as a number
    without a unit, or as a larger unit."""
    match = _PART.match(rest)
    is_larger = match is not None and _UNITS.get(match[2].lower(), 0) > unit_ms
    return is_larger or rest[:1].isdecimal() or rest.strip().isdecimal()


def _total(parts: list[tuple[float, int]], text: str) -> int:
    """The milliseconds of all parts. Raises BadRequest: they are out of bounds."""
    total_ms = sum(round(count * unit_ms) for count, unit_ms in parts)
    if not 0 < total_ms <= LONGEST_MS:
        raise BadRequest(
            f"a duration lasts from 1s to {LONGEST_MS // _DAY_MS}d; {text.strip()} does not"
        )
    return total_ms


def _refuse(text: str) -> NoReturn:
    shown = " ".join(text.split()[:2])[:_SHOWN_CHARACTERS]
    raise BadRequest(f"{shown!r} is no duration: write {_EXAMPLE}, or forever")


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
