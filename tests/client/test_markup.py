"""What is marked, and what is only a character."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.client.text.markup import cut, spans

NAMES = {"class:strong": "B", "class:emphasis": "I", "class:code": "C", "class:link": "L", "": ""}


def marked(text: str) -> str:
    return "".join(f"{NAMES[s]}({t})" if s else t for s, t in spans(text))


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("plain text", "plain text"),
        ("a *bold* word", "a B(bold) word"),
        ("_two words_, yes", "I(two words), yes"),
        ("(*so*)", "(B(so))"),
        ("run `ls *` now", "run C(ls *) now"),
        ("2*3*4 and snake_case_name", "2*3*4 and snake_case_name"),
        ("* a list * of", "* a list * of"),
        ("**double** stays", "**double** stays"),
        ("one * alone", "one * alone"),
        ("*over\nlines*", "*over\nlines*"),
        ("see https://a.example/x_y_z.", "see L(https://a.example/x_y_z)."),
        ("(https://a.example/wiki_(b))", "(L(https://a.example/wiki_(b)))"),
        ("https://", "https://"),
        ("xhttps://a.example", "xhttps://a.example"),
        ("```\nx = *p\n```", "C(x = *p)"),
        ("look:\n```\na\nb\n```\nnice", "look:\nC(a\nb\n)nice"),
        ("```py\nx\n```", "C(py\nx)"),
        ("``` never closed", "``` never closed"),
        ("inline ```a`b``` too", "inline C(a`b) too"),
        ("`` ` ``", "`` ` ``"),
        ("/usr/*/bin/*", "/usr/*/bin/*"),
    ],
)
def test_markup(text: str, looks: str) -> None:
    assert marked(text) == looks


@given(st.text(alphabet="ab *_`\n()h:/.", max_size=60))
def test_only_markers_are_left_out(text: str) -> None:
    shown = "".join(part.text for part in spans(text))
    for character in "abh:/.()":
        assert shown.count(character) == text.count(character)


@given(st.text(alphabet="ab *_`\n", max_size=40), st.integers(1, 9))
def test_cut_spans_hold_the_same_text(text: str, width: int) -> None:
    parts = spans(text)
    whole = "".join(part.text for part in parts)
    ranges = [(at, min(at + width, len(whole))) for at in range(0, len(whole), width)]
    rows = list(cut(parts, ranges))
    assert ["".join(t for _, t in row) for row in rows] == [whole[a:b] for a, b in ranges]


@pytest.mark.parametrize("piece", ["*a ", "`", "```", "_", "*", "``` ", "https://", "(((", "`\n"])
def test_hostile_text_costs_no_time(piece: str) -> None:
    text = (piece * 8192)[:8192]
    before = time.process_time()
    spans(text)
    assert time.process_time() - before < 0.5
