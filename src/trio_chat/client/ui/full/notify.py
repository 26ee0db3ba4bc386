"""The bell, and the notifications that terminals can show, for somebody who looks elsewhere.

It knows no rooms. What a peer wrote is cleaned before it gets into an escape sequence.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from prompt_toolkit.output import Output

from trio_chat.client.settings.settings import Notifications
from trio_chat.client.state.effects import Bell
from trio_chat.client.state.room.line import shown_room
from trio_chat.text import clean_line

Kind: TypeAlias = Literal["9", "777"]

# Two notifications within this time are one.
PAUSE_SECONDS = 1.0
TEXT_CHARACTERS = 200
# https://iterm2.com/documentation-escape-codes.html and the terminals that followed it.
_OSC_9_PROGRAMS = frozenset({"iTerm.app", "WezTerm", "ghostty", "kitty"})


def desktop_kind(setting: str, environment: Mapping[str, str]) -> Kind | None:
    """Return which escape sequence this terminal shows notifications for; None: do not."""
    if setting == "off":
        return None
    term = environment.get("TERM", "")
    if term.startswith(("foot", "rxvt")):
        return "777"
    is_known = environment.get("TERM_PROGRAM") in _OSC_9_PROGRAMS or term == "xterm-kitty"
    return "9" if is_known or setting == "on" else None


def sequence(kind: Kind, title: str, text: str, *, in_tmux: bool = False) -> str:
    """Return the escape sequence that shows *title* and *text*, whatever is in them."""
    title = clean_line(title[:TEXT_CHARACTERS]).replace(";", ",")
    text = clean_line(text[:TEXT_CHARACTERS]).replace(";", ",")
    body = f"9;{title}: {text}" if kind == "9" else f"777;notify;{title};{text}"
    escape = f"\x1b]{body}\x1b\\"
    if in_tmux:  # which passes it on if `allow-passthrough` is on
        doubled = escape.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    return escape


class Notifier:
    """Rings and notifies as the settings say, at most once in `PAUSE_SECONDS`."""

    def __init__(
        self,
        settings: Notifications,
        output: Callable[[], Output],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._output = output
        self._kind = desktop_kind(settings.desktop, environment)
        self._in_tmux = bool(environment.get("TMUX"))
        self._not_before = 0.0

    def tell(self, bell: Bell, now: float) -> None:
        """Ring for *bell* at *now*, in monotonic seconds."""
        if now < self._not_before:
            return
        self._not_before = now + PAUSE_SECONDS
        output = self._output()
        if self._settings.bell:
            output.bell()
        if self._kind is not None:
            place = "" if bell.room.startswith("@") else f" in {shown_room(bell.room)}"
            title = f"{bell.nick}{place}"
            output.write_raw(sequence(self._kind, title, bell.text, in_tmux=self._in_tmux))
        output.flush()
