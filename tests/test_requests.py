"""What a person typed: a command, or something to say."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.requests import Invocation, Lookalike, parse_slash


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("hello", "hello"),
        ("", ""),
        ("  // a comment", "  // a comment"),
        ('"/me waves"', '"/me waves"'),
        ("> /me waves", "> /me waves"),
        ("\\o/", "\\o/"),
        ("ノート", "ノート"),
        (" \u0301e", " \u0301e"),
        ("http://example.org/", "http://example.org/"),
        ("//me", "/me"),
        ("///me", "//me"),
        ("//", "/"),
        ("/", Invocation("", "")),
        ("/ me", Invocation("", "me")),
        ("/who", Invocation("who", "")),
        ("/who ", Invocation("who", "")),
        ("/me waves", Invocation("me", "waves")),
        ("/ME  waves  twice ", Invocation("ME", "waves  twice")),
        ("/me a\nb", Invocation("me", "a\nb")),
        ("/me\na b", Invocation("me", "a b")),
        ("/me\n", Invocation("me", "")),
        ("/me \na", Invocation("me", "\na")),
        ("/me //a", Invocation("me", "//a")),
    ],
)
def test_a_slash_makes_a_command_and_two_say_one(typed: str, parsed: Invocation | str) -> None:
    assert parse_slash(typed) == parsed


INVISIBLE = [
    *" \t\n\x0b\x0c\r\x1c\x85\xa0\u1680\u2000\u2003\u2009\u202f\u205f\u3000\u2028\u2029",  # blanks
    *"\u200b\u200c\u200d\u200e\u2060\u2063\ufeff\u00ad\u180e\u061c\u202e\u2066",  # of no width
    *"\u034f\u0301\u115f\u1160\u2800\u3164\uffa0\ufe0f\U000e0020",  # what shows nothing
    *"\x00\x08\x1b\x7f\ufffd",  # controls, and what they become
    "\u3000 \u200b\n",
]
SLASHES = [
    character
    for character in map(chr, range(0x80, sys.maxunicode + 1))
    if re.search(
        r"\b(SOLIDUS|DIVISION SLASH|FRACTION SLASH)\b", name := unicodedata.name(character, "")
    )
    and not re.search("REVERSE|CIRCLED|TAG|SUPERSET", name)
]


@pytest.mark.parametrize("before", INVISIBLE)
@pytest.mark.parametrize("slash", ["/", "\uff0f"])
def test_what_stands_invisibly_before_a_command_makes_no_talk_of_it(
    before: str, slash: str
) -> None:
    """S1"""
    parsed = parse_slash(f"{before}{slash}login carol hunter2hunter2")
    assert isinstance(parsed, Lookalike)
    assert parsed.meant == Invocation("login", "carol hunter2hunter2")
    assert "hunter2" not in parsed.message


@pytest.mark.parametrize("slash", [*SLASHES, "\u2571", "\u27cb", "\u1735"])
@pytest.mark.parametrize("doubled", [False, True])
def test_no_other_slash_begins_a_text(slash: str, doubled: bool) -> None:
    """S1"""
    parsed = parse_slash(f"{slash * (1 + doubled)}login carol hunter2hunter2")
    assert isinstance(parsed, Lookalike)
    assert "hunter2" not in parsed.message


def test_there_are_many_kinds_of_slash() -> None:
    assert {"\uff0f", "\u2044", "\u2215", "\u29f8"} < set(SLASHES)


@given(st.text())
def test_every_text_can_be_said(text: str) -> None:
    parsed = parse_slash(text)
    escaped = text if parsed == text else "/" + text
    assert isinstance(parsed, Lookalike) or parse_slash(escaped) == text


@given(st.text())
def test_a_lookalike_can_be_said_behind_a_quote(text: str) -> None:
    assert parse_slash(f'"{text}') == f'"{text}'


@given(name=st.from_regex(r"[a-z?]{1,9}", fullmatch=True), rest=st.text())
def test_a_command_gets_what_was_typed_after_its_name(name: str, rest: str) -> None:
    assert parse_slash(f"/{name} {rest}") == Invocation(name, rest.strip(" "))
