"""The themes, as data: for each a style rule per class. It knows no prompt_toolkit, only
its words for styles: `bold #d75f5f bg:#000000`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from trio_chat.config import nearest

Rules: TypeAlias = dict[str, str]


def _nicks(*colours: str) -> Rules:
    return {f"nick{number}": colour for number, colour in enumerate(colours)}


# No colour at all: what must be told apart is bold, underlined or reversed.
_NONE: Rules = {
    "screen": "",
    **_nicks(*[""] * 12),
    "time": "",
    "rule": "",
    "dim": "",
    "new": "bold",
    "error": "bold",
    "own": "bold",
    "mention": "reverse",
    "mentioned": "bold",
    "action": "italic",
    "code": "bold",
    "link": "underline",
    "strong": "bold",
    "emphasis": "italic",
    "found": "reverse",
    "selected": "reverse",
    "hint": "",
    "question": "bold",
    "bar": "reverse",
    "current": "bold underline",
    "unread": "bold",
    "called": "bold noreverse",
    "prompt": "bold",
}

# Mid tones: 4.5 : 1 or better on black, and still 3 : 1 on white for who chose no theme.
_DARK: Rules = {
    **_NONE,
    **_nicks(
        *["#d75f5f", "#5f87d7", "#55a055", "#af5fd7", "#c9784f", "#0098a0"],
        *["#d75faf", "#87875f", "#7070e0", "#009a50", "#a87f00", "#8787af"],
    ),
    "time": "#888888",
    "rule": "#888888",
    "dim": "#888888",
    "new": "#d75f5f",
    "error": "#d75f5f",
    "hint": "#888888",
    "code": "#a87f00",
    "called": "bold #d75f5f",
}

# On white: 4.5 : 1 or better.
_LIGHT: Rules = {
    **_NONE,
    **_nicks(
        *["#b02020", "#1f4fb0", "#1f7a1f", "#8020b0", "#9a4a10", "#006d78"],
        *["#b01f7a", "#6a6a20", "#4040c0", "#00703a", "#7a5c00", "#555590"],
    ),
    "time": "#666666",
    "rule": "#666666",
    "dim": "#666666",
    "new": "#b02020",
    "error": "#b02020",
    "hint": "#666666",
    "code": "#7a5c00",
    "called": "bold #b02020",
}

# 7 : 1 or better, on a background of its own.
_HIGH_CONTRAST: Rules = {
    **_NONE,
    **_nicks(
        *["#ff8080", "#80b0ff", "#80ff80", "#e0a0ff", "#ffb070", "#60ffff"],
        *["#ff90d0", "#e0e080", "#b0b0ff", "#60ffb0", "#ffd040", "#c0c0e0"],
    ),
    "screen": "#ffffff bg:#000000",
    "time": "#ffffff",
    "rule": "#ffffff",
    "dim": "#e0e0e0",
    "new": "bold #ffd040",
    "error": "bold #ff8080",
    "mentioned": "bold #ffff00",
    "code": "#60ffff",
    "called": "bold noreverse #ffff00",
}

THEMES: Mapping[str, Rules] = {
    "dark": _DARK,
    "light": _LIGHT,
    "high-contrast": _HIGH_CONTRAST,
    "none": _NONE,
}
CLASSES = frozenset(_NONE)

_ANSI = "black|red|green|yellow|blue|magenta|cyan|gray|default"
_COLOUR = rf"#[0-9a-fA-F]{{3}}|#[0-9a-fA-F]{{6}}|ansi(?:bright)?(?:{_ANSI})|default"
_WORD = re.compile(
    rf"(?:no)?(?:bold|italic|underline|strike|blink|reverse|hidden)|(?:fg:|bg:)?(?:{_COLOUR})"
)


def theme_name(wanted: str, environment: Mapping[str, str]) -> str:
    """Return the theme to use; `auto` is `none` where NO_COLOR is set (https://no-color.org)."""
    if wanted != "auto":
        return wanted
    return "none" if environment.get("NO_COLOR") else "dark"


def check_styles(styles: Mapping[str, str]) -> None:
    """Check rules that a person wrote.

    Raises:
        ValueError: naming the class that there is not, or the word that is none.
    """
    for name, rule in styles.items():
        if name not in CLASSES:
            raise ValueError(f"there is no class {name!r}{nearest(name, CLASSES)}")
        for word in rule.split():
            if not _WORD.fullmatch(word):
                raise ValueError(f"{name}: {word!r} is no style; write bold, #d75f5f, bg:ansiblue")
