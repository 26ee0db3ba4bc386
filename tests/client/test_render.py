"""Lines as rows: columns, wrapping, follow-ups, rules."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prompt_toolkit.utils import get_cwidth

from trio_chat.client.state.room.line import Line, Look
from trio_chat.client.text.render import Renderer, grid, nick_style

START_MS = 1_795_348_800_000


def line(
    text: str, nick: str = "ada", look: Look = "message", minutes: float = 0, **more: Any
) -> Line:
    return Line(1, START_MS + int(minutes * 60_000), look, nick, text, **more)


def texts(shown: Line, previous: Line | None = None, width: int = 60, new: str = "") -> list[str]:
    rows = Renderer(get_cwidth).rows(shown, previous, width, new=new)
    return ["".join(text for _, text in row).rstrip() for row in rows]


def body(shown: Line, width: int = 60) -> list[str]:
    return [row.partition(" │ ")[2] for row in texts(shown, line(""), width)]


def test_nick_is_right_aligned_and_the_text_hangs() -> None:
    first, second = texts(line("word " * 12), line("", nick="bob"))
    assert first[5:].startswith("          ada │ word word")
    assert second.startswith("                   │ word")


def test_follow_up_within_five_minutes_is_not_named_again() -> None:
    assert "ada" in texts(line("b", minutes=6), line("a"))[0]
    assert "ada" not in texts(line("b", minutes=4), line("a"))[0]
    assert "ada" in texts(line("b"), line("a", nick="bob"))[0]


def test_new_day_has_a_rule() -> None:
    rows = texts(line("b", minutes=24 * 60), line("a"))
    assert rows[0].startswith("──")
    assert "November 2026" in rows[0]
    assert "ada" in rows[1]


def test_rule_stands_where_reading_stopped() -> None:
    assert " 4 new " in texts(line("b"), line("a"), new="4 new")[0]


@pytest.mark.parametrize(
    ("look", "sign"), [("coming", "→"), ("going", "←"), ("system", "·"), ("error", "✗")]
)
def test_what_nobody_said_has_a_sign(look: Look, sign: str) -> None:
    assert f"{sign} │ text" in texts(line("text", "", look), line(""))[0]


def test_action_and_notice() -> None:
    assert "* │ ada waves" in texts(line("waves", look="action"), line(""))[0]
    assert "-ada- │ news" in texts(line("news", look="notice"), line(""))[0]


def test_long_nick_is_cut_with_an_ellipsis() -> None:
    assert "xxxxxxxxxxx… │" in texts(line("a", nick="x" * 32), line(""))[0]


def test_wide_text_is_never_wider_than_its_columns() -> None:
    rows = body(line("日本語" * 20))
    assert all(get_cwidth(row) <= grid(60).text_columns for row in rows)
    assert "".join(rows) == "日本語" * 20


def test_emoji_have_the_width_that_every_terminal_gives_them() -> None:
    assert body(line("👨‍👩‍👧 ❤️ 👍🏽")) == ["👨👩👧 ❤ 👍"]


def test_nick_has_one_colour_whatever_its_case() -> None:
    assert nick_style("Ada") == nick_style("ada")


def test_narrow_terminal_gives_up_the_time() -> None:
    assert grid(30).time_columns == 0
    assert texts(line("a"), line("", nick="bob"), width=30)[0].lstrip().startswith("ada │ a")


def test_amended_text_says_so() -> None:
    assert body(line("better", fate="edited")) == ["better (edited)"]
    assert body(line("", fate="deleted")) == ["(deleted)"]


def test_clock_of_twelve_hours() -> None:
    shown = Renderer(get_cwidth, clock=12).rows(line("a"), line("", nick="bob"), 60, new="")
    assert re.fullmatch(r"[ 1]\d:\d\d[ap] ", shown[0][0][1])


def test_markup_is_what_people_say_and_not_what_the_server_says() -> None:
    [row] = Renderer(get_cwidth).rows(line("a *b*"), line("c"), 60, new="")
    assert (" class:strong", "b") in row
    [row] = Renderer(get_cwidth).rows(line("a *b*", "", "system"), line("c"), 60, new="")
    assert row[-1] == ("class:dim ", "a *b*")
