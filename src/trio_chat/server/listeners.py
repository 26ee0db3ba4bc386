"""Listeners: from `HOST:PORT` to trio's, and accepted streams prepared."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import trio

from trio_chat.config import Config, TimeoutsSection
from trio_chat.errors import ConfigError
from trio_chat.server.links import Link, link_to

if TYPE_CHECKING:
    from trio_chat.server.readiness import Readiness

_BACKLOG = 4096  # connections the kernel completes while accepting lags behind
_PROBES = 3


def parse_address(text: str) -> tuple[str, int]:
    """`HOST:PORT` to its parts; an IPv6 host stands in brackets.

    Raises:
        ConfigError: naming the text.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(f"{text}: write an address as HOST:PORT, say 127.0.0.1:7373")
    return host.removeprefix("[").removesuffix("]"), int(port)


async def open_listeners(addresses: tuple[str, ...]) -> list[trio.SocketListener]:
    """Open a listener for each address.

    Raises:
        ConfigError: an address is malformed, in use, or not this machine's.
    """
    listeners: list[trio.SocketListener] = []
    try:
        for text in addresses:
            host, port = parse_address(text)
            listeners += await trio.open_tcp_listeners(port, host=host or None, backlog=_BACKLOG)
    except (OSError, UnicodeError) as exc:  # a name that can be no host's is a UnicodeError
        for listener in listeners:
            listener.socket.close()
        reason = getattr(exc, "strerror", None) or exc
        raise ConfigError(f"cannot listen on {text}: {reason}") from exc
    return listeners


def address_of(listener: trio.SocketListener) -> str:
    """`host:port` as it is, port 0 resolved."""
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def accept(stream: trio.abc.Stream, config: Config, readiness: Readiness | None) -> Link:
    """Prepare an accepted stream and take it over."""
    if isinstance(stream, trio.SocketStream):
        _prepare(stream.socket, config)
    return link_to(stream, readiness)


def _prepare(sock: trio.socket.SocketType, config: Config) -> None:
    send_bytes = config.limits.socket_send_bytes
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        _probe_when_silent(sock, config.timeouts)
    except OSError:
        pass  # gone already, or a kind of socket that knows no such options


def _probe_when_silent(sock: trio.socket.SocketType, timeouts: TimeoutsSection) -> None:
    """Let the kernel find out that a peer has vanished: it costs nothing and works on any wire."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    interval = max(1, round((timeouts.drop_seconds - timeouts.ping_seconds) / _PROBES))
    for name, value in (
        ("TCP_KEEPIDLE", round(timeouts.ping_seconds)),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", _PROBES),
    ):
        option = getattr(socket, name, None)  # not every system has all
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, max(1, value))
