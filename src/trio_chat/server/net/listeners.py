"""Listeners: from `HOST:PORT` or `tls://HOST:PORT` to trio's, and accepted streams prepared."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import trio

from trio_chat.config import Config, ServerSection, TimeoutsSection
from trio_chat.errors import ConfigError
from trio_chat.server.net.links import Link, link_to

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness

_BACKLOG = 4096  # connections the kernel completes while accepting lags behind
_PROBES = 3
_KEEPALIVE_SECONDS_MAX = 32_767  # Linux takes no more
_PORT = re.compile(r"[0-9]{1,5}")
_TLS = "tls://"


TlsListener: TypeAlias = trio.SSLListener[trio.SocketStream]
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


def check_listen(section: ServerSection) -> None:
    """Raises ConfigError: an address is malformed, or there is no certificate for TLS."""
    for text in section.listen:
        parse_address(text.removeprefix(_TLS))
        if text.startswith(_TLS):
            _tls_context(section)


async def open_listeners(section: ServerSection) -> list[Listener]:
    """Open a listener for each address.

    Raises:
        ConfigError: an address is malformed, in use, or not this machine's; or there is no
            certificate for TLS.
    """
    listeners: list[Listener] = []
    try:
        for text in section.listen:
            host, port = parse_address(text.removeprefix(_TLS))
            context = _tls_context(section) if text.startswith(_TLS) else None
            opened = await trio.open_tcp_listeners(port, host=host or None, backlog=_BACKLOG)
            listeners += [_with_tls(one, context) if context else one for one in opened]
    except (OSError, ValueError) as exc:  # a name that can be no host's is a ValueError
        for listener in listeners:
            _socket_of(listener).close()
        reason = getattr(exc, "strerror", None) or exc
        raise ConfigError(f"cannot listen on {text}: {reason}") from exc
    return listeners


def _tls_context(section: ServerSection) -> ssl.SSLContext:
    """Raises ConfigError."""
    if not section.tls_certificate:
        raise ConfigError("server.tls_certificate: tls:// needs the file with the certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(section.tls_certificate, section.tls_key or None)
    except (OSError, ssl.SSLError) as exc:
        reason = getattr(exc, "reason", None) or getattr(exc, "strerror", None) or exc
        raise ConfigError(f"server.tls_certificate, server.tls_key: {reason}") from exc
    return context


def _with_tls(listener: trio.SocketListener, context: ssl.SSLContext) -> TlsListener:
    # A peer that closes without a word is usual, and what was said has its own end: `bye`.
    return trio.SSLListener(listener, context, https_compatible=True)


def _socket_of(listener: Listener) -> trio.socket.SocketType:
    inner = listener.transport_listener if isinstance(listener, trio.SSLListener) else listener
    assert isinstance(inner, trio.SocketListener)
    return inner.socket


def address_of(listener: Listener) -> str:
    """`host:port` as it is, port 0 resolved; behind `tls://` if it is encrypted."""
    host, port = _socket_of(listener).getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return _TLS + address if isinstance(listener, trio.SSLListener) else address


def accept(stream: trio.abc.Stream | Link, config: Config, readiness: Readiness | None) -> Link:
    """Prepare an accepted stream and take it over. A listener may also accept what is a link
    already."""
    if not isinstance(stream, trio.abc.Stream):
        return stream
    transport = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if isinstance(transport, trio.SocketStream):
        _prepare(transport.socket, config)
    return link_to(stream, readiness)


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
