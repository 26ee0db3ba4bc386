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
# characters that reorder what stands around them (embeddings, overrides, isolates).
_REORDERING = "\u202a-\u202e\u2066-\u2069"
_UNSAFE = f"\x7f-\x9f\u2028\u2029\ud800-\udfff{_REORDERING}"
_TEXT = re.compile(f"[\x00-\x08\x0b-\x1f{_UNSAFE}]")
_LINE = re.compile(f"[\x00-\x1f{_UNSAFE}]")
# Marks of direction are needed among letters that are written from right to left, where they are
# as harmless as these; elsewhere they are only invisible.
_MARKS = re.compile("[\u061c\u200e\u200f]")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)

REPLACEMENT = "\ufffd"

# Blanks, fillers, joiners, marks, tags and selectors; what Unicode calls default-ignorable, and
# characters without a shape. Some of category Cf are seen, and are not among them.
_INVISIBLE = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U00016fe4"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff\x00-\x1f\x7f-\x9f]*"
)
# They tell how letters beside them are joined, and are not seen themselves.
JOINERS = "\u200c\u200d"
_WITHOUT_JOINERS = str.maketrans("", "", JOINERS)


def clean_text(text: str) -> str:
    """Return *text* with CRLF as LF and every unsafe character replaced by U+FFFD.

    Newline and tab stay, and so do marks of direction beside letters that are written from right
    to left. The result can be written to a terminal: it moves no cursor, changes no colour and
    reorders nothing but itself.
    """
    if text.isascii() and text.isprintable():
        return text
    return _cleaned(text.replace("\r\n", "\n"), _TEXT)


def clean_line(text: str) -> str:
    """Like `clean_text`, for what must stay on one line: newlines and tabs become blanks."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return _cleaned(text, _LINE)


def _cleaned(text: str, unsafe: re.Pattern[str]) -> str:
    text = unsafe.sub(REPLACEMENT, text)
    if _MARKS.search(text) and not _RIGHT_TO_LEFT.search(text) and not is_blank(text):
        text = _MARKS.sub(REPLACEMENT, text)
    return text


def is_blank(text: str) -> bool:
    """Return whether *text* shows nothing."""
    return _INVISIBLE.fullmatch(text) is not None


def without_joiners(name: str) -> str:
    """Return *name* without what is not seen in it and makes no other name of it."""
    return name.translate(_WITHOUT_JOINERS)


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
    """Return the key under which *name* is looked up: two names that look alike by case or width,
    or differ by a joiner that is not seen, have one key. A text longer than a name is folded in
    pieces, as in `normalize`.

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
    name = without_joiners(name)
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
