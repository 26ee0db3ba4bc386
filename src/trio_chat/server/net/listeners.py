"""Listeners: from `HOST:PORT` or `tls://HOST:PORT` to trio's, and accepted streams prepared."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import trio

from trio_chat.config import Config, ServerSection, TimeoutsSection
from trio_chat.errors import ConfigError
from trio_chat.server.net.encryption import Encryption, Terms, check_encryption, is_encrypted
from trio_chat.server.net.links import (
    Link,
    SocketLink,
    SslStreamLink,
    StreamLink,
    WatchedLink,
    peer_address,
)
from trio_chat.server.net.tls_links import TlsLink

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness

_BACKLOG = 4096  # connections the kernel completes while accepting lags behind
_PROBES = 3
_KEEPALIVE_SECONDS_MAX = 32_767  # Linux takes no more
_PORT = re.compile(r"[0-9]{1,5}")
_TLS = "tls://"


class TlsListener(trio.abc.Listener[trio.SocketStream]):
    """Accepts peers that speak on *terms*."""

    def __init__(self, listener: trio.SocketListener, terms: Terms) -> None:
        self._listener = listener
        self.terms = terms

    @property
    def socket(self) -> trio.socket.SocketType:
        return self._listener.socket

    async def accept(self) -> trio.SocketStream:
        return await self._listener.accept()

    async def aclose(self) -> None:
        await self._listener.aclose()


Listener: TypeAlias = trio.SocketListener | TlsListener


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` to its parts; an IPv6 host stands in brackets.

    Raises:
        ConfigError: naming the text.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not _PORT.fullmatch(port) or int(port) > 65_535:
        raise ConfigError(f"{text}: write an address as HOST:PORT, say 127.0.0.1:7373")
    return host.removeprefix("[").removesuffix("]"), int(port)


def check_listen(config: Config) -> None:
    """Raises ConfigError: an address is malformed, or there is no certificate for TLS."""
    for text in config.server.listen:
        parse_address(text.removeprefix(_TLS))
    check_encryption(config)


async def open_listeners(section: ServerSection, encryption: Encryption | None) -> list[Listener]:
    """Open a listener for each address.

    Raises:
        ConfigError: an address is malformed, in use, or not this machine's.
    """
    listeners: list[Listener] = []
    try:
        for text in section.listen:
            told_apart = section.tls != "off"
            listeners += await _open(text, encryption, told_apart=told_apart)
    except (OSError, ValueError) as exc:  # a name that can be no host's is a ValueError
        for listener in listeners:
            listener.socket.close()
        reason = getattr(exc, "strerror", None) or exc
        raise ConfigError(f"cannot listen on {text}: {reason}") from exc
    return listeners


async def _open(
    text: str, encryption: Encryption | None, *, told_apart: bool
) -> Sequence[Listener]:
    host, port = parse_address(text.removeprefix(_TLS))
    opened = await trio.open_tcp_listeners(port, host=host or None, backlog=_BACKLOG)
    if encryption is None or not (told_apart or is_encrypted(text)):
        return opened
    return [TlsListener(one, Terms(encryption, is_encrypted(text))) for one in opened]


def address_of(listener: Listener) -> str:
    """`host:port` as it is, port 0 resolved; behind `tls://` if it is for TLS only."""
    host, port = listener.socket.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    is_only_tls = isinstance(listener, TlsListener) and listener.terms.required
    return _TLS + address if is_only_tls else address


def accept(
    stream: trio.abc.Stream | Link,
    config: Config,
    readiness: Readiness | None,
    terms: Terms | None = None,
) -> Link:
    """Prepare an accepted stream and take it over, to speak on *terms*; None: in plain text. A
    listener may also accept what is a link already."""
    if not isinstance(stream, trio.abc.Stream):
        return stream
    if not isinstance(stream, trio.SocketStream):
        return StreamLink(stream)
    _prepare(stream.socket, config)
    if terms is None or (readiness is None and not terms.required):
        sock = _taken_over(stream)
        peer = peer_address(sock)
        return SocketLink(sock, peer) if readiness is None else WatchedLink(sock, peer, readiness)
    return _encrypted(stream, config, readiness, terms)


def _encrypted(
    stream: trio.SocketStream, config: Config, readiness: Readiness | None, terms: Terms
) -> Link:
    encryption = terms.encryption
    if readiness is None:
        # A peer that closes without a word is usual, and what was said has its own end: `bye`.
        return SslStreamLink(
            trio.SSLStream(stream, encryption.context, server_side=True, https_compatible=True)
        )
    encryption.slots.total_tokens = config.limits.handshakes  # it may have been read again
    sock = _taken_over(stream)
    seconds = config.timeouts.hello_seconds
    return TlsLink(sock, peer_address(sock), readiness, terms, handshake_seconds=seconds)


def _taken_over(stream: trio.SocketStream) -> socket.socket:
    theirs = stream.socket
    return socket.socket(theirs.family, theirs.type, theirs.proto, theirs.detach())


def _prepare(sock: trio.socket.SocketType, config: Config) -> None:
    send_bytes = config.limits.socket_send_bytes
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes),
        *_probes_when_silent(config.timeouts),
    ):
        # Gone already, a kind of socket that knows no such option, or too large a number.
        with suppress(OSError, OverflowError, TypeError):
            sock.setsockopt(level, option, value)


def _probes_when_silent(timeouts: TimeoutsSection) -> Iterator[tuple[int, int, int]]:
    """Let the kernel find out that a peer has vanished: it costs nothing and works on any wire."""
    yield socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1
    interval = round((timeouts.drop_seconds - timeouts.ping_seconds) / _PROBES)
    for name, value in (
        ("TCP_KEEPIDLE", round(timeouts.ping_seconds)),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", _PROBES),
    ):
        option = getattr(socket, name, None)  # not every system has all
        if option is not None:
            yield socket.IPPROTO_TCP, option, min(max(1, value), _KEEPALIVE_SECONDS_MAX)
