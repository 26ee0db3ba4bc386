"""Light markup: links, `code`, code blocks, *bold* and _italic_, as spans of style. Pure.

Only markers that stand as a pair at word edges count, and nothing but them is left out; all else is
shown as it was typed. The time is linear in the text, whatever somebody types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_CANDIDATE = re.compile(r"```|[`*_]|https?://")
_LINK = re.compile(r"https?://[^\s<>\"`\u2028]+")
_AFTER_LINK = ".,;:!?'*_"
_STYLES = {"*": "class:strong", "_": "class:emphasis"}
FENCE = "```"


class Span(NamedTuple):
    """Some text, and the style it has on top of the line's."""

    style: str
    text: str


def spans(text: str) -> list[Span]:
    """Part *text* into spans; joined they are the text without its markers."""
    if _CANDIDATE.search(text) is None:
        return [Span("", text)]
    found: list[Span] = []
    done = position = 0
    while (match := _CANDIDATE.search(text, position)) is not None:
        start = match.start()
        marked = _marked(text, start, match.group())
        if marked is None:
            position = match.end()
            continue
        span, end = marked
        found += [Span("", text[done:start]), span]
        done = position = end
    found.append(Span("", text[done:]))
    return [span for span in found if span.text]


def _marked(text: str, start: int, marker: str) -> tuple[Span, int] | None:
    """Return what begins at *start*, and where it ends; None if the marker is only a character."""
    if marker == FENCE:
        return _fenced(text, start)
    if marker == "`":
        end = _closing(text, start, marker)
        if end is None or text[start + 1 : end].isspace():
            return None
        return Span("class:code", text[start + 1 : end]), end + 1
    if marker in _STYLES:
        return _emphasised(text, start, marker)
    return _link(text, start)


def _fenced(text: str, start: int) -> tuple[Span, int] | None:
    end = text.find(FENCE, start + 3)
    if end < 0 or not text[start + 3 : end].strip():
        return None
    inside, after = text[start + 3 : end], end + 3
    if inside.startswith("\n") or inside.endswith("\n"):  # a block; its markers have own lines
        inside = inside.strip("\n")
        after += text.startswith("\n", after)
        is_last = after == len(text)
        inside = inside if is_last else f"{inside}\n"
    return Span("class:code", inside), after


def _closing(text: str, start: int, marker: str) -> int | None:
    """Return where the next *marker* of the same line is, if something stands between."""
    end = text.find(marker, start + 1)
    if end <= start + 1 or "\n" in text[start:end]:
        return None
    return end


def _emphasised(text: str, start: int, marker: str) -> tuple[Span, int] | None:
    end = _closing(text, start, marker)
    if end is None:
        return None
    inside = text[start + 1 : end]
    is_at_edges = not _is_word(text, start - 1) and not _is_word(text, end + 1)
    if not is_at_edges or inside != inside.strip():
        return None
    return Span(_STYLES[marker], inside), end + 1


def _is_word(text: str, index: int) -> bool:
    return 0 <= index < len(text) and (text[index].isalnum() or text[index] in "*_/\\")


def _link(text: str, start: int) -> tuple[Span, int] | None:
    match = _LINK.match(text, start)
    if match is None or (start and text[start - 1].isalnum()):
        return None
    link = match.group().rstrip(_AFTER_LINK)
    while link.endswith(")") and link.count(")") > link.count("("):
        link = link[:-1].rstrip(_AFTER_LINK)
    return Span("class:link", link), start + len(link)


def cut(parts: list[Span], ranges: list[tuple[int, int]]) -> Iterator[list[Span]]:
    """Yield for each of *ranges* of the joined text, which grow, the spans in it."""
    index, begin = 0, 0  # the part at which the range begins, and where that part begins
    for start, end in ranges:
        while index < len(parts) - 1 and begin + len(parts[index].text) <= start:
            begin += len(parts[index].text)
            index += 1
        row: list[Span] = []
        at, offset = index, begin
        while at < len(parts) and offset < end:
            piece = parts[at].text[max(0, start - offset) : end - offset]
            if piece:
                row.append(Span(parts[at].style, piece))
            offset += len(parts[at].text)
            at += 1
        yield row
