"""Names that look alike, and names of several scripts."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.chat.lookalikes import Lookalikes, is_mixed, scripts_of, skeleton
from trio_chat.chat.names import check_nick, check_room
from trio_chat.config import LimitsSection
from trio_chat.errors import BadRequest, NameInvalid
from trio_chat.text import fold

LIMITS = LimitsSection()
NAMES = st.text(st.characters(categories=["L", "Nd", "Mn"]), max_size=40)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("bob", "bоb"),  # a Cyrillic о
        ("bob", "Ьоb"),
        ("bob", "b0b"),
        ("bob", "BOB"),
        ("ace", "асе"),  # Cyrillic as a whole
        ("BOB", "ВОВ"),
        ("Bill", "BiIl"),
        ("Bill", "Bi1l"),
        ("modern", "modem"),
        ("scope", "ѕсоре"),
        ("太郎", "太郞"),
        ("é", "e\u0301"),
        ("alice", "ａｌｉｃｅ"),
        ("o'neill", "oʼneill"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    """S4"""
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("bob", "rob"), ("alice", "alicia"), ("太郎", "次郎"), ("Серёжа", "Cepexa"), ("é", "e")],
)
def test_other_names_have_others(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(NAMES)
def test_names_with_one_key_have_one_skeleton_but_for_capitals(name: str) -> None:
    folded = fold(name)
    assert skeleton(folded) == skeleton(fold(folded))
    assert skeleton(unicodedata.normalize("NFC", name)) == skeleton(name)


@pytest.mark.parametrize(
    "name",
    [
        *("bob", "bob-2", "o'neill", "stanisław", "Серёжа", "наташа_7", "Ελένη", "محمد", "מֹשֶׁה"),
        *("太郎", "山田たろう", "やまだ太郎", "ヤマダー", "らーめん", "한국", "漢字한글", "ㄅㄆ漢"),
        *("太郎tanaka", "สมชาย1", "ஆனந்த்", "გიორგი_7", "हिन्दी", "Անի", "7", "Ⅷ"),
    ],
)
def test_name_of_one_script_or_of_one_language_is_fine(name: str) -> None:
    """S4: names that are wholly of another script stay fine."""
    assert not is_mixed(name)
    assert check_nick(f"{name}x" if name == "7" else name, LIMITS)
    check_room(name.replace("'", "."), LIMITS)


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        ("bоb", "Cyrillic and Latin"),
        ("αlice", "Greek and Latin"),
        ("аλ", "Cyrillic and Greek"),
        ("bobא", "Hebrew and Latin"),
        ("bob٣", "Arabic and Latin"),
        ("やまだ한", "Hangul and Hiragana"),
        ("ᎪᎷᎬa", "Cherokee and Latin"),
        ("µm", "Greek and Latin"),
    ],
)
def test_name_of_mixed_scripts_is_refused(name: str, scripts: str) -> None:
    """S4"""
    with pytest.raises(NameInvalid, match=f"one script; this one mixes {scripts}"):
        check_nick(name, LIMITS)
    with pytest.raises(BadRequest, match=f"one script; this one mixes {scripts}"):
        check_room(name, LIMITS)


def test_every_letter_of_ascii_is_latin_and_nothing_else_there_is_of_a_script() -> None:
    for code in range(128):
        assert scripts_of(chr(code)) == ({"Latin"} if chr(code).isalpha() else set())


def test_every_letter_that_a_nick_may_hold_has_a_skeleton() -> None:
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] == "L":
            assert skeleton(chr(code)), hex(code)


def test_who_is_called_alike_is_found_until_the_name_is_free() -> None:
    alike: Lookalikes[int] = Lookalikes()
    alike.put("bob", 1)
    assert (alike.find("bob"), alike.find("b0b"), alike.find("rob")) == (None, 1, None)
    alike.put("b0b", 2)
    assert (alike.find("bob"), alike.find("b0b"), alike.find("BoB")) == (2, 1, 2)
    alike.drop("bob")
    alike.drop("bob")
    assert (alike.find("bob"), alike.find("b0b")) == (2, None)
    alike.drop("b0b")
    assert alike.find("bob") is None
