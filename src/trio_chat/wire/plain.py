"""The plain wire, for `nc` and telnet: the first line is the nick, then each line is typed text.
Knows neither sessions nor rooms, and leaves the look of events to `render_text`.

| state | what comes | request | what is shown | next state |
|---|---|---|---|---|
| NICK_WANTED, LOGIN_WANTED | `/login NAME PASSWORD` | Hello with the account | | |
| | another command | a Fault: how one begins | | |
| | anything else | Hello with that nick | | |
| | | | Welcome | TALKING |
| | | | Error about a nick: asks for another | NICK_WANTED |
| | | | Error, no guests: asks for a login | LOGIN_WANTED |
| | | | another Error: asks for what is wanted | |
| TALKING | any line | Input | | |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum

from trio_chat.errors import (
    HelloFirst,
    LoginFailed,
    NameInvalid,
    NameTaken,
    NotPermitted,
    TooFast,
    UsageError,
)
from trio_chat.events import Error, Shown, Welcome
from trio_chat.requests import Hello, Input, Lookalike, Request, parse_slash
from trio_chat.text import clean_line, clean_text
from trio_chat.wire import Fault, Received, counting_blanks
from trio_chat.wire.lines import LineBuffer, Overlong
from trio_chat.wire.render_text import render_all

# IAC with what belongs to it: an option asked for or refused, a subnegotiation up to its end,
# or one command byte. Nothing of it is answered, which every telnet takes for "no".
_TELNET = re.compile(rb"\xff(?:[\xfb-\xfe].?|\xfa.*?(?:\xff\xf0|\Z)|.?)", re.DOTALL)

MAX_LINE_BYTES = 16 * 1024  # its end not counted

# With these as the first word one comes in with an account.
_LOGINS = frozenset({"login", "identify"})
_USAGE = "usage: /login NAME PASSWORD"
_LOG_IN = "Log in with /login NAME PASSWORD:"
_CHOOSE_ANOTHER = "Choose another nick:"
_CHOOSE = "Choose a nick, or log in with /login NAME PASSWORD:"
_ABOUT_NICKS = frozenset({NameInvalid.code, NameTaken.code})
_ABOUT_LOGINS = frozenset({HelloFirst.code, LoginFailed.code, TooFast.code, UsageError.code})


class _State(Enum):
    NICK_WANTED = "a nick is wanted"
    LOGIN_WANTED = "only who has an account may come in"
    TALKING = "welcomed"


def greeting(server_name: str, *, guests: bool = True) -> bytes:
    """Return what a peer is told that says nothing at first."""
    wanted = "Choose a nick:" if guests else _LOG_IN
    return f"Welcome to {clean_line(server_name)}. {wanted}\n".encode()


class PlainWire:
    """One plain peer: satisfies `trio_chat.wire.Wire`."""

    __slots__ = ("_lines", "_state")

    flavour = "plain"
    resumable = False

    def __init__(self) -> None:
        self._lines = LineBuffer(MAX_LINE_BYTES)
        self._state = _State.NICK_WANTED

    def receive(self, chunk: bytes) -> Iterator[Received]:
        """See `Wire.receive`. Every line is good; one of blanks is nothing."""
        return counting_blanks(map(self._read, self._lines.feed(chunk)))

    def end(self) -> Iterator[Received]:
        item = self._read(self._lines.rest())
        if item is not None:
            yield item

    def show(self, event: Shown) -> bytes:
        """Perhaps several lines, perhaps none. An error before the `Welcome` asks for what is
        wanted instead."""
        if self._state is _State.TALKING:
            return _who(event) if type(event) is Welcome else render_all((event,))
        shown = render_all((event,))
        if type(event) is Welcome:
            self._state = _State.TALKING
        elif type(event) is Error:
            shown += f"{self._ask(event.code)}\n".encode()
        return shown

    def show_shared(self, events: Sequence[Shown]) -> bytes:
        return b"".join(map(self.show, events))

    def _read(self, line: bytes | Overlong) -> Request | Fault | None:
        if isinstance(line, Overlong):
            return Fault("too_long", f"a line has at most {line.limit_bytes} bytes")
        if not line or line.isspace():
            return None
        if b"\xff" in line:
            line = _TELNET.sub(b"", line)
        text = clean_text(line.decode(errors="replace"))
        if not text or text.isspace():
            return None
        return Input(text=text) if self._state is _State.TALKING else _begin(text.strip())

    def _ask(self, code: str) -> str:
        """Return what a peer that was refused with *code* is asked for; expect it from now on."""
        if code == NotPermitted.code:
            self._state = _State.LOGIN_WANTED
        elif code in _ABOUT_NICKS:
            self._state = _State.NICK_WANTED
        if self._state is _State.LOGIN_WANTED:
            return _LOG_IN
        return _CHOOSE if code in _ABOUT_LOGINS else _CHOOSE_ANOTHER


def _begin(text: str) -> Hello | Fault:
    """Return what the first line asks for. A command is never taken for a nick: it may hold a
    password."""
    parsed = parse_slash(text)
    if isinstance(parsed, str) and not text.startswith("/"):
        return Hello(nick=text)
    meant = parsed.meant if isinstance(parsed, Lookalike) else parsed
    typed = meant if isinstance(meant, str) else f"{meant.name} {meant.rest}".strip()
    command, name, password, *_ = *typed.split(None, 2), "", "", ""
    if command.lower() not in _LOGINS:
        return Fault(HelloFirst.code, "choose a nick first; whoever has an account logs in")
    if not password:
        return Fault(UsageError.code, _USAGE)
    return Hello(nick=name, account=name, password=password)


def _who(welcome: Welcome) -> bytes:
    """Return what a peer is told that has logged in or out, or was given another role."""
    who = "a guest"
    if welcome.account is not None:
        who = f"{clean_line(welcome.role)} {clean_line(welcome.account)}"
    return f"* you are {clean_line(welcome.nick)}, {who}\n".encode()
