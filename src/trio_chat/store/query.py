"""What a person types to search: words, "quoted words" and beginnings*. Knows no back end."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from trio_chat.text import normalize

_PARTS = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')
_WORD = re.compile(r"[^\W_]+")


class Term(NamedTuple):
    """Words that stand together; *prefix*: the last one is a beginning."""

    text: str
    prefix: bool


def parse_query(query: str) -> list[Term]:
    """Return the terms of *query*, all of which must be found. Never fails; what holds no letter
    or digit is left out, so the result may be empty."""
    terms = []
    # What SQLite cannot hold in a text parts words like any other sign.
    for quoted, star, plain in _PARTS.findall(re.sub(r"[\0\ud800-\udfff]", " ", query)):
        text = plain.rstrip("*") or quoted
        if words_of(text):
            terms.append(Term(text, prefix=bool(star) or plain.endswith("*")))
    return list(dict.fromkeys(terms))


class Matcher:
    """Whether a text holds every one of *terms*: for back ends without an index."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._wanted = [(words_of(term.text), term.prefix) for term in terms]
        self._needles = [word for words, _ in self._wanted for word in words]

    def matches(self, text: str) -> bool:
        folded = fold_text(text)
        for needle in self._needles:
            if needle not in folded:
                return False
        words = _WORD.findall(folded)
        return all(_stand_together(words, wanted, prefix) for wanted, prefix in self._wanted)


def _stand_together(words: Sequence[str], wanted: Sequence[str], prefix: bool) -> bool:
    *whole, last = wanted
    for start in range(len(words) - len(whole)):
        end = start + len(whole)
        found = words[end].startswith(last) if prefix else words[end] == last
        if found and words[start:end] == whole:
            return True
    return False


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of *text* without case and accents."""
    return tuple(_WORD.findall(fold_text(text)))


def fold_text(text: str) -> str:
    """Return *text* without case and accents."""
    if text.isascii():
        return text.lower()
    parts = normalize("NFKD", text).casefold()
    return "".join([c for c in parts if not unicodedata.combining(c)])
