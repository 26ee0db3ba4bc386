"""Where text may be cut, and how wide it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth
from wcwidth import iter_graphemes

from trio_chat.client.text.wrapping import Measure, steady

MEASURE = Measure(get_cwidth)


def wrap(text: str, columns: int) -> list[str]:
    text = steady(text)
    return [text[start:end] for start, end in MEASURE.rows(text, columns)]


def test_text_is_wrapped_at_blanks_then_anywhere() -> None:
    assert wrap("a" * 9 + " bc", 10) == ["a" * 9, "bc"]
    assert wrap("a" * 10 + " bc", 10) == ["a" * 10, "bc"]
    assert wrap("a" * 12, 10) == ["a" * 10, "aa"]
    assert wrap("one\n\ntwo", 10) == ["one", "", "two"]
    assert wrap("one two three", 8) == ["one two", "three"]


def test_indentation_of_code_is_kept() -> None:
    assert wrap("def f():\n    return 1", 20) == ["def f():", "    return 1"]


def test_mark_stays_with_its_letter() -> None:
    assert wrap("e\u0301" * 4, 2) == ["e\u0301" * 2] * 2
    assert wrap("한" * 4, 4) == ["한" * 2] * 2
    assert MEASURE.fit("e\u0301" * 4, 3) == "e\u0301" * 2 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a🇩🇪b🇫🇷", "aDEbFR"),
        ("❤️ ℹ️ ©️ ‼️", "❤ ℹ © ‼"),
        ("1️⃣ #⃣", "1 #"),
        ("👨‍👩‍👧 👍🏽", "👨👩👧 👍"),
        ("क्\u200dष", "क्\u200dष"),
        ("a\tb", "a   b"),
    ],
)
def test_width_is_what_every_terminal_draws(text: str, shown: str) -> None:
    """C8: a flag has two columns, as terminals draw it; what joins and colours emoji has none."""
    assert steady(text) == shown


def test_text_too_long_is_cut_between_characters() -> None:
    assert MEASURE.fit("日本語", 5) == "日本…"
    assert MEASURE.fit("abc", 3) == "abc"


@given(st.text(), st.integers(2, 80))
def test_no_row_is_too_wide_and_no_character_gets_lost(text: str, columns: int) -> None:
    rows = wrap(text, columns)
    for row in rows:
        assert get_cwidth(row) <= columns or len(list(iter_graphemes(row))) == 1
    assert "".join("".join(rows).split()) == "".join(steady(text).split())
