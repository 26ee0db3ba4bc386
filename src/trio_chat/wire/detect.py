"""Tell which wire a peer speaks from what it says first, and how to refuse the ones not spoken
here. Knows nothing of what the wires mean."""

from __future__ import annotations

import re
from enum import Enum


class Language(Enum):
    """What a peer speaks. NATIVE and PLAIN are served, for the others there is `REFUSALS`."""

    NATIVE = "native"
    PLAIN = "plain"
    IRC = "irc"
    HTTP = "http"
    TLS = "tls"


# What an IRC client may say first. The other verbs need a registered nick, so that a person's
# "who is here?" is no reason to take somebody for an IRC client.
IRC_VERBS = frozenset(
    b"AUTHENTICATE CAP JOIN NICK PASS PING PONG QUIT STARTTLS USER WEBIRC".split()
)

# A record of type handshake: no person and no other wire begins with this control character.
_TLS_FIRST_BYTE = b"\x16"
_HTTP = re.compile(rb"[A-Za-z]+ \S+ HTTP/[0-9]")

_EXPLANATION = b"this is a trio-chat server; connect with trio-chat or nc"
REFUSALS = {
    Language.IRC: b"ERROR :IRC is not spoken on this port yet: " + _EXPLANATION + b"\r\n",
    Language.HTTP: (
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%s\n" % (len(_EXPLANATION) + 1, _EXPLANATION)
    ),
    # Alert, TLS 1.0, two bytes: fatal, handshake_failure.
    Language.TLS: b"\x15\x03\x01\x00\x02\x02\x28",
}


def detect_bytes(first: bytes) -> Language | None:
    """Return TLS if *first*, the first bytes of a stream, begin a handshake: no line will come.
    Else None: the first line decides."""
    return Language.TLS if first.startswith(_TLS_FIRST_BYTE) else None


def detect(line: bytes) -> Language:
    """Tell from *line*, the first one without its end, which language a peer speaks.

    A verb of IRC counts in any case when something follows it; alone only in capitals. So `QUIT`
    is IRC, and a person may be called Nick or Ping.
    """
    line = line.strip()
    if line.startswith(b"{"):
        return Language.NATIVE
    if line.startswith(_TLS_FIRST_BYTE):
        return Language.TLS
    if _HTTP.match(line):
        return Language.HTTP
    words = line.split(None, 1)
    if words and (words[0].upper() if len(words) > 1 else words[0]) in IRC_VERBS:
        return Language.IRC
    return Language.PLAIN
