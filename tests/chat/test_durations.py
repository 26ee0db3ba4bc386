"""What counts as a duration, and how people read one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.chat.durations import LONGEST_MS, parse_duration, shown_duration, split_duration
from trio_chat.errors import BadRequest, ChatError

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
ANYTHING = st.one_of(st.text(), st.text("0159wdhms .-+", max_size=12))


@pytest.mark.parametrize(
    ("text", "span_ms"),
    [
        ("90s", 90 * SECOND),
        ("30m", 30 * MINUTE),
        ("2h", 2 * HOUR),
        ("2d", 2 * DAY),
        ("1w", 7 * DAY),
        ("1h30m", 90 * MINUTE),
        ("1w1d1h1m1s", 8 * DAY + HOUR + MINUTE + SECOND),
        ("0h5m", 5 * MINUTE),
        ("3650d", LONGEST_MS),
        ("2 d", 2 * DAY),
        (" 2d\n", 2 * DAY),
        ("10min", 10 * MINUTE),
        ("10 min", 10 * MINUTE),
        ("1.5h", 90 * MINUTE),
        ("2D", 2 * DAY),
        ("2days", 2 * DAY),
        ("1 hour 30 minutes", 90 * MINUTE),
        ("1h 30m", 90 * MINUTE),
        ("1 d 3 h", DAY + 3 * HOUR),
    ],
)
def test_a_duration_is_read_with_its_units(text: str, span_ms: int) -> None:
    assert parse_duration(text) == span_ms


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "h", "spam", "-2d", "30m1h", "1h2h", "30m 1h", "1h 2h", "2d ago", "1,5h", "1.h"),
        *("٢d", "２d", "2ｄ", "3rd", "1h30", "9999999999s", "1y"),
    ],
)
def test_what_is_no_duration_is_left_for_the_reason(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize("text", ["0s", "0h0m", "3651d", "3650d1s", "999999999w"])
def test_a_duration_out_of_bounds_is_refused_not_corrected(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_duration(text)
    assert caught.value.message == f"a duration lasts from 1s to 3650d; {text} does not"


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("2d spam", (2 * DAY, "spam")),
        ("2 d spam", (2 * DAY, "spam")),
        ("1h 30m reason", (90 * MINUTE, "reason")),
        ("1 d 3 h  flood and  more", (DAY + 3 * HOUR, "flood and  more")),
        ("1.5h", (90 * MINUTE, "")),
        ("10min", (10 * MINUTE, "")),
        ("10 min", (10 * MINUTE, "")),
        ("2d 3 strikes", (2 * DAY, "3 strikes")),
        ("2d 2d ago", (2 * DAY, "2d ago")),
        ("forever spam", (None, "spam")),
        ("For Good", (None, "")),
        ("permanent", (None, "")),
        ("permanently annoying", (None, "annoying")),
        ("spam", (None, "spam")),
        ("forevermore", (None, "forevermore")),
        ("", (None, "")),
    ],
)
def test_a_duration_is_parted_from_the_reason(text: str, split: tuple[int | None, str]) -> None:
    """S8"""
    assert split_duration(text) == split


@pytest.mark.parametrize(
    "text",
    [
        *("10", "10 spam", "5 times", "10x", "1h30", "1h 30", "30m 1h", "1h 2d", "1y", "3rd time"),
        *("2d, spam", "10:00", "1,5h", "-5m", "+10m", ".5h", "٢d", "２d", "9999999999s", "2dd"),
    ],
)
def test_a_number_that_is_no_duration_is_refused_with_an_example(text: str) -> None:
    """S8: it was for good, and the number the reason."""
    with pytest.raises(BadRequest, match="is no duration: write 10m, 1h 30m or 2d, or forever"):
        split_duration(text)


@given(ANYTHING)
def test_whatever_is_typed_is_a_duration_in_bounds_or_none_or_refused(text: str) -> None:
    try:
        span_ms = parse_duration(text)
    except ChatError:
        return
    assert span_ms is None or SECOND <= span_ms <= LONGEST_MS


@pytest.mark.parametrize(
    ("span_ms", "shown"),
    [
        (2 * DAY, "2 d"),
        (90 * MINUTE, "1 h 30 min"),
        (90 * SECOND, "1 min 30 s"),
        (DAY + 3 * HOUR + 29 * MINUTE, "1 d 3 h"),
        (DAY + 3 * HOUR + 30 * MINUTE, "1 d 4 h"),
        (2 * HOUR - 1, "2 h"),
        (DAY - SECOND, "1 d"),
        (DAY + MINUTE, "1 d"),
        (MINUTE - 1, "1 min"),
        (SECOND, "1 s"),
        (1, "1 s"),
        (0, "1 s"),
        (-5, "1 s"),
        (LONGEST_MS, "3650 d"),
    ],
)
def test_a_span_is_shown_in_its_two_largest_units(span_ms: int, shown: str) -> None:
    assert shown_duration(span_ms) == shown


@given(st.integers(SECOND, LONGEST_MS))
def test_what_is_shown_is_nearly_what_it_is_and_reads_back_the_same(span_ms: int) -> None:
    shown = shown_duration(span_ms)
    read = parse_duration(shown)
    assert read == parse_duration(shown.replace("min", "m").replace(" ", ""))
    assert read is not None
    assert shown_duration(read) == shown
    assert abs(read - span_ms) * 100 <= max(span_ms * 3, 100 * SECOND)
    assert re.fullmatch(r"\d+ (d|h|min|s)( \d+ (d|h|min|s))?", shown)


@given(st.integers(1, 3650), st.integers(0, 23))
def test_a_whole_number_of_hours_is_shown_exactly(days: int, hours: int) -> None:
    shown = shown_duration(days * DAY + hours * HOUR)
    assert shown == (f"{days} d {hours} h" if hours else f"{days} d")
