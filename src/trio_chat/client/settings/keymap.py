"""The key map: the actions with their default keys, and how a key is written. It knows no
prompt_toolkit, only how that names keys; a test compares."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from trio_chat.config import nearest

# What prompt_toolkit binds: keys in their order; `escape` and a key is how a terminal says Alt.
Keys: TypeAlias = tuple[str, ...]


class Action(NamedTuple):
    """An action that keys are bound to. *when*: the only moment in which they are; at others the
    same key may have another action."""

    name: str
    keys: tuple[str, ...]
    help: str
    when: str = ""


ACTIONS = (
    Action("send", ("enter",), "sends the line; in a menu or list picks the item moved onto"),
    Action("new_line", ("alt-enter",), "a new line inside the message"),
    Action("complete", ("tab",), "completes nicks, rooms, commands and :emoji:"),
    Action("complete_back", ("shift-tab",), "goes back in the menu"),
    Action("earlier", ("up",), "an earlier line that begins with what stands there"),
    Action("later", ("down",), "a later one"),
    Action("search_input", ("ctrl-r",), "searches the earlier lines"),
    Action("edit", ("ctrl-x ctrl-e",), "opens the line in your editor ($VISUAL, $EDITOR)"),
    Action("mend", ("alt-e",), "mends what you said last", "the line is empty"),
    Action("page_up", ("pageup",), "scrolls back, to the beginning of the room"),
    Action("page_down", ("pagedown",), "scrolls on"),
    Action("newest", ("end",), "goes to the newest line", "scrolled back"),
    Action("first_unread", ("alt-u",), "scrolls to where reading stopped"),
    Action("next_room", ("alt-n",), "goes to the next room"),
    Action("previous_room", ("alt-p",), "goes to the previous room"),
    Action("next_called", ("alt-a",), "goes to the next room with a mention, or with news"),
    *(
        Action(f"room_{number}", (f"alt-{number}",), f"goes to room {number}")
        for number in range(1, 10)
    ),
    Action("rooms", ("alt-g",), "lists the rooms, to go to one; what is typed filters them"),
    Action("bare", ("alt-l",), "shows bare lines, to copy; the next key comes back"),
    Action("help", ("f1",), "lists the keys"),
    Action("close", ("escape", "ctrl-c"), "closes it", "a list or a question is open"),
    Action("clear", ("ctrl-c",), "clears the line"),
    Action("leave", ("ctrl-c", "ctrl-d"), "leaves; Ctrl-C asks first", "the line is empty"),
    Action("suspend", ("ctrl-z",), "suspends; `fg` comes back"),
)

_ACTION_NAMES = tuple(action.name for action in ACTIONS)
_MODIFIERS = re.compile(r"((?:(?:ctrl|alt|shift)-)*)(.+)", re.DOTALL)
_CONTROL_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz\\]^_")
_MOVING = frozenset(
    ["up", "down", "left", "right", "home", "end", "pageup", "pagedown", "insert", "delete"]
)
_FUNCTION = re.compile(r"f(?:[1-9]|1[0-9]|2[0-4])")
# The terminal sends the same for both names.
_SAME = {"enter": "c-m", "tab": "c-i", "backspace": "c-h", "c-space": "c-@"}


def parse_key(text: str) -> Keys:
    """Return what prompt_toolkit calls the key `ctrl-x`, `alt-n`, `shift-tab`, `pageup`, `f5`, or
    the two strokes `ctrl-x ctrl-e`.

    Raises:
        ValueError: it is no key, or one that is needed for typing.
    """
    first, *others = text.lower().split(" ")
    strokes = [_stroke(first), *map(_stroke, others)]
    if len(strokes[0]) == 1 and len(strokes[0][0]) == 1:
        raise ValueError(f"{text!r} is needed for typing; put ctrl- or alt- before it")
    return tuple(key for stroke in strokes for key in stroke)


def _stroke(text: str) -> Keys:
    match = _MODIFIERS.fullmatch(text)
    if match is None:
        raise ValueError("a key has a name, such as ctrl-x, alt-n, pageup or f5")
    modifiers, name = match[1].split("-")[:-1], match[2]
    if len(set(modifiers)) < len(modifiers):
        raise ValueError(f"{text!r} names a modifier twice")
    key = _plain_key(name, "ctrl" in modifiers, "shift" in modifiers)
    if key is None:
        raise ValueError(f"{text!r} is no key; keys are ctrl-x, alt-n, shift-tab, pageup, f5 ...")
    return ("escape", key) if "alt" in modifiers else (key,)


def _plain_key(name: str, is_ctrl: bool, is_shift: bool) -> str | None:
    """Return prompt_toolkit's name, without Alt; None if no terminal tells such a key."""
    prefix = "c-" * is_ctrl + "s-" * is_shift
    if name in _MOVING or (_FUNCTION.fullmatch(name) and not is_shift):
        return prefix + name
    if name == "tab" and not is_ctrl:
        return "s-tab" if is_shift else _SAME["tab"]
    if name == "space" and not is_shift:
        return _SAME["c-space"] if is_ctrl else " "
    if name in ("enter", "backspace", "escape") and not prefix:
        return _SAME.get(name, name)
    if len(name) == 1 and name.isprintable() and not is_shift:
        return name if not is_ctrl else f"c-{name}" if name in _CONTROL_CHARACTERS else None
    return None


def bindings(changes: Mapping[str, Sequence[str]]) -> dict[str, tuple[Keys, ...]]:
    """Return action -> its keys: the defaults, with *changes* (action -> keys as written).

    Raises:
        ValueError: an unknown action, no key, or one key for two actions.
    """
    for name in changes:
        if name not in _ACTION_NAMES:
            raise ValueError(f"there is no action {name!r}{nearest(name, _ACTION_NAMES)}")
    written = {action.name: changes.get(action.name, action.keys) for action in ACTIONS}
    bound = {name: tuple(_parse_for(name, key) for key in keys) for name, keys in written.items()}
    _check_doubles(bound)
    return bound


def _parse_for(action: str, key: str) -> Keys:
    try:
        return parse_key(key)
    except ValueError as exc:
        raise ValueError(f"{action}: {exc}") from None


def _check_doubles(bound: Mapping[str, Sequence[Keys]]) -> None:
    """Raise ValueError if a key has two actions at the same moment."""
    owners: dict[tuple[Keys, str], str] = {}
    for action in ACTIONS:
        for key in bound[action.name]:
            other = owners.setdefault((key, action.when), action.name)
            if other != action.name:
                raise ValueError(f"{action.name}: has a key of {other}")
