"""A peer behind TLS for calls.py: a real link over loopback, and a scripted other end.

What the peer says is encrypted before anything is counted.
"""

from __future__ import annotations

import socket
import ssl
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import trio.testing

from peers import made_certificate
from trio_chat.server.net.encryption import Encryption, Files, Terms
from trio_chat.server.net.readiness import Readiness
from trio_chat.server.net.tls_links import TlsLink

_HANDSHAKES = 1
_HANDSHAKE_SECONDS = 60.0


@cache
def _client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _server_context() -> ssl.SSLContext:
    with tempfile.TemporaryDirectory(prefix="trio-chat-bench-") as folder:
        certificate = made_certificate(Path(folder))
        return Files(certificate.chain, certificate.key).context()


def make_terms() -> Terms:
    """Raises Missing: there is no `openssl` to make a certificate with."""
    return Terms(Encryption(_server_context(), _HANDSHAKES), required=True)


class EncryptedPeer:
    """See the module; *link* is the server's end."""

    def __init__(self, readiness: Readiness, terms: Terms) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._socket = socket.create_connection(listener.getsockname())
            ours = listener.accept()[0]
        for sock in (ours, self._socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _client_context().wrap_bio(self._in, self._out)
        self.link = TlsLink(ours, "unix", readiness, terms, handshake_seconds=_HANDSHAKE_SECONDS)

    async def shake_hands(self) -> None:
        """Raises ssl.SSLError."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._exchange()
            else:
                break
        await self._exchange()

    async def _exchange(self) -> None:
        self._socket.send(self._out.read())
        await trio.testing.wait_all_tasks_blocked()
        with suppress(BlockingIOError):
            self._in.write(self._socket.recv(65_536))

    def encrypted(self, chunk: bytes) -> bytes:
        """What `say` sends, in the order in which this is called."""
        self._tls.write(chunk)
        return self._out.read()

    def say(self, data: bytes) -> None:
        self._socket.send(data)

    def discard(self) -> None:
        """Make room for what comes."""
        try:
            while self._socket.recv(1 << 20):
                pass
        except BlockingIOError:  # contextlib.suppress would be counted
            pass

    def close(self) -> None:
        self._socket.close()
