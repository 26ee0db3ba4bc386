"""Which nicks, room names and texts are acceptable. Pure functions of the text and the limits."""

from __future__ import annotations

import unicodedata

from trio_chat.config import LimitsSection
from trio_chat.errors import BadRequest, NameInvalid, TooLong
from trio_chat.text import clean_line, clean_text

# Beside letters, digits and combining marks. What is missing has a meaning somewhere: `#` and
# `@` mark rooms and people, `/` commands, `{` the native wire; blanks and commas part arguments.
_NICK_PUNCTUATION = frozenset("[]\\^_|-`'.")
_ROOM_PUNCTUATION = frozenset("_-.+")
_MARKS_IN_A_ROW = 2  # more stack up over the neighbouring lines


def check_nick(nick: str, limits: LimitsSection) -> str:
    """Return *nick* in its normal form (NFC).

    Raises:
        NameInvalid: naming the rule that it breaks.
    """
    nick = unicodedata.normalize("NFC", nick)
    _check_length(nick, "nick", limits.nick_characters)
    _check_characters(nick, "nick", _NICK_PUNCTUATION)
    if nick[0] in "-'.`" or unicodedata.category(nick[0])[0] == "M":
        raise NameInvalid("a nick starts with a letter, a digit or one of [ ] \\ ^ _ |")
    return nick


def check_room(name: str, limits: LimitsSection) -> str:
    """Return the room's *name* in its normal form, without a leading `#`.

    Raises:
        BadRequest: naming the rule that it breaks.
    """
    name = unicodedata.normalize("NFC", name.removeprefix("#"))
    try:
        _check_length(name, "room name", limits.room_characters)
        _check_characters(name, "room name", _ROOM_PUNCTUATION)
    except NameInvalid as exc:
        raise BadRequest(exc.message) from exc
    return name


def _check_length(name: str, what: str, limit: int) -> None:
    if not name:
        raise NameInvalid(f"a {what} needs at least one character")
    if len(name) > limit:
        raise NameInvalid(f"a {what} has at most {limit} characters; this one has {len(name)}")


def _check_characters(name: str, what: str, punctuation: frozenset[str]) -> None:
    marks = 0
    solid = False
    for character in name:
        category = unicodedata.category(character)
        marks = marks + 1 if category[0] == "M" else 0
        solid = solid or category[0] in "LN"
        allowed = category[0] in "LNM" and category != "Me"
        if not (allowed or character in punctuation) or marks > _MARKS_IN_A_ROW:
            shown = character if character.isprintable() else f"U+{ord(character):04X}"
            raise NameInvalid(f"a {what} cannot contain {shown!r}")
    if not solid:
        raise NameInvalid(f"a {what} needs a letter or a digit")


def check_text(text: str, limits: LimitsSection) -> str:
    """Return what was said, safe for every screen.

    Raises:
        TooLong: naming the limit; nothing is cut.
        BadRequest: there is nothing in it.
    """
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.text_bytes:
        raise TooLong(f"a message has at most {limits.text_bytes} bytes; this one has {size}")
    text = clean_text(text)
    if text.count("\n") >= limits.text_lines:
        lines = text.count("\n") + 1
        raise TooLong(f"a message has at most {limits.text_lines} lines; this one has {lines}")
    if not text or text.isspace():
        raise BadRequest("there is nothing to say in that")
    return text


def check_line(text: str, what: str, limit_characters: int) -> str:
    """Return a topic, a reason or the like: one line, safe for every screen.

    Raises:
        TooLong: naming the limit.
    """
    text = clean_line(text).strip()
    if len(text) > limit_characters:
        count = len(text)
        raise TooLong(f"a {what} has at most {limit_characters} characters; this one has {count}")
    return text
