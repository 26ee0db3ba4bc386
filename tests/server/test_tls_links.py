"""Encrypted links: tried first like plain ones, and nobody waits for a handshake of others.

The peer is a script: OpenSSL between two memory buffers, so that it decides when bytes go out and
come in.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count

import pytest
import trio
import trustme
from trio.testing import MockClock, wait_all_tasks_blocked

if not hasattr(select, "epoll"):
    pytest.skip("Linux only", allow_module_level=True)

from trio_chat.server.net.encryption import Encryption, Terms
from trio_chat.server.net.links import RECEIVE_BYTES
from trio_chat.server.net.readiness import Readiness
from trio_chat.server.net.tls_links import TlsLink

HANDSHAKE_SECONDS = 20.0
RECORD_BYTES = 16_384
AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("127.0.0.1")


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    context.num_tickets = 0
    return context


class Peer:
    """The other end of a link."""

    def __init__(self, sock: socket.socket, version: ssl.TLSVersion) -> None:
        sock.setblocking(False)
        self.socket = sock
        context = ssl.create_default_context()
        context.maximum_version = version
        AUTHORITY.configure_trust(context)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="127.0.0.1")

    @property
    def version(self) -> str | None:
        return self._tls.version()

    def flush(self) -> None:
        if self._out.pending:
            self.socket.sendall(self._out.read())

    def fill(self) -> bool:
        """Take in what has arrived. False: nothing has."""
        with suppress(BlockingIOError):
            if data := self.socket.recv(1 << 20):
                self._in.write(data)
                return True
            self._in.write_eof()
        return False

    def step(self) -> bool:
        """Take a step of the handshake. True: it is over."""
        self.fill()
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self.flush()
        return True

    async def shake_hands(self) -> None:
        with trio.fail_after(10):
            while not self.step():
                await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()

    async def say(self, *texts: bytes) -> None:
        for text in texts:
            self._tls.write(text)
        self.flush()
        await wait_all_tasks_blocked()

    def heard(self) -> bytes:
        """What has arrived since the last time; with the word END behind it if that was all."""
        parts = []
        more = True
        while more:
            more = self.fill()
            try:
                while part := self._tls.read(1 << 20):
                    parts.append(part)
            except ssl.SSLWantReadError:
                continue
            return b"".join((*parts, b"END"))
        return b"".join(parts)

    async def hear(self, size: int) -> bytes:
        """What arrives, until it is *size* bytes."""
        heard = b""
        with trio.fail_after(10):
            while len(heard) < size:
                heard += self.heard()
                await wait_all_tasks_blocked()
        return heard

    async def say_end(self) -> None:
        """Say that it is over, and leave the socket open."""
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self.flush()
        await wait_all_tasks_blocked()


@dataclass
class Session:
    """Takes lines of talk, and leaves commands to its task."""

    link: TlsLink
    taken: list[bytes] = field(default_factory=list)
    kept: bytes = b""
    received: list[bytes] = field(default_factory=list)
    error: Exception | None = None
    ended: bool = False

    def take(self, chunk: bytes) -> bool:
        before, slash, rest = chunk.partition(b"/")
        self.taken.append(before)
        self.kept += slash + rest
        return not slash

    def fill(self) -> bytes:
        """Send until the link takes no more; return what it took."""
        sent = bytearray()
        with suppress(BlockingIOError):
            for number in count():
                data = b"%06d," % number * 500
                sent += data[: self.link.send(data)]
        return bytes(sent)

    async def run(self) -> None:
        try:
            while await self.link.receive(self):
                if self.kept:
                    self.received.append(self.kept)
                self.kept = b""
        except OSError as exc:
            self.error = exc
        self.ended = True


class Stage:
    """Links that one task watches, and their peers."""

    def __init__(self, nursery: trio.Nursery, stack: AsyncExitStack, encryption: Encryption):
        self._nursery = nursery
        self._stack = stack
        self.encryption = encryption
        self._readiness = Readiness()
        nursery.start_soon(self._readiness.run)

    async def connect(
        self,
        *,
        required: bool = True,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        send_bytes: int = 0,
    ) -> tuple[Session, Peer]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = self._stack.enter_context(socket.socket())
            if send_bytes:
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, send_bytes)
            theirs.connect(listener.getsockname())
            ours = listener.accept()[0]
        for sock in (ours, theirs):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_bytes:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
        link = TlsLink(
            ours,
            "unix",
            self._readiness,
            Terms(self.encryption, required),
            handshake_seconds=HANDSHAKE_SECONDS,
        )
        self._stack.push_async_callback(link.aclose)
        session = Session(link)
        self._nursery.start_soon(session.run)
        await wait_all_tasks_blocked()
        return session, Peer(theirs, version)

    async def linked(self, **options: object) -> tuple[Session, Peer]:
        """The same after the handshake."""
        session, peer = await self.connect(**options)  # type: ignore[arg-type]
        await peer.shake_hands()
        return session, peer


@asynccontextmanager
async def staged(
    handshakes: int = 10, context: Callable[[], ssl.SSLContext] = server_context
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        yield Stage(nursery, stack, Encryption(context(), handshakes))
        nursery.cancel_scope.cancel()


# --- talk


@pytest.mark.parametrize(
    ("version", "name"),
    [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")],
)
async def test_what_is_said_is_taken_without_waking_the_task(
    version: ssl.TLSVersion, name: str
) -> None:
    async with staged() as stage:
        session, peer = await stage.linked(version=version)
        assert peer.version == name
        await peer.say(b"one")
        await peer.say(b"two", b"three/four")
        await peer.say(b"five")
        assert session.taken == [b"one", b"twothree", b"five"]
        assert session.received == [b"/four"]
        assert session.link.send(b"six") == 3
        assert peer.heard() == b"six"


async def test_what_is_said_before_the_handshake_is_over_comes_after_it() -> None:
    async with staged() as stage:
        session, peer = await stage.connect()
        assert session.link.send(b"hello ") == 6
        assert session.link.send(b"there") == 5
        await peer.shake_hands()
        assert await peer.hear(11) == b"hello there"


async def test_more_than_is_read_at_once_arrives_whole() -> None:
    async with staged() as stage:
        session, peer = await stage.linked()
        said = bytes(range(256)) * (3 * RECEIVE_BYTES // 256)
        said = said.replace(b"/", b"")
        await peer.say(said)
        assert b"".join(session.taken) == said
        await peer.say(b"more")
        assert session.taken[-1] == b"more"


async def test_records_that_the_kernel_takes_in_part_arrive_whole_and_in_order() -> None:
    async with staged() as stage:
        session, peer = await stage.linked(send_bytes=4096)
        sent = session.fill()
        # Nothing more is sent: what OpenSSL keeps goes out by itself.
        assert await peer.hear(len(sent)) == sent
        assert session.link.send(b"again") == 5
        assert await peer.hear(5) == b"again"


async def test_a_share_of_many_records_is_sent_at_once() -> None:
    async with staged() as stage:
        session, peer = await stage.linked()
        data = bytes(range(256)) * 512
        sent = session.link.send(data)
        assert sent > RECORD_BYTES
        assert await peer.hear(sent) == data[:sent]


async def test_a_writer_sends_what_did_not_fit() -> None:
    async with staged() as stage:
        session, peer = await stage.linked(send_bytes=4096)
        data = memoryview(bytes(range(256)) * 1024)
        heard = bytearray()

        async def write() -> None:
            left = data
            while left:
                left = left[await session.link.send_some(left) :]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            heard += await peer.hear(len(data))
        assert bytes(heard) == bytes(data)


class Renewing(ssl.SSLSocket):
    """A socket whose peer is in the midst of renewing its keys, as long as *renews*."""

    renews = False

    def send(self, data: object, flags: int = 0) -> int:
        if self.renews:
            raise ssl.SSLWantReadError
        return super().send(data, flags)  # type: ignore[arg-type]


async def test_a_write_that_has_to_read_first_goes_on_when_something_was_read() -> None:
    def context() -> ssl.SSLContext:
        context = server_context()
        context.sslsocket_class = Renewing
        return context

    async with staged(context=context) as stage:
        session, peer = await stage.linked()
        Renewing.renews = True
        try:
            with pytest.raises(BlockingIOError):
                session.link.send(b"talk")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(session.link.send_some, b"talk")
                await wait_all_tasks_blocked()
                Renewing.renews = False
                await peer.say(b"the rest of it")
            assert await peer.hear(4) == b"talk"
        finally:
            Renewing.renews = False


# --- the end


async def test_a_peer_that_says_that_it_is_over_has_ended() -> None:
    async with staged() as stage:
        session, peer = await stage.linked()
        await peer.say(b"last words")
        await peer.say_end()
        assert session.ended
        assert session.error is None
        assert b"".join(session.taken + session.received) == b"last words"
        assert session.link.send(b"goodbye") == 7
        assert peer.heard().startswith(b"goodbye")


async def test_a_peer_that_closes_without_a_word_has_ended() -> None:
    async with staged() as stage:
        session, peer = await stage.linked()
        peer._tls.write(b"last words")
        peer.flush()
        peer.socket.close()
        await wait_all_tasks_blocked()
        assert session.ended
        assert session.error is None
        assert b"".join(session.taken + session.received) == b"last words"


async def test_the_end_of_the_link_is_told_after_all_that_was_sent() -> None:
    async with staged() as stage:
        session, peer = await stage.linked(send_bytes=4096)
        sent = session.fill()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.link.end)
            heard = await peer.hear(len(sent + b"END"))
        assert heard == sent + b"END"
        # What it still says ends nothing, as long as it reads.
        await peer.say(b"but")
        assert not session.ended
        session.link.abort()
        await wait_all_tasks_blocked()
        assert session.ended


async def test_who_speaks_no_tls_is_told_so_and_gone() -> None:
    async with staged() as stage:
        session, peer = await stage.connect()
        peer.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        await wait_all_tasks_blocked()
        assert session.ended
        assert isinstance(session.error, ssl.SSLError)
        await session.link.aclose()
        peer.fill()
        assert peer.socket.recv(100) == b""


# --- the handshake


async def test_a_peer_that_hangs_up_in_the_handshake_is_noticed_at_once() -> None:
    """S25: an end is noticed at once, whatever of the handshake was said before."""
    async with staged(handshakes=1) as stage:
        silent, silent_peer = await stage.connect()
        begun, begun_peer = await stage.connect()
        begun_peer.socket.sendall(b"\x16\x03\x01\x02")
        await wait_all_tasks_blocked()
        queued, queued_peer = await stage.connect()
        queued_peer.step()
        await wait_all_tasks_blocked()
        for session, peer in (
            (silent, silent_peer),
            (queued, queued_peer),  # while the one before it holds the only place
            (begun, begun_peer),
        ):
            assert not session.ended
            peer.socket.close()
            await wait_all_tasks_blocked()
            assert session.ended
            with pytest.raises(OSError, match="came to nothing"):
                session.link.send(b"a farewell")


async def test_a_silent_peer_holds_no_place_and_a_slow_one_does_not_for_ever(
    autojump_clock: MockClock,
) -> None:
    """S25, D6: a peer that says nothing costs nothing but its socket."""
    async with staged(handshakes=1) as stage:
        silent, _ = await stage.connect()
        await stage.linked()
        slow, slow_peer = await stage.connect()
        slow_peer.socket.sendall(b"\x16\x03\x01\x02")
        await wait_all_tasks_blocked()
        assert not silent.ended
        assert not slow.ended
        await trio.sleep(HANDSHAKE_SECONDS)
        await wait_all_tasks_blocked()
        assert silent.ended
        assert slow.ended
        await stage.linked()


async def test_who_waits_for_a_place_gets_it_when_one_is_free() -> None:
    async with staged(handshakes=1) as stage:
        first, first_peer = await stage.connect()
        second, second_peer = await stage.connect()
        assert not first_peer.step()
        await wait_all_tasks_blocked()
        assert not second_peer.step()
        await wait_all_tasks_blocked()
        assert not second_peer.fill()
        await first_peer.shake_hands()
        await second_peer.shake_hands()
        await second_peer.say(b"now")
        assert second.taken == [b"now"]
        assert not first.ended


async def test_a_link_is_aborted_in_the_handshake() -> None:
    async with staged(handshakes=1) as stage:
        await_place, peer = await stage.connect()
        holder, holder_peer = await stage.connect()
        holder_peer.socket.sendall(b"\x16\x03\x01\x02")
        await wait_all_tasks_blocked()
        peer.step()
        await wait_all_tasks_blocked()
        await_place.link.abort()
        await wait_all_tasks_blocked()
        assert await_place.ended
        assert not holder.ended


# --- where plain text is allowed


async def test_the_first_byte_tells_tls_from_plain_text() -> None:
    async with staged() as stage:
        plain, plain_peer = await stage.connect(required=False)
        assert plain.link.send(b"who are you?") == 12
        assert plain_peer.socket.recv(100) == b"who are you?"
        plain_peer.socket.sendall(b"alice")
        await wait_all_tasks_blocked()
        plain_peer.socket.sendall(b"talk")
        await wait_all_tasks_blocked()
        assert plain.received + plain.taken == [b"alice", b"talk"]
        assert plain.link.send(b"welcome") == 7
        assert plain_peer.socket.recv(100) == b"welcome"
        encrypted, encrypted_peer = await stage.linked(required=False)
        await encrypted_peer.say(b"bob")
        assert encrypted.taken + encrypted.received == [b"bob"]
        encrypted.link.send(b"welcome")
        assert encrypted_peer.heard() == b"welcome"


async def test_the_end_of_a_plain_peer_that_said_all_at_once_is_seen() -> None:
    async with staged() as stage:
        session, peer = await stage.connect(required=False)
        peer.socket.sendall(b"alice\n")
        peer.socket.shutdown(socket.SHUT_WR)
        await wait_all_tasks_blocked()
        assert session.ended
        assert b"".join(session.received + session.taken) == b"alice\n"


async def test_nothing_is_said_in_plain_text_once_a_handshake_has_begun() -> None:
    """Not even while the files of the certificate are looked at."""
    looked = trio.Event()
    async with staged() as stage:
        stage.encryption.look = looked.wait  # type: ignore[method-assign]
        session, peer = await stage.connect(required=False)
        assert not peer.step()
        await wait_all_tasks_blocked()
        assert session.link.send(b"who are you?") == 12
        assert not peer.fill()
        looked.set()
        await peer.shake_hands()
        assert await peer.hear(12) == b"who are you?"
