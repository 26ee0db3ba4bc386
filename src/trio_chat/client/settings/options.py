"""The options of `run_client`, and the choice of its screen. They know no file and no arguments."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trio_chat.client.link.terms import Login
from trio_chat.client.settings.settings import ScreenKind, Settings

# What TERM is where the terminal can do no more than print.
_DUMB = frozenset({"", "dumb", "unknown"})


def choose_screen(
    wanted: ScreenKind, *, is_terminal: bool, environment: Mapping[str, str] = os.environ
) -> ScreenKind:
    """Return the screen for where the client runs: only a terminal that can move its cursor has
    another one than the plain screen. *is_terminal*: stdin and stdout are one."""
    if not is_terminal or environment.get("TERM", "") in _DUMB:
        return "plain"
    return "full" if wanted == "auto" else wanted


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """A server, a name for it, and how the client looks.

    Attributes:
        room: to enter at the start; None: the server chooses.
        tls: the rules for an encrypted link; None: the link is not encrypted.
        is_json: the plain screen prints events as the native wire has them.
        on_welcome: called when a server has let the person in for the first time; returns what is
            to be said then.
        settings: those of the file, with what the command line says on top.
    """

    host: str
    port: int
    nick: str
    room: str | None = None
    login: Login | None = None
    tls: ssl.SSLContext | None = None
    is_json: bool = False
    on_welcome: Callable[[], str] | None = None
    settings: Settings = field(default_factory=Settings)
