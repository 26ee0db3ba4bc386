"""Passwords among the arguments of a command: a password may hold blanks. Knows no account."""

from __future__ import annotations

import re

# What is in quotes is one password where it holds a blank; others may hold a quote themselves.
_QUOTED = re.compile(r'"([^"]*\s[^"]*)"(?:\s+|$)')


def whole(text: str) -> str:
    """Return the password that *text* is, blanks included; quotes round one with blanks are none
    of it."""
    quoted = _QUOTED.fullmatch(text)
    return quoted[1] if quoted else text


def first(text: str) -> tuple[str, str]:
    """Return the password that *text* begins with, a word or what is in quotes, and the rest."""
    quoted = _QUOTED.match(text)
    if quoted:
        return quoted[1], text[quoted.end() :]
    password, *rest = text.split(None, 1) or [""]
    return password, "".join(rest)
