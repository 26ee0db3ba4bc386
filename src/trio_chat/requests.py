"""What is asked for: the requests of docs/protocol.md, and the slash parser.

Structs only: how they arrive is the wire's concern, whether they are allowed the guard's.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

MAX_ID_CHARACTERS = 64  # docs/protocol.md: a contract, so no setting

RequestId: TypeAlias = Annotated[str, msgspec.Meta(max_length=MAX_ID_CHARACTERS)]
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


class Invocation(msgspec.Struct, frozen=True, gc=False):
    """A parsed request to run a command: its name without the slash, and the rest of the line."""

    name: str
    rest: str


def parse_slash(text: str) -> Invocation | str:
    """Split what a person typed: `/name rest` is an Invocation, anything else is said as it is.

    A leading `//` says a leading slash, so `//me` is the text `/me`. The rest keeps its inner
    spacing and newlines; only blanks at its two ends are dropped.
    """
    if not text.startswith("/"):
        return text
    if text.startswith("//"):
        return text[1:]
    name, separator, rest = text[1:].partition(" ")
    head, newline, tail = name.partition("\n")
    if newline:
        name, rest = head, tail + separator + rest
    return Invocation(name, rest.strip(" "))
