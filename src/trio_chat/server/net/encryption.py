"""The server's end of TLS: the certificate, and how many handshakes are under way at once.

Knows no links: `tls_links` carries bytes with it.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

import trio

from trio_chat.config import Config
from trio_chat.errors import ConfigError

_TLS = "tls://"


class Encryption:
    """What all encrypted links of a server share.

    A handshake is the dearest thing that a stranger can ask for: half a millisecond of CPU, and
    50 KiB until it is over. So only *handshakes* of them are under way at once, and of those only
    one takes a step in a turn of the event loop.

    Attributes:
        context: for handshakes that begin from now on.
        slots: one for each handshake under way; the others wait in the order in which they came.
        turn: held while a handshake takes a step, and until the other tasks have had their turn.
    """

    def __init__(self, context: ssl.SSLContext, handshakes: int) -> None:
        self.context = context
        self.slots = trio.CapacityLimiter(handshakes)
        self.turn = trio.Lock()


class Terms(NamedTuple):
    """How the peers of one listener are to speak.

    Attributes:
        required: not in plain text.
    """

    encryption: Encryption
    required: bool


def open_encryption(config: Config) -> Encryption | None:
    """Return what the encrypted links have in common; None: nothing is to be encrypted.

    Raises:
        ConfigError: there is no certificate, or it cannot be used.
    """
    section = config.server
    if not any(is_encrypted(address) for address in section.listen):
        return None
    context = server_context(section.tls_certificate, section.tls_key)
    return Encryption(context, config.limits.handshakes)


def is_encrypted(address: str) -> bool:
    """Return whether *address*, as the configuration has it, is for TLS only."""
    return address.startswith(_TLS)


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """Return the rules for encrypted links: TLS 1.2 or newer.

    Args:
        certificate: a PEM file with the certificate and its chain.
        key: a PEM file with its key; "": it is in the same file.

    Raises:
        ConfigError: a file cannot be read, or is not what it should be.
    """
    if not certificate:
        raise ConfigError("server.tls_certificate: tls:// needs the file with the certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # A link lives for hours, so that few come back to resume one; tickets cost a tenth of a
    # handshake. And nobody needs to negotiate again.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as exc:
        reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or exc
        raise ConfigError(f"server.tls_certificate, server.tls_key: {reason}") from exc
    return context
