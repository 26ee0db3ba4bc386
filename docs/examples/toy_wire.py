"""A wire for people of few words.

    NAME alice    who one is; it comes first
    SAY hello     says it
    PING          is answered by PONG, after all that came before

What is said comes as `HEARD bob hello`; a refusal, or the end, comes as `SORRY ...`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trio_chat.events import Bye, Error, Said, Shown
from trio_chat.requests import Hello, Input
from trio_chat.text import clean_line
from trio_chat.wire import Fault, Received, Reply
from trio_chat.wire.lines import LineBuffer, Overlong


class ToyWire:
    flavour = "toy"  # what one toy peer is shown, all of them are shown with the same bytes
    resumable = False  # whoever drops out leaves, and comes back as somebody new

    def __init__(self) -> None:
        self._lines = LineBuffer(limit_bytes=1024)

    def receive(self, chunk: bytes) -> Iterator[Received]:
        return map(self._read, self._lines.feed(chunk))

    def end(self) -> Iterator[Received]:
        return map(self._read, filter(None, [self._lines.rest()]))

    def show(self, event: Shown) -> bytes:
        match event:
            case Said(sender=nick, text=text):
                lines = [f"HEARD {nick} {line}" for line in text.split("\n")]
            case Error(message=why) | Bye(reason=why):
                lines = [f"SORRY {why}"]
            case _:
                return b""
        return "".join(f"{clean_line(line)}\n" for line in lines).encode()

    def show_shared(self, events: Sequence[Shown]) -> bytes:
        return b"".join(map(self.show, events))

    def _read(self, line: bytes | Overlong) -> Received:
        if isinstance(line, Overlong):
            return Fault("too_long", f"a line has at most {line.limit_bytes} bytes")
        verb, _, rest = line.decode(errors="replace").partition(" ")
        match verb:
            case "NAME":
                return Hello(nick=rest)
            case "SAY":
                return Input(text=f"/{rest}" if rest.startswith("/") else rest)
            case "PING":
                return Reply(b"PONG\n")
            case _:
                return Fault("unknown_type", "the words are NAME, SAY and PING", counts=True)
