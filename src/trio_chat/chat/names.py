"""Which nicks, room names and texts are acceptable. Pure functions of the text and the limits."""

from __future__ import annotations

import secrets
import unicodedata
from string import ascii_lowercase

from trio_chat.chat.lookalikes import is_mixed, scripts_of, skeleton
from trio_chat.config import DECOMPOSED, LimitsSection
from trio_chat.errors import BadRequest, NameInvalid, TooLong
from trio_chat.text import (
    JOINERS,
    NAME_CHARACTERS,
    clean_line,
    clean_text,
    fold,
    is_blank,
    normalize,
    without_joiners,
)

# Beside letters, digits and combining marks. What is missing has a meaning somewhere: `#` and
# `@` mark rooms and people, `/` commands, `{` the native wire; blanks and commas part arguments.
_NICK_PUNCTUATION = frozenset("[]\\^_|-`'.")
_ROOM_PUNCTUATION = frozenset("_-.+")
_KEPT = (
    *("console", "server", "system", "trio-chat", "root"),
    *("all", "everybody", "everyone", "here", "nobody"),
)
_MARKS_IN_A_ROW = 2  # more stack up over the neighbouring lines
_STACKED = frozenset({"Mn", "Me"})
_MARKS_IN_A_TEXT = 8  # the letters of no language have so many
# Scripts in which a joiner between two letters is a matter of spelling.
_JOINED_SCRIPTS = frozenset(
    {
        *("Arabic", "Bengali", "Devanagari", "Gujarati", "Gurmukhi", "Kannada", "Malayalam"),
        *("Mongolian", "Oriya", "Sinhala", "Syriac", "Tamil", "Telugu", "Tibetan"),
    }
)


def check_nick(nick: str, limits: LimitsSection) -> str:
    """Return *nick* in its normal form (NFC).

    Raises:
        NameInvalid: naming the rule that it breaks.
    """
    try:
        normal = _normal(nick, "nick", limits.nick_characters)
        _check_characters(normal, "nick", _NICK_PUNCTUATION)
        _check_nick(normal)
    except NameInvalid as exc:
        raise NameInvalid(exc.message, nick=_meant(nick)) from exc
    return normal


def _check_nick(nick: str) -> None:
    """Raises NameInvalid."""
    if nick[0] in "-'.`":
        raise NameInvalid("a nick starts with a letter, a digit or one of [ ] \\ ^ _ |")
    # Digits alone read as a number or, with points, as an address.
    if not any(character.isalpha() for character in fold(nick)):
        raise NameInvalid("a nick needs a letter")


def is_kept(name: str, server_name: str) -> bool:
    """Return whether *name* looks like one of those in which the server itself speaks, or by which
    everybody is meant; signs between the letters make no difference."""
    letters = _letters(name)
    return any(letters == _letters(kept) for kept in (*_KEPT, server_name))


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, skeleton(name)))


def guest_nick(limits: LimitsSection) -> str:
    """Return a nick, made up at random, for somebody who has none of its own."""
    digits = f"{secrets.randbelow(10**6):06}"
    nick = f"guest-{digits}"
    if len(nick) > limits.nick_characters:
        nick = secrets.choice(ascii_lowercase) + digits
    return nick[: limits.nick_characters]


def check_part(part: str) -> None:
    """Raises NameInvalid: no nick holds a character of *part*."""
    for character in part:
        _check_character(character, "nick", _NICK_PUNCTUATION)


def check_room(name: str, limits: LimitsSection) -> str:
    """Return the room's *name* in its normal form, without a leading `#`.

    Raises:
        BadRequest: naming the rule that it breaks.
    """
    try:
        normal = _normal(name.removeprefix("#"), "room name", limits.room_characters)
        _check_characters(normal, "room name", _ROOM_PUNCTUATION)
    except NameInvalid as exc:
        raise BadRequest(exc.message, room=_meant(name)) from exc
    return normal


def _meant(name: str) -> str | None:
    """Return the name as a fact of an error; None: it is too long to be a name at all."""
    return clean_line(name) if len(name) <= NAME_CHARACTERS else None


