"""A wire is a conversation with one peer in its own language: bytes come in, and what is asked
comes out; events come in, and bytes come out. Sans-I/O: it is fed and asked, it never waits.

The server holds one `Wire` per session and does with it what follows, in this order and no other:

1. It feeds what arrived: ``for item in wire.receive(chunk)``. Each item is dealt with before the
   next one is asked for, because the answer may change what the wire makes of the next line.
2. It does for each item what stands in the table, and shows the answers: ``wire.show(event)``.
3. When the stream has ended it does the same with ``wire.end()``.

| item | what the server does |
|---|---|
| a `Request` | answers it |
| `Reply` | sends its bytes, after all that was sent before |
| `Fault` | answers with the `Error` that it makes; too many in a row end the session |
| `Switch` | goes on with another wire, which it feeds the rest; asks the old one nothing more |
| `Refusal` | sends its bytes and ends the session without another word |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

import msgspec

from trio_chat.events import Error, Shown
from trio_chat.requests import Request

_BLANKS = 50


class Reply(msgspec.Struct, frozen=True):
    """The wire's own answer to its peer, of which the chat need not know: a pong, say."""

    data: bytes


class Fault(msgspec.Struct, frozen=True):
    """A line that was no request.

    Attributes:
        code: one of the codes of docs/protocol.md.
        message: one sentence for a person, without a trailing stop.
        id: the request's id, when the line still showed a valid one.
        counts: it counts towards `limits.bad_lines`.
    """

    code: str
    message: str
    id: str | None = None
    counts: bool = False

    def error(self) -> Error:
        """Return the answer to it."""
        return Error(id=self.id, code=self.code, message=self.message)


class Switch(msgspec.Struct, frozen=True):
    """From now on the peer speaks *wire*, which is to be fed *rest* first."""

    wire: Wire
    rest: bytes


class Refusal(msgspec.Struct, frozen=True):
    """The peer is not served. It is told so by *data*, in its own language."""

    data: bytes


Received: TypeAlias = Request | Reply | Fault | Switch | Refusal


def counting_blanks(items: Iterable[Received | None]) -> Iterator[Received]:
    """Yield *items*, those of one chunk. Lines that ask for nothing are None; for every 50 of them
    an empty `Reply` is yielded, so that the server notices who sends them without end."""
    blanks = 0
    for item in items:
        if item is not None:
            yield item
            continue
        blanks += 1
        if blanks % _BLANKS == 0:
            yield Reply(b"")


class Wire(Protocol):
    """One peer's language, as the server sees it. It frames what arrives and limits its length."""

    @property
    def flavour(self) -> str:
        """Sessions with equal flavours are shown shared events with the same bytes. It may change
        while an item of `receive` is dealt with, and while an event is shown."""

    @property
    def resumable(self) -> bool:
        """Whether a peer of this wire can come back to its session: then a dropped link is not
        a leave, and flooding is answered with an error; else the session is read from later."""

    def receive(self, chunk: bytes) -> Iterator[Received]:
        """Yield what *chunk*, together with what came before it, asks for. Lazy: see the module.
        Raises nothing, whatever the bytes are."""

    def end(self) -> Iterator[Received]:
        """Yield what is left when the stream has ended: a last line without its end, say."""

    def show(self, event: Shown) -> bytes:
        """Return the bytes that show *event* to this peer; perhaps none."""

    def show_shared(self, events: Sequence[Shown]) -> bytes:
        """Return the bytes that show *events* to every peer of this flavour: those of `show` for
        each of them, one after the other."""
