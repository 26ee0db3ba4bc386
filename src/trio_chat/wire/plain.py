"""The plain wire, for `nc` and telnet: the first line is the nick, then each line is typed text.
Knows neither sessions nor rooms, and leaves the look of events to `render_text`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trio_chat.events import Error, Event, Welcome
from trio_chat.requests import Hello, Input, Request
from trio_chat.text import clean_line, clean_text
from trio_chat.wire.render_text import render

# IAC with what belongs to it: an option asked for or refused, a subnegotiation up to its end,
# or one command byte. Nothing of it is answered, which every telnet takes for "no".
_TELNET = re.compile(rb"\xff(?:[\xfb-\xfe].?|\xfa.*?(?:\xff\xf0|\Z)|.?)", re.DOTALL)


def greeting(server_name: str) -> bytes:
    """Return what a peer is told that says nothing at first."""
    return f"Welcome to {clean_line(server_name)}. Choose a nick:\n".encode()


# With this as the first line one comes in with an account.
_LOGIN = "/login"


def _hello(text: str) -> Hello:
    words = text.split()
    if words[0] == _LOGIN and len(words) == 3:
        return Hello(nick=words[1], account=words[1], password=words[2])
    return Hello(nick=text)


class PlainWire:
    """One plain peer: satisfies `trio_chat.wire.Wire`.

    Until it has encoded a `Welcome`, a line is a nick: so decode a line only when the one before
    it has been answered.
    """

    flavour = "plain"
    line_limit_bytes = 16 * 1024
    resumable = False

    def __init__(self) -> None:
        self._welcomed = False

    def decode(self, line: bytes) -> Request | None:
        """See `Wire.decode`. Every line is good; one of blanks is empty."""
        if b"\xff" in line:
            line = _TELNET.sub(b"", line)
        text = clean_text(line.decode(errors="replace"))
        if not text or text.isspace():
            return None
        return Input(text=text) if self._welcomed else _hello(text.strip())

    def encode(self, event: Event) -> bytes:
        """Perhaps several lines, perhaps none. An error before the `Welcome` asks for another
        nick."""
        if type(event) is Welcome and self._welcomed:
            who = (
                "a guest" if event.account is None else f"{event.role} {clean_line(event.account)}"
            )
            return f"* you are {clean_line(event.nick)}, {who}\n".encode()
        shown = self.encode_shared((event,))
        if type(event) is Welcome:
            self._welcomed = True
        elif type(event) is Error and not self._welcomed:
            shown += b"Choose another nick:\n"
        return shown

    def encode_shared(self, events: Sequence[Event]) -> bytes:
        return "".join(f"{line}\n" for event in events for line in render(event)).encode()