def _normal(name: str, what: str, limit: int) -> str:
    """Return *name* in NFC. Ordering thousands of marks takes 0.1 s, so it is not tried."""
    if len(name) <= DECOMPOSED * limit:
        name = normalize("NFC", name)
    if not name:
        raise NameInvalid(f"a {what} needs at least one character")
    if len(name) > limit:
        raise NameInvalid(f"a {what} has at most {limit} characters; this one has {len(name)}")
    return name


def _check_characters(name: str, what: str, punctuation: frozenset[str]) -> None:
    _check_joiners(name, what)
    name = without_joiners(name)
    marks = 0
    solid = False
    for character in name:
        _check_character(character, what, punctuation)
        category = unicodedata.category(character)[0]
        marks = marks + 1 if category == "M" else 0
        if marks > _MARKS_IN_A_ROW:
            raise NameInvalid(f"a {what} has at most {_MARKS_IN_A_ROW} marks on one character")
        solid = solid or category in "LN"
    if unicodedata.category(name[0])[0] == "M":
        raise NameInvalid(f"a {what} cannot start with the mark {_shown(name[0])}")
    if not solid:
        raise NameInvalid(f"a {what} needs a letter or a digit")
    if is_mixed(name):
        scripts = " and ".join(sorted(scripts_of(name)))
        raise NameInvalid(f"a {what} is written in one script; this one mixes {scripts}")


def _check_joiners(name: str, what: str) -> None:
    """A joiner stands between letters of one script that needs it. Raises NameInvalid."""
    for before, joiner, after in zip(f"  {name}", f" {name} ", f"{name}  ", strict=False):
        if joiner in JOINERS:
            scripts = scripts_of(before) & scripts_of(after) & _JOINED_SCRIPTS
            if not scripts:
                raise NameInvalid(f"a {what} cannot contain {_shown(joiner)}")


def _check_character(character: str, what: str, punctuation: frozenset[str]) -> None:
    # The key is made of the folded characters, so these have to be acceptable as well.
    if not all(_is_acceptable(part, punctuation) for part in (character, *fold(character))):
        raise NameInvalid(f"a {what} cannot contain {_shown(character)}")


def _is_acceptable(character: str, punctuation: frozenset[str]) -> bool:
    category = unicodedata.category(character)
    is_wordlike = category[0] in "LNM" and category != "Me" and not is_blank(character)
    return is_wordlike or character in punctuation


def _shown(character: str) -> str:
    """The character, or its number where a reader could not make it out."""
    is_seen = character.isprintable() and not character.isspace()
    if is_seen and not is_blank(character) and unicodedata.category(character)[0] != "M":
        return repr(character)
    return "a blank" if character == " " else f"U+{ord(character):04X}"


def check_text(text: str, limits: LimitsSection) -> str:
    """Return what was said, safe for every screen.

    Raises:
        TooLong: naming the limit; nothing is cut.
        BadRequest: it shows nothing, or has more marks on a letter than any language.
    """
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.text_bytes:
        raise TooLong(f"a message has at most {limits.text_bytes} bytes; this one has {size}")
    text = clean_text(text)
    if text.count("\n") >= limits.text_lines:
        lines = text.count("\n") + 1
        raise TooLong(f"a message has at most {limits.text_lines} lines; this one has {lines}")
    if is_blank(text):
        raise BadRequest("there is nothing to say in that")
    _check_marks(text)
    return text


def check_line(text: str, what: str, limit_characters: int) -> str:
    """Return a topic, a reason or the like: one line, safe for every screen; "" if it shows
    nothing.

    Raises:
        TooLong: naming the limit.
        BadRequest: it has more marks on a letter than any language.
    """
    text = clean_line(text).strip()
    if len(text) > limit_characters:
        count = len(text)
        raise TooLong(f"a {what} has at most {limit_characters} characters; this one has {count}")
    _check_marks(text)
    return "" if is_blank(text) else text


def _check_marks(text: str) -> None:
    """Many marks on one letter are drawn over the lines above and below. Raises BadRequest."""
    if text.isascii() or _STACKED.isdisjoint(map(unicodedata.category, text)):
        return
    marks = 0
    for character in text:
        if is_blank(character):
            continue  # a joiner between two marks parts them not
        marks = marks + 1 if unicodedata.category(character) in _STACKED else 0
        if marks > _MARKS_IN_A_TEXT:
            raise BadRequest(f"a letter has at most {_MARKS_IN_A_TEXT} marks")
