"""From an address to a link: TCP, or TLS with the certificate checked. It knows no wire."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

import trio

from trio_chat.config import DEFAULT_PORT
from trio_chat.errors import ConfigError

Dial: TypeAlias = Callable[[], Awaitable[trio.abc.Stream]]


class Address(NamedTuple):
    """The address of a server; *is_tls*: it was written with `tls://`."""

    host: str
    port: int
    is_tls: bool


def parse_address(text: str) -> Address:
    """Parse `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`, with `tls://` in front for an encrypted
    link.

    Raises:
        ConfigError: it is none of these.
    """
    bare = text.removeprefix("tls://")
    if bare.startswith("["):
        host, _, port = bare[1:].partition("]")
        port = port.removeprefix(":")
    elif bare.count(":") > 1:
        host, port = bare, ""
    else:
        host, _, port = bare.partition(":")
    is_port = not port or (port.isascii() and port.isdigit() and int(port) <= 65_535)
    if not _is_host(host) or not is_port:
        raise ConfigError(f"{text}: write the server as HOST or HOST:PORT")
    return Address(host, int(port or DEFAULT_PORT), bare != text)


def _is_host(text: str) -> bool:
    """Return whether *text* can be a host's name or address."""
    try:
        text.encode("idna")  # no part of a name is empty, or has more than 63 characters
    except UnicodeError:
        return False
    return bool(text) and text.isprintable() and not set(text) & set("/ []@?#")


def dial_tcp(host: str, port: int) -> Dial:
    """Return a dialler of links that are not encrypted."""

    async def dial() -> trio.abc.Stream:
        return await trio.open_tcp_stream(host, port)

    return dial


def dial_tls(host: str, port: int, context: ssl.SSLContext) -> Dial:
    """Return a dialler of encrypted links to a server that has proven to be *host*."""

    async def dial() -> trio.abc.Stream:
        tcp = await trio.open_tcp_stream(host, port)
        stream = trio.SSLStream(tcp, context, server_hostname=host)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as exc:
            await trio.aclose_forcefully(stream)
            raise _explained(exc.__cause__) from None
        except BaseException:
            tcp.socket.close()
            raise
        return stream

    return dial


def tls_context(ca: str = "") -> ssl.SSLContext:
    """Return the rules for `dial_tls`: the host's name is checked, against the certificates that
    the system trusts, or against *ca* alone: a PEM file with an authority, or the server's own.

    Raises:
        ConfigError: *ca* cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"{ca}: no certificates in it: {exc.strerror or exc}") from None
    if ca:
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    return context


def _explained(cause: BaseException | None) -> OSError:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return OSError(f"its certificate is not trusted: {cause.verify_message.rstrip('.')}")
    if isinstance(cause, ssl.SSLError):
        return OSError(f"no TLS there: {(cause.reason or str(cause)).lower().replace('_', ' ')}")
    return OSError("closed the connection during the TLS handshake")
