"""Which characters travel, and which names are the same name."""

from __future__ import annotations

import sys
import unicodedata
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_wire import NASTY_TEXTS, TEXTS, is_unsafe
from trio_chat.text import NAME_CHARACTERS, clean_line, clean_text, fold, is_blank, normalize

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1)]


def test_every_character_that_moves_or_reorders_is_replaced_and_no_other() -> None:
    kept = {"\n", "\t"}
    for character in EVERY_CHARACTER:
        cleaned = clean_text(character)
        if is_unsafe(character) and character not in kept:
            assert cleaned == "\ufffd", hex(ord(character))
        elif character not in "\u061c\u200e\u200f":
            assert cleaned == character, hex(ord(character))


@pytest.mark.parametrize("mark", ["\u061c", "\u200e", "\u200f"])
def test_marks_of_direction_are_replaced_among_other_letters(mark: str) -> None:
    assert clean_text(f"a{mark}b") == clean_line(f"a{mark}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "text",
    [
        "שלום\u200e!",
        "\u200fשלום",
        "سلام\u061c 1",
        "می\u200cخواهم",
        "क्\u200dष",
        "Tel: 03\u200e שלום",
    ],
)
def test_marks_of_direction_pass_where_they_are_needed(text: str) -> None:
    """S22"""
    assert clean_text(text) == clean_line(text) == text


@pytest.mark.parametrize("reordering", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_what_reorders_passes_nowhere(reordering: str) -> None:
    """S22"""
    assert clean_text(f"שלום{reordering}") == clean_line(f"שלום{reordering}") == "שלום\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "\u200b",
            "\u2800",
            "\u3164",
            "\u115f\u1160",
            "\uffa0",
            "\u00ad",
            "\ufeff",
            "\u2063",
            "\ufe0f",
        ),
        *(
            "\u200d\u200c",
            "\u034f",
            "\u180e",
            "\U000e0041\U000e007f",
            "\U000e0100",
            " \u200b\n\u3000",
            "",
        ),
        *("\u200e\u200f", "\u2060", "\u00a0", "\u17b4", "\U0001d159", "\u206a", "\U00013430"),
    ],
)
def test_text_that_shows_nothing_is_blank(text: str) -> None:
    """S21"""
    assert is_blank(text)


@pytest.mark.parametrize(
    "text", ["a", "\u200ba", "\ufffd", "\u0301", "❤\ufe0f", "\u0600", "\u06dd", "."]
)
def test_text_that_shows_something_is_not_blank(text: str) -> None:
    assert not is_blank(text)


def test_every_character_that_unicode_calls_a_blank_or_a_format_is_one_but_for_those_seen() -> None:
    """S21"""
    seen = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    for character in EVERY_CHARACTER:
        if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf"):
            assert is_blank(character) == (ord(character) not in seen), hex(ord(character))


@pytest.mark.parametrize(
    ("text", "cleaned", "line"),
    [
        ("hello", "hello", "hello"),
        ("", "", ""),
        ("a\r\nb", "a\nb", "a b"),
        ("a\rb", "a\ufffdb", "a\ufffdb"),
        ("a\nb\tc", "a\nb\tc", "a b c"),
        ("\x1b[31m", "\ufffd[31m", "\ufffd[31m"),
        ("\ud83d", "\ufffd", "\ufffd"),
        ("👩‍💻 日本語 é", "👩‍💻 日本語 é", "👩‍💻 日本語 é"),
    ],
)
def test_texts_and_lines_are_cleaned(text: str, cleaned: str, line: str) -> None:
    assert (clean_text(text), clean_line(text)) == (cleaned, line)


@given(TEXTS)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
    assert clean_line(clean_text(text)) == clean_line(text)
    clean_text(text).encode()


@pytest.mark.parametrize("text", NASTY_TEXTS)
def test_a_line_stays_one_line(text: str) -> None:
    assert len(clean_line(text).splitlines()) <= 1


def test_folding_any_character_twice_changes_nothing_more() -> None:
    for character in EVERY_CHARACTER:
        assert fold(fold(character)) == fold(character)


@given(TEXTS)
def test_a_folded_name_is_its_own_key(name: str) -> None:
    assert fold(fold(name)) == fold(name)
    assert fold(unicodedata.normalize("NFKC", name)) == fold(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "alice"),
        ("ALICE", "ａｌｉｃｅ"),
        ("Straße", "STRASSE"),
        ("Ωmega", "\u2126mega"),
        ("e\u0301", "é"),
        ("می\u200cخواهم", "میخواهم"),
        ("क्\u200dष", "क्ष"),
        ("ﬁn", "fin"),
        ("\u0345", "ι"),
        ("É" * 1000, "é" * 1000),
    ],
)
def test_names_that_look_alike_by_case_or_width_are_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(st.text(st.sampled_from("a é\u0301\u0323\u0344 ΐ"), min_size=1000, max_size=2000))
def test_long_texts_are_folded_and_normalized_in_pieces(text: str) -> None:
    """A1: the time grows with the length, not with its square; words stay whole."""
    with patch.object(unicodedata, "normalize", wraps=unicodedata.normalize) as normalized:
        fold(text)
        normalize("NFKD", text)
    assert max(len(call.args[1]) for call in normalized.call_args_list) <= 3 * NAME_CHARACTERS


def test_long_texts_of_words_are_folded_like_short_ones() -> None:
    words = ["Cafe\u0301", "ＴＥＡ", "ΐota"] * 100
    assert fold(" ".join(words)) == " ".join(map(fold, words))
    assert normalize("NFC", " ".join(words)) == unicodedata.normalize("NFC", " ".join(words))


@pytest.mark.parametrize(("one", "other"), [("alice", "alicе"), ("bob", "b0b"), ("a", "a ")])
def test_other_names_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_cut_for_ascii_is_the_same_rule(name: str) -> None:
    assert fold(name) == unicodedata.normalize("NFKC", name).casefold()
