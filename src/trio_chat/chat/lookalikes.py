"""Names that look alike, after Unicode TS 39: two names with one skeleton cannot be told apart by
eye, and a name of several scripts is made to look like another.

The tables are made by scripts/unicode_tables.py from data that Unicode publishes.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Generic, TypeVar

from trio_chat.text import NAME_CHARACTERS, fold

Named = TypeVar("Named")

# Languages that are written with several scripts, and what is usual beside them.
_TOGETHER = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)


def skeleton(name: str) -> str:
    """Return what *name* looks like: two names with one skeleton look alike. It is no name, and is
    compared with other skeletons only.

    A text longer than a name is its own skeleton, but for case and width.
    """
    return _skeleton(name) if len(name) <= NAME_CHARACTERS else fold(name)


@lru_cache(maxsize=16_384)
def _skeleton(name: str) -> str:
    # Case is folded last: a capital I looks like a small l, a small i does not.
    return fold(unicodedata.normalize("NFKD", name).translate(_prototypes()))


def scripts_of(name: str) -> frozenset[str]:
    """Return the scripts of the letters in *name*; digits and signs of every
    language are of none."""
    starts, names = _scripts()
    plain = unicodedata.normalize("NFKC", name)
    found = (names[bisect_right(starts, ord(character)) - 1] for character in plain)
    return frozenset(filter(None, found))


def is_mixed(name: str) -> bool:
    """Return whether *name* is written in scripts that no language uses together."""
    scripts = scripts_of(name)
    return len(scripts) > 1 and not any(scripts <= usual for usual in _TOGETHER)


class Lookalikes(Generic[Named]):
    """Those who have names, by the skeletons of these: who is called like somebody else."""

    def __init__(self) -> None:
        self._by_skeleton: dict[str, dict[str, Named]] = {}

    def put(self, name: str, holder: Named) -> None:
        self._by_skeleton.setdefault(skeleton(name), {})[fold(name)] = holder

    def drop(self, name: str) -> None:
        alike = self._by_skeleton.get(skeleton(name), {})
        alike.pop(fold(name), None)
        if not alike:
            self._by_skeleton.pop(skeleton(name), None)

    def find(self, name: str) -> Named | None:
        """Somebody whose name looks like *name*, but is another."""
        alike = self._by_skeleton.get(skeleton(name), {})
        key = fold(name)
        return next((holder for other, holder in alike.items() if other != key), None)


@cache
def _prototypes() -> Mapping[int, str]:
    return {
        int(source, 16): "".join(chr(int(code, 16)) for code in target.split())
        for target, sources in _rows("confusables.txt")
        for source in sources.split()
    }


@cache
def _scripts() -> tuple[list[int], list[str]]:
    """Where each range begins, in order, and its script; "" between them."""
    begins = {0: ""}
    for script, ranges in _rows("scripts.txt"):
        for span in ranges.split():
            first, final = (int(code, 16) for code in span.split("-"))
            begins[first] = script
            begins.setdefault(final + 1, "")
    return sorted(begins), [begins[start] for start in sorted(begins)]


def _rows(table: str) -> Iterator[tuple[str, str]]:
    text = files("trio_chat.chat").joinpath("unicode", table).read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            key, _, rest = line.partition(":")
            yield key, rest
