"""What a person types to search: words, "quoted words" and beginnings*. Knows no back end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from trio_chat.errors import BadRequest
from trio_chat.store.words import fold_text, is_whole, spaced, words_of

# Folding a longer one would take the event loop's time; nobody types that much.
MAX_CHARACTERS = 512
# Each term may be as frequent as the language allows: with these a search of a million messages
# stays far below `store.search_seconds`.
MAX_TERMS = 16
# In all phrases together; in a script without blanks a sentence of so many characters.
MAX_WORDS = 64
# `a*` stands for a tenth of all words there are.
MIN_PREFIX_CHARACTERS = 2

_PARTS = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')


class Term(NamedTuple):
    """Words that stand together, `spaced`; *prefix*: the last one is a beginning."""

    text: str
    prefix: bool


def parse_query(query: str) -> list[Term]:
    """Return the terms of *query*, all of which must be found; what holds no letter or digit is
    left out, so the result may be empty.

    Raises:
        BadRequest: it is too long, has too many words, or a beginning that is too short.
    """
    if len(query) > MAX_CHARACTERS:
        raise BadRequest(f"a search has at most {MAX_CHARACTERS} characters, this has {len(query)}")
    terms: dict[tuple[tuple[str, ...], bool], Term] = {}
    # What SQLite cannot hold in a text parts words like any other sign.
    for quoted, star, plain in _PARTS.findall(re.sub(r"[\0\ud800-\udfff]", " ", query)):
        text = spaced(plain.rstrip("*") or quoted)
        if words := words_of(text):
            prefix = (bool(star) or plain.endswith("*")) and not is_whole(words[-1])
            if prefix and len(words[-1]) < MIN_PREFIX_CHARACTERS:
                raise BadRequest(
                    f"{plain or quoted + star}: the beginning of a word needs"
                    f" {MIN_PREFIX_CHARACTERS} characters before the *"
                )
            # As the index sees them: `Word` and `..word,` are one term.
            terms.setdefault((words, prefix), Term(text, prefix))
    if len(terms) > MAX_TERMS:
        raise BadRequest(f"a search has at most {MAX_TERMS} words, this has {len(terms)}")
    if sum(len(words) for words, _ in terms) > MAX_WORDS:
        raise BadRequest(f"a search has at most {MAX_WORDS} words in its phrases")
    return list(terms.values())


class Matcher:
    """Whether a text holds every one of *terms*: for what no index holds."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._wanted = [(words_of(term.text), term.prefix) for term in terms]
        self._needles = [word for words, _ in self._wanted for word in words]

    def matches(self, text: str) -> bool:
        text = spaced(text)
        folded = fold_text(text)
        for needle in self._needles:
            if needle not in folded:
                return False
        words = words_of(text)
        return all(_stand_together(words, wanted, prefix) for wanted, prefix in self._wanted)


def _stand_together(words: Sequence[str], wanted: Sequence[str], prefix: bool) -> bool:
    *whole, last = wanted
    for start in range(len(words) - len(whole)):
        end = start + len(whole)
        found = words[end].startswith(last) if prefix else words[end] == last
        if found and tuple(words[start:end]) == tuple(whole):
            return True
    return False
