"""Passwords that are asked for, pastes that are asked about, lists: without any terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from trio_chat.client.settings.keymap import ACTIONS
from trio_chat.client.settings.settings import Settings
from trio_chat.client.state.passwords import is_secret, masked, wanted
from trio_chat.client.text.render import Renderer, Row
from trio_chat.client.ui.full.notify import desktop_kind, sequence
from trio_chat.client.ui.input.paste import PasteGuard, separate
from trio_chat.client.ui.input.question import Secret
from trio_chat.client.ui.lists.found import events_of, found_list
from trio_chat.client.ui.lists.keylist import key_list
from trio_chat.client.ui.lists.listing import Listing
from trio_chat.events import Result


def give_all(text: str, *answers: str) -> str | None:
    secret = Secret(text, "ada")
    whole = None
    for answer in answers:
        assert whole is None
        whole = secret.give(answer)
    return whole


@pytest.mark.parametrize(
    ("text", "answers", "whole"),
    [
        ("/login", ["pw"], "/login pw"),
        ("/LOGIN ", ["pw"], "/LOGIN pw"),
        ("/login", ["two words"], "/login ada two words"),
        ("/login", ["", "pw"], "/login pw"),
        ("/identify", ["pw"], "/identify pw"),
        ("/register", ["pw", "pw"], "/register pw"),
        ("/register", ["pw", "qw", "pw", "pw"], "/register pw"),
        ("/register", ["correct horse"] * 2, "/register correct horse"),
        ("/passwd", ["a b", "old", "new", "new"], "/passwd old new"),
    ],
)
def test_command_is_completed(text: str, answers: list[str], whole: str) -> None:
    assert give_all(text, *answers) == whole


@pytest.mark.parametrize(
    "text",
    [
        "/login pw",
        "/login eve pw",
        "/register pw",
        "/register correct horse battery",
        "/passwd a b",
        "/passwd a",
        "/me",
        "login",
        "",
    ],
)
def test_nothing_is_asked_where_nothing_lacks(text: str) -> None:
    """S3: what stands behind the command is the password, here as on the server."""
    assert wanted(text) == ()


def test_what_may_hold_a_password_is_masked() -> None:
    assert masked("/login eve geheim") == "/login …"
    assert masked("/Token abc") == "/Token …"
    assert masked("/claim") == "/claim"
    assert masked("//login eve geheim") == "//login eve geheim"
    assert is_secret("/register x")
    assert is_secret(" \uff0flogin eve geheim")
    assert masked(" /login eve geheim") == "/login …"
    assert not is_secret("/join x")


def test_label_says_what_is_asked_for() -> None:
    secret = Secret("/register", "ada")
    assert secret.label == "/register: password "
    secret.give("one")
    assert secret.label == "/register: password again "
    secret.give("two")
    assert secret.label == "they differ, once more; /register: password "


@pytest.mark.parametrize(
    ("text", "is_long"),
    [("a\n" * 4 + "b", False), ("a\n" * 5 + "b", True), ("x" * 100, False), ("x" * 101, True)],
)
def test_paste_is_long_from_its_limits_on(text: str, is_long: bool) -> None:
    assert PasteGuard(5, 100, 1000).is_long(text) is is_long


def test_question_says_what_the_server_would_refuse() -> None:
    guard = PasteGuard(5, 100, 1000)
    assert guard.describe("a\nb", {}) == "2 lines, 3 characters"
    assert "at most 1 line" in guard.describe("a\nb", {"text_lines": 1})
    assert "at most 3 bytes" in guard.describe("äöü", {"text_bytes": 3, "text_lines": 100})
    assert guard.is_too_long("ä" * 501)


def test_lines_of_a_paste_are_no_commands() -> None:
    assert separate("/quit\n\n  \n//x\nplain") == ["//quit", "///x", "plain"]


ROWS: list[Row] = [[("", f"row {number}")] for number in range(30)]


@given(st.lists(st.integers(-40, 40), max_size=20), st.integers(1, 40))
def test_row_one_stands_on_is_always_shown(steps: list[int], height: int) -> None:
    chosen: list[int] = []
    listing = Listing("rows", ROWS, chosen.append, index=29)
    for step in steps:
        listing.move(step)
        shown = "".join(text for style, text in listing.draw(height) if style == "class:selected")
        assert shown == f"row {listing.index}"
    listing.choose()
    assert chosen == [listing.index]


def test_list_to_read_scrolls_to_its_end_and_no_further() -> None:
    listing = Listing("rows", ROWS)
    for _ in range(9):
        listing.draw(10)
        listing.move_pages(1)
    assert "".join(text for _, text in listing.draw(10)).splitlines()[-1] == "row 29"
    assert listing.index == 20


@pytest.mark.parametrize(
    ("setting", "environment", "kind"),
    [
        ("auto", {"TERM": "xterm-256color"}, None),
        ("on", {"TERM": "xterm-256color"}, "9"),
        ("auto", {"TERM": "foot"}, "777"),
        ("auto", {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "9"),
        ("off", {"TERM": "foot"}, None),
    ],
)
def test_terminals_that_notify_are_known(
    setting: str, environment: dict[str, str], kind: str | None
) -> None:
    assert desktop_kind(setting, environment) == kind


@given(st.text(), st.text(), st.sampled_from(["9", "777"]))
def test_nothing_gets_out_of_a_notification(title: str, text: str, kind: str) -> None:
    escape = sequence("9" if kind == "9" else "777", title, text)
    assert escape.startswith("\x1b]")
    assert escape.endswith("\x1b\\")
    inside = escape[2:-2]
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in inside)
    assert inside.count(";") == (1 if kind == "9" else 3)


def test_tmux_is_told_to_pass_it_on() -> None:
    assert sequence("9", "a", "b", in_tmux=True) == "\x1bPtmux;\x1b\x1b]9;a: b\x1b\x1b\\\x1b\\"


def test_keys_fit_an_ordinary_terminal_and_none_is_missing() -> None:
    rows = "".join(text for _, text in key_list(Settings()).draw(100)).splitlines()
    assert max(map(len, rows)) <= 80
    assert any(row.startswith(" Ctrl-X Ctrl-E ") for row in rows)
    assert len(rows) == len(ACTIONS) - 8 + 3


def test_list_of_keys_shows_the_person_s_own() -> None:
    own = Settings(keys={"bare": ("f5",), "help": (), "room_3": ("f3",)})
    text = "".join(text for _, text in key_list(own).draw(100))
    assert " F5  " in text
    assert " -   " in text
    assert " F3  " in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["events", "type", "room", "seq", "at", "from", "text", "kind"]),
            inner | st.sampled_from(["said", "message", "topic"]),
            max_size=8,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_answer_to_a_search_breaks_the_list(data: object) -> None:
    events = events_of(Result(command="search", data=data, text=""))
    found_list(events, Renderer(get_cwidth), 24, lambda event: None).draw(10)


def test_found_lines_move_no_cursor() -> None:
    said = {"type": "said", "room": "lo\x1bbby", "seq": 1, "at": "now", "from": "e\nve\x9b"}
    said |= {"text": "a\x1b[2J\nb", "kind": "message"}
    events = events_of(Result(command="search", data={"events": [said]}, text=""))
    drawn = found_list(events, Renderer(get_cwidth), 24, lambda event: None).draw(10)
    text = "".join(fragment[1] for fragment in drawn)
    assert text.count("\n") == 0
    assert text.isprintable()
