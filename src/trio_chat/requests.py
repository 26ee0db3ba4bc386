"""What is asked for: the requests of docs/protocol.md, and the slash parser.

Structs only: how they arrive is the wire's concern, whether they are allowed the guard's.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, TypeAlias

import msgspec

from trio_chat.text import REPLACEMENT

MAX_ID_CHARACTERS = 64  # docs/protocol.md: a contract, so no setting

RequestId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
Seq: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 40) - 1)]


class _Request(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=str.lower
):
    id: RequestId | None = None


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """A session to go on with: its token, and the last seq seen in each room."""

    session: str
    rooms: dict[str, Seq] = {}


class Hello(_Request, frozen=True, kw_only=True):
    protocol: int = 1
    nick: str
    client: str = ""
    account: str | None = None
    password: str | None = None
    token: str | None = None
    resume: Resume | None = None


class Input(_Request, frozen=True, kw_only=True, gc=False):
    """Exactly what the person typed. *room* empty: where this session last went."""

    room: str = ""
    text: str


class Page(_Request, frozen=True, kw_only=True, gc=False):
    """Older (*before*) or newer (*after*) history; neither: the newest."""

    room: str
    limit: Annotated[int, msgspec.Meta(ge=1)] = 200
    before: Seq | None = None
    after: Seq | None = None


class Read(_Request, frozen=True, kw_only=True, gc=False):
    room: str
    seq: Seq


class Ping(_Request, frozen=True, kw_only=True, gc=False):
    pass


Request: TypeAlias = Hello | Input | Page | Read | Ping


# --- what a person typed

# All that looks like a slash and begins no word of any language.
_SLASHES = (
    "/",
    "\u0337",  # combining short solidus overlay, as on a blank
    "\u0338",  # combining long solidus overlay
    "\u1735",  # philippine single punctuation
    "\u2041",  # caret insertion point
    "\u2044",  # fraction slash
    "\u20eb",  # combining long double solidus overlay
    "\u2215",  # division slash
    "\u2571",  # box drawings light diagonal
    "\u27cb",  # mathematical rising diagonal
    "\u29f6",  # solidus with overbar
    "\u29f8",  # big solidus
    "\u2afb",  # triple solidus binary relation
    "\u2afd",  # double solidus operator
    "\u2e4a",  # dotted solidus
    "\u2f03",  # kangxi radical slash
    "\u31d3",  # cjk stroke sp
    "\uff0f",  # fullwidth solidus
    "\U0001d23a",  # greek instrumental notation symbol-47
    "\U0001f67c",  # very heavy solidus
)
# They show nothing, though Unicode calls them letters or symbols.
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_SOMETHING_BEFORE = (
    "not said: that looks like a command, but a blank or something invisible stands before its"
    " slash; // at the start says a slash"
)
_OTHER_SLASH = (
    "not said: that looks like a command, but its slash is not the plain /;"
    " // at the start says a slash"
)


class Invocation(msgspec.Struct, frozen=True, gc=False):
    """A parsed request to run a command: its name without the slash, and the rest of the line."""

    name: str
    rest: str


class Lookalike(msgspec.Struct, frozen=True, gc=False):
    """Something that looks like a command and is none: something invisible stands before its
    slash, or the slash is another one than `/`. It may hold a password, so it is never said.

    Attributes:
        meant: the command that it looks like.
        message: one sentence for a person; it quotes nothing of what was typed.
    """

    meant: Invocation
    message: str


def parse_slash(text: str) -> Invocation | Lookalike | str:
    """Split what a person typed: `/name rest` is an Invocation, and whatever is not to be taken
    for one is said as it is.

    A leading `//` says a leading slash, so `//me` is the text `/me`. The rest keeps its inner
    spacing and newlines; only blanks at its two ends are dropped.
    """
    first = text[:1]
    if first.isalnum() and first not in _FILLERS:  # nearly every line
        return text
    if text.startswith("//"):
        return text[1:]
    if text.startswith("/"):
        return _invocation(text[1:])
    shown = _after_nothing(text)
    if not shown.startswith(_SLASHES) or shown.startswith("//"):
        return text
    return Lookalike(_invocation(shown[1:]), _OTHER_SLASH if shown[0] != "/" else _SOMETHING_BEFORE)


def _after_nothing(text: str) -> str:
    """Return *text* without what shows nothing at its start."""
    for place, character in enumerate(text):
        if character in _SLASHES or not _shows_nothing(character):
            return text[place:]
    return ""


def _shows_nothing(character: str) -> bool:
    """Return whether *character* is a blank, a control or format character, a mark on nothing, or
    what stands for such a character once a text is clean."""
    is_blank = character.isspace() or unicodedata.category(character)[0] in "ZCM"
    return is_blank or character in _FILLERS or character == REPLACEMENT


def _invocation(typed: str) -> Invocation:
    """*typed*: what follows the slash."""
    name, separator, rest = typed.partition(" ")
    head, newline, tail = name.partition("\n")
    if newline:
        name, rest = head, tail + separator + rest
    return Invocation(name, rest.strip(" "))
