"""Which characters may travel: names folded for comparison, texts kept free of control characters.

Knows nothing of rooms, wires or terminals; server and client share it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

# C0 without tab and newline, DEL, C1; line and paragraph separators; lone surrogates; and the
# characters that reorder what stands around them (bidi marks, embeddings, overrides, isolates).
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDI}]")
_UNSAFE_OR_BREAK = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_BIDI}]")

REPLACEMENT = "\ufffd"


def clean_text(text: str) -> str:
    """Return *text* with CRLF as LF and every unsafe character replaced by U+FFFD.

    Newline and tab stay. The result can be written to a terminal: it moves no cursor, changes
    no colour and reorders nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(REPLACEMENT, text.replace("\r\n", "\n"))


def clean_line(text: str) -> str:
    """Like `clean_text`, for what must stay on one line: newlines and tabs become blanks."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return _UNSAFE_OR_BREAK.sub(REPLACEMENT, text)


# No name is longer, folded or typed with all its marks; a peer may well send 16 KiB.
NAME_CHARACTERS = 256
# Up to so many characters, if possible with a blank behind them.
_PIECE = re.compile(rf".{{1,{NAME_CHARACTERS}}}(?!\S)|.{{1,{NAME_CHARACTERS}}}", re.DOTALL)


def normalize(form: Literal["NFC", "NFKD"], text: str) -> str:
    """Return *text* in a normal form, in a time that grows only with its length.

    Ordering a row of combining marks takes the square of its length: 0.1 s for the 16 KiB of a
    line. So a long text is normalised in pieces, which end before a blank where there is one.
    """
    return "".join(unicodedata.normalize(form, piece) for piece in _PIECE.findall(text))


def fold(name: str) -> str:
    """Return the key under which *name* is looked up: two names that look alike by case or width
    have one key. A text longer than a name is folded in pieces, as in `normalize`.

    NFKC and case folding are repeated until nothing changes, because each can undo the other
    (U+0345, for one).
    """
    if name.isascii():
        return name.lower()
    if len(name) <= NAME_CHARACTERS:
        return _fold_cached(name)
    # What a peer made up shall not fill the cache, and not be normalised as a whole.
    return "".join(map(_fold, _PIECE.findall(name)))


def _fold(name: str) -> str:
    while True:
        folded = unicodedata.normalize("NFKC", name).casefold()
        if folded == name:
            return folded
        name = folded


_fold_cached = lru_cache(maxsize=16_384)(_fold)


def mention_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return what matches any of *words*, a nick or a word that means somebody, where it stands
    alone."""
    alternatives = "|".join(re.escape(word) for word in words if word.strip())
    return re.compile(rf"(?<!\w)(?:{alternatives or '(?!)'})(?!\w)", re.IGNORECASE)
