"""What a person typed: a command, or something to say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.requests import Invocation, parse_slash


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("hello", "hello"),
        ("", ""),
        (" /me waves", " /me waves"),
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


@given(st.text())
def test_every_text_can_be_said(text: str) -> None:
    assert parse_slash("/" + text if text.startswith("/") else text) == text


@given(name=st.from_regex(r"[a-z?]{1,9}", fullmatch=True), rest=st.text())
def test_a_command_gets_what_was_typed_after_its_name(name: str, rest: str) -> None:
    assert parse_slash(f"/{name} {rest}") == Invocation(name, rest.strip(" "))
