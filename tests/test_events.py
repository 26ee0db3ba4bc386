"""Times of events, and the types every part agrees on."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.events import Event, StoredEvent, milliseconds, timestamp

YEAR_9999_MS = 253_402_300_799_999


@pytest.mark.parametrize(
    ("at_ms", "at"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_795_348_800_123, "2026-11-22T12:00:00.123Z"),
        (YEAR_9999_MS, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_utc_with_milliseconds(at_ms: int, at: str) -> None:
    assert timestamp(at_ms) == at
    assert milliseconds(at) == at_ms


@given(st.integers(0, YEAR_9999_MS))
def test_a_time_survives_being_written_down(at_ms: int) -> None:
    assert milliseconds(timestamp(at_ms)) == at_ms


@given(st.lists(st.integers(0, YEAR_9999_MS), min_size=2))
def test_times_sort_as_text(several_ms: list[int]) -> None:
    assert sorted(map(timestamp, several_ms)) == [timestamp(at_ms) for at_ms in sorted(several_ms)]


def test_a_time_of_another_zone_is_understood() -> None:
    assert milliseconds("2026-11-22T14:00:00.123+02:00") == 1_795_348_800_123


@pytest.mark.parametrize("at", ["", "noon", "2026-11-22", "2026-11-22T12:00:00", "2026-13-01T00Z"])
def test_what_is_no_time_or_names_no_zone_is_refused(at: str) -> None:
    with pytest.raises(ValueError):
        milliseconds(at)


def test_stored_events_are_those_with_a_place_in_a_log() -> None:
    stored = set(get_args(StoredEvent))
    assert stored <= set(get_args(Event))
    for struct in get_args(Event):
        assert ({"room", "seq", "at"} <= set(struct.__struct_fields__)) is (struct in stored)
