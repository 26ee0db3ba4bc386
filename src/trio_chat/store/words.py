"""Which words a text has for a search: runs of scripts that put no blanks between their words are
cut into single characters, so that whatever stands in such a run is found. Knows no back end.

Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese and their neighbours; Korean has blanks, but
glues particles to its words. A part of a run is looked for as its characters in a row. Measured
with 20 characters a message: as large on the disk as the uncut run, 3 microseconds more for each
message; with pairs of characters as words 1.5 times as large and 11 microseconds more.
"""

from __future__ import annotations

import re
import unicodedata

from trio_chat.text import normalize

# Written to the databases: `schema_3.sql` looks for the same characters. Whole blocks, because
# what Unicode adds to them later must not change how a text is cut.
_IDEOGRAPHS = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
_SYLLABLES = (
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u312f\u3131-\u318f\u31a0-\u31bf\u31f0-\u31ff"
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff\ua000-\ua4cf\U0001b000-\U0001b16f"
)
# Vowels and tones are marks here, which the tokenizer of SQLite takes for what parts words.
_WITH_MARKS = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f"
    "\ua980-\ua9ff\uaa60-\uaadf"
)
# One thing in several spellings: wide letters, halves of kana, squares, parts of syllables.
_VARIANTS = "\u1100-\u11ff\u2e80-\u33ff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"

_VARIANT = re.compile(f"[{_VARIANTS}]+")
_UNSPACED = re.compile(f"([{_IDEOGRAPHS}{_SYLLABLES}{_WITH_MARKS}])")
_MARKED = re.compile(f"[{_WITH_MARKS}]")
# Into a private plane, all of which the tokenizer takes for letters.
_PRIVATE = 0xF0000
_LETTER = str.maketrans(
    {
        code: chr(_PRIVATE + code)
        for first, last in re.findall("(.)-(.)", _WITH_MARKS)
        for code in range(ord(first), ord(last) + 1)
    }
)
_WORD = re.compile(f"(?:[^\\W_]|[{chr(_PRIVATE)}-{chr(_PRIVATE + 0xFFFF)}])+")


def spaced(text: str) -> str:
    """Return *text* with every character of such scripts as a word of its own."""
    if text.isascii():
        return text
    text = _VARIANT.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    parts = _UNSPACED.split(text)
    if len(parts) > 1:
        text = " ".join(parts)
    return text.translate(_LETTER) if _MARKED.search(text) else text


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of *text*, which is `spaced`, without case and accents."""
    return tuple(_WORD.findall(fold_text(text)))


def is_whole(word: str) -> bool:
    """Return whether *word*, of a text that is `spaced`, is a character of such scripts: a word
    that begins with it is no other."""
    return len(word) == 1 and (ord(word) >= _PRIVATE or _UNSPACED.match(word) is not None)


def fold_text(text: str) -> str:
    """Return *text* without case and accents."""
    if text.isascii():
        return text.lower()
    parts = normalize("NFKD", text).casefold()
    bare = [c for c in parts if not unicodedata.combining(c) or c in _VOICED]
    return normalize("NFC", "".join(bare))


# Of kana: a letter with them is another letter, for the tokenizer too.
_VOICED = "\u3099\u309a"
