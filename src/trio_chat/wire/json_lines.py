"""Structs as lines of JSON in UTF-8, which have no way to spell a lone surrogate. Knows neither
requests nor events."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from trio_chat.text import REPLACEMENT

# To be given lists alone: of anything else msgspec 0.22 leaks the iterator, 48 bytes a call.
_encode_lines = msgspec.json.Encoder().encode_lines

_SURROGATE = re.compile("[\ud800-\udfff]")
# Whole escapes, so that an escaped backslash before a "u" is left alone.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def encode_lines(structs: list[Any]) -> bytes:
    """Return a line, with its LF, for each struct."""
    try:
        return _encode_lines(structs)
    except UnicodeEncodeError:
        return _encode_lines([_without_surrogates(msgspec.to_builtins(one)) for one in structs])


def encode_line(struct: Any) -> bytes:
    """Return the line, with its LF, that holds *struct*."""
    return encode_lines([struct])


def mend_surrogates(line: bytes) -> bytes:
    """Replace the escapes of lone surrogates, which JSON can spell and no text can hold."""
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], line)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(item) for item in value]
    return value
