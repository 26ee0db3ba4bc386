"""Keys as people write them, and as prompt_toolkit takes them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.key_binding import KeyBindings

from trio_chat.client.settings.keymap import ACTIONS, bindings, parse_key

NAMED = [
    "up",
    "home",
    "pageup",
    "insert",
    "f1",
    "f24",
    "tab",
    "enter",
    "space",
    "escape",
    "x",
    "\\",
]


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("ctrl-x", ("c-x",)),
        ("Ctrl-X", ("c-x",)),
        ("alt-n", ("escape", "n")),
        ("alt--", ("escape", "-")),
        ("alt-enter", ("escape", "c-m")),
        ("shift-tab", ("s-tab",)),
        ("ctrl-shift-left", ("c-s-left",)),
        ("ctrl-space", ("c-@",)),
        ("f12", ("f12",)),
        ("pageup", ("pageup",)),
    ],
)
def test_key_is_read(written: str, keys: tuple[str, ...]) -> None:
    assert parse_key(written) == keys


@pytest.mark.parametrize(
    "written", ["", "x", "ctrl-", "f25", "ctrl-é", "super-x", "ctrl-enter", "-"]
)
def test_what_is_no_key_is_refused(written: str) -> None:
    with pytest.raises(ValueError):
        parse_key(written)


@given(st.text(max_size=12))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        keys = parse_key(text)
    except ValueError:
        return
    KeyBindings().add(*keys)(print)


@pytest.mark.parametrize("name", NAMED)
def test_prompt_toolkit_knows_every_key_that_is_accepted(name: str) -> None:
    for modifiers in product(["", "alt-"], ["", "ctrl-"], ["", "shift-"]):
        try:
            keys = parse_key("".join(modifiers) + name)
        except ValueError:
            continue
        KeyBindings().add(*keys)(print)


def test_default_keys_are_keys_and_no_two_actions_share_one_at_any_moment() -> None:
    assert set(bindings({})) == {action.name for action in ACTIONS}


def test_key_of_another_action_is_refused() -> None:
    with pytest.raises(ValueError, match="next_room: has a key of page_up"):
        bindings({"page_up": ("alt-n",)})
    assert bindings({"page_up": ("alt-n",), "next_room": ()})["page_up"] == (("escape", "n"),)


def test_two_names_of_one_key_are_one_key() -> None:
    with pytest.raises(ValueError, match="complete: has a key of"):
        bindings({"send": ("ctrl-i",)})
