"""The options of `run_client`. They know neither files nor the command line."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from trio_chat.client.link.connection import Login
from trio_chat.client.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """A server, a name for it, and how the client looks.

    Attributes:
        room: to enter at the start; None: the server chooses.
        tls: the rules for an encrypted link; None: the link is not encrypted.
        is_json: the plain screen prints events as the native wire has them.
        settings: those of the file, with what the command line says on top.
    """

    host: str
    port: int
    nick: str
    room: str | None = None
    login: Login | None = None
    tls: ssl.SSLContext | None = None
    is_json: bool = False
    settings: Settings = field(default_factory=Settings)
