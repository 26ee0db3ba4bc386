"""The list that F1 shows: every key, from the table that binds them."""

from __future__ import annotations

from trio_chat.client.settings.keymap import ACTIONS
from trio_chat.client.settings.settings import Settings
from trio_chat.client.text.render import Row
from trio_chat.client.ui.lists.listing import Listing

_NAMES = {"pageup": "PgUp", "pagedown": "PgDn"}
_KEY_COLUMNS = 16


def key_list(settings: Settings) -> Listing:
    """Return what every key does, as the person has set them."""
    rows: list[Row] = []
    for action in ACTIONS:
        keys = settings.keys.get(action.name, action.keys)
        if action.name.startswith("room_") and keys == action.keys:
            if action.name == "room_1":
                rows.append(_row("Alt-1 ... Alt-9", "goes to a room"))
            continue
        moment = f" (when {action.when})" if action.when else ""
        shown = ", ".join(map(shown_key, keys)) or "-"
        rows.append(_row(shown, f"{action.help}{moment}"))
    rows += [
        _row("Right", "at the end of the line takes what is suggested"),
        [],
        [("", " /help lists the commands. What is typed is edited as in a shell.")],
    ]
    return Listing("keys — Esc closes", rows)


def _row(keys: str, does: str) -> Row:
    return [("bold", f" {keys:<{_KEY_COLUMNS}} "), ("", does)]


def shown_key(key: str) -> str:
    """Return a key as people write it: `ctrl-c` is `Ctrl-C`, `pageup` is `PgUp`."""
    return " ".join(
        "-".join(_NAMES.get(part, part.title()) for part in stroke.split("-"))
        for stroke in key.split(" ")
    )
