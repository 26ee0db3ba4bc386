"""The list that F1 shows: every key, from the table that binds them."""

from __future__ import annotations

from trio_chat.client.keymap import ACTIONS
from trio_chat.client.render import Row
from trio_chat.client.settings import Settings
from trio_chat.client.ui.listing import Listing

_NAMES = {"pageup": "PgUp", "pagedown": "PgDn"}
_KEY_COLUMNS = 16


def key_list(settings: Settings) -> Listing:
    """Return what every key does, as the person has set them."""
    rows: list[Row] = []
    for action in ACTIONS:
        keys = settings.keys.get(action.name, action.keys)
        moment = f" (when {action.when})" if action.when else ""
        shown = ", ".join(map(shown_key, keys)) or "-"
        rows.append([("bold", f" {shown:<{_KEY_COLUMNS}} "), ("", f"{action.help}{moment}")])
    rows += [
        [],
        [("bold", f" {'→':<{_KEY_COLUMNS}} "), ("", "takes what is suggested, at the line's end")],
        [("", " /help lists the commands. What is typed is edited as in a shell.")],
    ]
    return Listing("keys — Esc closes", rows)


def shown_key(key: str) -> str:
    """Return a key as people write it: `ctrl-c` is `Ctrl-C`, `pageup` is `PgUp`."""
    return " ".join(
        "-".join(_NAMES.get(part, part.title()) for part in stroke.split("-"))
        for stroke in key.split(" ")
    )
