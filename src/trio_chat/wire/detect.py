"""What a peer says first tells which wire it speaks. Until then it speaks to a wire that only
listens; then that gives way to the peer's own, or refuses a language that is not served here.

| what is held | what follows |
|---|---|
| nothing, or line ends | nothing |
| the first byte of a TLS handshake | the row of `LANGUAGES` that fits it: no line will come |
| part of a line | nothing, until it is longer than any first line |
| a line, or all there is | the first row of `LANGUAGES` that fits it: a `Switch` or a `Refusal` |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from trio_chat.events import Shown
from trio_chat.wire import Received, Refusal, Switch, Wire
from trio_chat.wire.native import NativeWire
from trio_chat.wire.plain import PlainWire, greeting
from trio_chat.wire.render_text import render_all

# A longer first line is decided by its beginning; what it is worth is the wire's to say.
MAX_FIRST_LINE_BYTES = 16 * 1024

# What an IRC client may say first. The other verbs need a registered nick, so that a person's
# "who is here?" is no reason to take somebody for an IRC client.
IRC_VERBS = frozenset(
    b"AUTHENTICATE CAP JOIN NICK PASS PING PONG QUIT STARTTLS USER WEBIRC".split()
)

# A record of type handshake: no person and no other wire begins with this control character.
_TLS_FIRST_BYTE = b"\x16"
_HTTP = re.compile(rb"[A-Za-z]+ \S+ HTTP/[0-9]")

_EXPLANATION = b"this is a trio-chat server; connect with trio-chat or nc"
_IRC_REFUSED = b"ERROR :IRC is not spoken on this port yet: " + _EXPLANATION + b"\r\n"
_HTTP_REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s\n" % (len(_EXPLANATION) + 1, _EXPLANATION)
)
# Alert, TLS 1.0, two bytes: fatal, handshake_failure.
_TLS_REFUSED = b"\x15\x03\x01\x00\x02\x02\x28"


def _is_native(line: bytes) -> bool:
    return line.startswith(b"{")


def is_tls(line: bytes) -> bool:
    """Return whether the first bytes of a stream begin a handshake, so that no line will come."""
    return line.startswith(_TLS_FIRST_BYTE)


def _is_http(line: bytes) -> bool:
    return _HTTP.match(line) is not None


def _is_irc(line: bytes) -> bool:
    """A verb of IRC counts in any case when something follows it; alone only in capitals. So
    `QUIT` is IRC, and a person may be called Nick or Ping."""
    words = line.split(None, 1)
    return bool(words) and (words[0].upper() if len(words) > 1 else words[0]) in IRC_VERBS


def _is_anything(_: bytes) -> bool:
    return True


class Language(NamedTuple):
    """A row of `LANGUAGES`.

    Attributes:
        name: what it is called.
        fits: returns whether this first line, without the blanks round it, is of it.
        answer: makes the wire of a peer that speaks it, or is how such a peer is refused.
    """

    name: str
    fits: Callable[[bytes], bool]
    answer: Callable[[], Wire] | Refusal


# The first row that fits decides, so the last one is for everybody else.
LANGUAGES: list[Language] = [
    Language("native", _is_native, NativeWire),
    Language("TLS", is_tls, Refusal(_TLS_REFUSED)),
    Language("HTTP", _is_http, Refusal(_HTTP_REFUSED)),
    Language("IRC", _is_irc, Refusal(_IRC_REFUSED)),
    Language("plain", _is_anything, PlainWire),
]


def detect(line: bytes) -> Language:
    """Return the language of a peer from *line*, the first one or as much of it as there is."""
    line = line.strip()
    return next(language for language in LANGUAGES if language.fits(line))


class DetectingWire:
    """A peer that has not said yet what it speaks: satisfies `trio_chat.wire.Wire`. It is shown
    events as text.

    Attributes:
        greeting: what a peer is told that says nothing at first; its first line still decides.
    """

    __slots__ = ("_held", "greeting")

    flavour = "undetected"
    resumable = False

    def __init__(self, server_name: str, *, guests: bool = True) -> None:
        self.greeting = greeting(server_name, guests=guests)
        self._held = b""

    def receive(self, chunk: bytes) -> Iterator[Received]:
        """See `Wire.receive`. Yields one item at most, the last one."""
        self._held = (self._held + chunk).lstrip(b"\r\n")
        line, newline, _ = self._held.partition(b"\n")
        if newline or is_tls(line) or len(line) > MAX_FIRST_LINE_BYTES:
            yield self._decide(line)

    def end(self) -> Iterator[Received]:
        if self._held:
            yield self._decide(self._held)

    def show(self, event: Shown) -> bytes:
        return render_all((event,))

    def show_shared(self, events: Sequence[Shown]) -> bytes:
        return render_all(events)

    def _decide(self, line: bytes) -> Switch | Refusal:
        answer = detect(line[:MAX_FIRST_LINE_BYTES]).answer
        return answer if isinstance(answer, Refusal) else Switch(answer(), self._held)
