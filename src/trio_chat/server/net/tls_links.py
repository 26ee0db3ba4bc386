"""An encrypted link that is tried first like a plain one: nothing here waits to send.

OpenSSL works on the socket itself, which does not block. Three things make it more than a socket:

* Before the handshake is over nothing can be sent: the little that is said so early waits here.
* Of a record that the kernel takes in part OpenSSL keeps the rest, and wants to be called again
  with the same bytes. They count as sent and are *pending*, at most one record of 16 KiB; they go
  out before anything else, and as soon as the socket takes more.
* Reading may want to write, and writing to read, since a peer may renew its keys at any time. So
  whatever the socket is ready for, both are tried again.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

import trio

from trio_chat.server.net.encryption import Terms
from trio_chat.server.net.links import RECEIVE_BYTES, Send, Taker, WatchedLink

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness

Bytes: TypeAlias = bytes | memoryview
Wait: TypeAlias = Callable[[socket.socket], Awaitable[None]]

_RECORD_BYTES = 16_384
_HANDSHAKE = b"\x16"  # the first byte of a record of this type, and of no other talk
_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_NOT_NOW = (*_WANTS, BlockingIOError)


class TlsLink(WatchedLink):
    """A link that begins with a handshake; or with plain text, where the *terms* allow that and
    the peer does.

    *handshake_seconds* is how long the handshake may take, waiting for its turn included.
    """

    __slots__ = (
        "_changed",
        "_ended",
        "_handshake",
        "_heard_all",
        "_in_queue",
        "_pending",
        "_terms",
        "_tls",
        "_wants_read",
    )

    def __init__(
        self,
        sock: socket.socket,
        peer: str,
        readiness: Readiness,
        terms: Terms,
        *,
        handshake_seconds: float,
    ) -> None:
        super().__init__(sock, peer, readiness, writable=True)
        self._terms = terms
        deadline = trio.current_time() + handshake_seconds
        self._handshake: trio.CancelScope | None = trio.CancelScope(deadline=deadline)
        self._in_queue = False
        self._tls: ssl.SSLSocket | None = None
        self._pending: Bytes = b""
        self._wants_read = False  # writing has to wait for something to read
        self._changed: trio.Event | None = None  # set when that, or the handshake, may be over
        self._heard_all = False
        self._ended = False  # from here
        self.send: Send = self._send_first

    # --- the handshake

    async def receive(self, taker: Taker) -> bool:
        if self._handshake is not None and not await self._begun():
            return False
        return await super().receive(taker)

    async def _begun(self) -> bool:
        """Take the first steps. False: the peer is gone, or was too slow."""
        assert self._handshake is not None
        begun = False
        try:
            with self._handshake:
                begun = await self._begin()
        finally:
            self._handshake = None
            if not begun:
                self._pending = b""
                self.send = _send_to_nobody
            self._tell_change()
        self._readable = True
        self._try_pending()
        return begun

    async def _begin(self) -> bool:
        # Nothing is spent on a peer that says nothing.
        await trio.lowlevel.wait_readable(self._socket)
        first = self._socket.recv(1, socket.MSG_PEEK)
        if not first:
            return False
        if first != _HANDSHAKE and not self._terms.required:
            self.send = self._socket.send
            return True
        self._in_queue = True
        async with self._terms.encryption.slots:
            await self._terms.encryption.look()
            await self._shake_hands()
        self.send = self._encrypt
        return True

    def _wrap(self) -> ssl.SSLSocket:
        self._in_queue = False
        # The descriptor passes to another object, and is closed if that fails.
        self._readiness.remove(self._socket)
        self._socket = self._tls = self._terms.encryption.context.wrap_socket(
            self._socket, server_side=True, do_handshake_on_connect=False
        )
        self._readiness.add(self._socket, self, writable=True)
        return self._tls

    async def _shake_hands(self) -> None:
        while True:
            async with self._terms.encryption.turn:
                wait = _step(self._tls or self._wrap())
                await trio.lowlevel.checkpoint()
            if wait is None:
                return
            await wait(self._socket)

    async def _handshake_over(self) -> None:
        while self._handshake is not None:
            await self._change()

    async def _change(self) -> None:
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def _tell_change(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # --- sending

    def _send_first(self, data: Bytes) -> int:
        """As long as it is not known how to send: to a peer that said nothing in plain text if
        that may be, else after the handshake."""
        if self._handshake is None:
            return self.send(data)
        if not (self._terms.required or self._in_queue or self._tls):
            return self._socket.send(data)
        if len(self._pending) + len(data) > _RECORD_BYTES:
            raise BlockingIOError
        self._pending = b"".join((self._pending, data))
        return len(data)

    def _encrypt(self, data: Bytes) -> int:
        if self._pending:
            self._flush()
        assert self._tls is not None
        try:
            sent = self._tls.send(data)
        except _WANTS as exc:
            return self._hold(data, exc)
        return sent if sent == len(data) else sent + self._encrypt_more(data[sent:])

    def _encrypt_more(self, data: Bytes) -> int:
        """Send the records after the first."""
        try:
            return self._encrypt(data)
        except BlockingIOError:
            return 0

    def _hold(self, data: Bytes, exc: Exception) -> int:
        self._wants_read = isinstance(exc, ssl.SSLWantReadError)
        if self._wants_read:  # OpenSSL took nothing
            raise BlockingIOError from None
        self._pending = bytes(data[:_RECORD_BYTES])
        return len(self._pending)

    def _flush(self) -> None:
        """Send what is pending. Raises BlockingIOError: some of it is still."""
        assert self._tls is not None
        while self._pending:
            try:
                sent = self._tls.send(self._pending)
            except _WANTS as exc:
                self._wants_read = isinstance(exc, ssl.SSLWantReadError)
                raise BlockingIOError from None
            self._pending = self._pending[sent:]

    def _try_pending(self) -> None:
        """Send what is pending, if that can be. A link that broke shows to its reader."""
        if self._pending and self._tls is not None and self._handshake is None:
            with suppress(OSError):
                self._flush()

    async def send_some(self, data: Bytes) -> int:
        await self._handshake_over()
        while True:
            await self._sendable()
            try:
                return self.send(data)
            except BlockingIOError:
                continue

    async def _sendable(self) -> None:
        if self._wants_read:
            await self._change()
            self._wants_read = False
        else:
            await trio.lowlevel.wait_writable(self._socket)

    # --- receiving

    def readable(self, *, closed: bool) -> None:
        if self._handshake is None:
            self._try_pending()
            super().readable(closed=closed)
            self._tell_change()
            return
        self._closed = self._closed or closed
        if closed and self._in_queue:
            self._handshake.cancel()

    def _read(self) -> bytes | None:
        if self._tls is None:
            return super()._read()
        records: list[bytes] = []
        try:
            self._read_records(records)
        except _NOT_NOW:
            self._readable = False  # the next edge tells
            return b"".join(records) or None
        except OSError:
            if not records:
                raise
        self._readable = True
        return b"".join(records)

    def _read_records(self, records: list[bytes]) -> None:
        """Read into *records* until the end, or until they are as much as is read at once."""
        left = RECEIVE_BYTES
        while left > 0 and not self._heard_all:
            record = self._read_record()
            self._heard_all = not record
            records.append(record)
            left -= len(record)

    def _read_record(self) -> bytes:
        assert self._tls is not None
        if self._ended:  # nobody wants to know what it says
            return socket.socket.recv(self._tls, RECEIVE_BYTES)
        return self._tls.recv(RECEIVE_BYTES)

    # --- the end

    async def end(self) -> None:
        await self._handshake_over()
        while self._pending:
            await self._sendable()
            with suppress(BlockingIOError):
                self._flush()
        self._say_end()
        await super().end()

    def _say_end(self) -> None:
        if self._tls is not None and not self._ended:
            self._ended = True
            with suppress(OSError, ValueError):  # it is gone, or was never there
                self._tls.unwrap()

    def abort(self) -> None:
        if self._handshake is not None:
            self._handshake.cancel()
        super().abort()

    async def aclose(self) -> None:
        self._say_end()
        await super().aclose()


def _send_to_nobody(_: Bytes) -> int:
    raise BrokenPipeError("the handshake came to nothing")


def _step(tls: ssl.SSLSocket) -> Wait | None:
    """Go on with the handshake. Return what to wait for, or None: it is over."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return trio.lowlevel.wait_readable
    except ssl.SSLWantWriteError:
        return trio.lowlevel.wait_writable
    except ssl.SSLError:
        # A close with unread input would be a reset, which swallows the alert.
        with suppress(OSError):
            socket.socket.recv(tls, RECEIVE_BYTES)
        raise
    return None
