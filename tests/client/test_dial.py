"""Encrypted links: only to a server that has proven to be the one named."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
import trustme

from support_client import FakeServer
from support_real_server import real_server
from trio_chat.client import open_chat
from trio_chat.client.link.connection import Connection
from trio_chat.client.link.dial import Dial, dial_tcp, dial_tls, tls_context
from trio_chat.client.link.failures import Unreachable
from trio_chat.client.link.status import Status
from trio_chat.client.link.terms import Timeouts
from trio_chat.client.state.model import Model
from trio_chat.client.ui.full import bars
from trio_chat.errors import ConfigError

Serve = Callable[[trio.abc.Stream], Awaitable[object]]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


async def listen(nursery: trio.Nursery, serve: Serve, certificate: trustme.LeafCert | None) -> int:
    """Serve, with TLS if there is a *certificate*; return the port."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if certificate is None:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
    else:
        certificate.configure_cert(context)
        encrypted = [trio.SSLListener(listener, context)]
        nursery.start_soon(trio.serve_listeners, fenced(serve), encrypted)
    return int(port)


def fenced(serve: Serve) -> Serve:
    async def handle(stream: trio.abc.Stream) -> None:
        try:
            await serve(stream)
        except trio.BrokenResourceError:  # a peer that does not trust us
            await trio.aclose_forcefully(stream)

    return handle


async def link(dial: Dial, timeouts: Timeouts | None = None) -> Status:
    """Connect, leave when welcomed; return how the link was then."""
    seen = Status()

    def note() -> None:
        if connection.status.state == "online":
            seen.state, seen.is_encrypted = "online", connection.status.is_encrypted
            connection.leave()

    connection = Connection(
        dial,
        Model("alice"),
        address="127.0.0.1",
        give_up_seconds=0,
        on_effects=lambda effects: None,
        on_status=note,
        timeouts=timeouts,
    )
    with trio.fail_after(10):
        await connection.run()
    return seen


async def test_link_to_a_trusted_server_is_encrypted(
    nursery: trio.Nursery, authority: trustme.CA, trusted: str
) -> None:
    server = FakeServer(nursery)
    port = await listen(nursery, server.serve, authority.issue_cert("127.0.0.1"))
    status = await link(dial_tls("127.0.0.1", port, tls_context(trusted)))
    assert status == Status(state="online", is_encrypted=True)
    assert bars.link(status, 0) == "● online TLS"
    nursery.cancel_scope.cancel()


async def test_command_line_encrypts(
    nursery: trio.Nursery, authority: trustme.CA, trusted: str
) -> None:
    server = FakeServer(nursery)
    port = await listen(nursery, server.serve, authority.issue_cert("localhost"))
    command = [sys.executable, "-m", "trio_chat", "connect", f"localhost:{port}", "--nick", "alice"]
    with trio.fail_after(20):
        trusting = await run(*command, "--ca", trusted)
        doubting = await run(*command, "--tls")
        plain = await run(*command)
    assert (trusting.returncode, trusting.stderr) == (0, b"")
    assert b"<alice> hello\n" in trusting.stdout
    assert doubting.returncode == 3
    assert b"its certificate is not trusted: " in doubting.stderr
    assert plain.returncode == 3
    assert server.said() == ["hello"]
    nursery.cancel_scope.cancel()


async def test_what_the_server_says_it_listens_on_is_where_one_connects(
    authority: trustme.CA, trusted: str, tmp_path: Path
) -> None:
    file = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(file))
    tls = ("server.listen=tls://127.0.0.1:0", f"server.tls_certificate={file}")
    with trio.fail_after(10):
        async with real_server(*tls) as address:
            assert address.startswith("tls://127.0.0.1:")
            async with open_chat(address, nick="bot", ca=trusted) as chat:
                assert (await chat.say("lobby", "over TLS")).seq == 1


async def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    return await trio.run_process(
        command, stdin=b"hello\n", capture_stdout=True, capture_stderr=True, check=False
    )


async def test_plain_link_is_known_to_be_plain(nursery: trio.Nursery) -> None:
    port = await listen(nursery, FakeServer(nursery).serve, None)
    status = await link(dial_tcp("127.0.0.1", port))
    assert status == Status(state="online", is_encrypted=False)
    assert bars.link(status, 0) == "● online"
    nursery.cancel_scope.cancel()


async def test_server_s_own_certificate_may_be_what_is_trusted(
    nursery: trio.Nursery, authority: trustme.CA, tmp_path: Path
) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    pinned = tmp_path / "server.pem"
    certificate.cert_chain_pems[0].write_to_path(str(pinned))
    port = await listen(nursery, FakeServer(nursery).serve, certificate)
    status = await link(dial_tls("127.0.0.1", port, tls_context(str(pinned))))
    assert status.is_encrypted
    nursery.cancel_scope.cancel()


async def test_certificate_of_another_host_is_refused(
    nursery: trio.Nursery, authority: trustme.CA, trusted: str
) -> None:
    server = FakeServer(nursery)
    port = await listen(nursery, server.serve, authority.issue_cert("chat.example"))
    with pytest.raises(Unreachable, match="certificate is not trusted: IP address mismatch"):
        await link(dial_tls("127.0.0.1", port, tls_context(trusted)))
    assert server.requests == []
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("others", [True, False])
async def test_certificate_that_nobody_trusts_is_refused(
    nursery: trio.Nursery, authority: trustme.CA, trusted: str, others: bool
) -> None:
    """Neither by the system, nor by a file with other certificates."""
    server = FakeServer(nursery)
    port = await listen(nursery, server.serve, trustme.CA().issue_cert("127.0.0.1"))
    with pytest.raises(Unreachable, match="certificate is not trusted"):
        await link(dial_tls("127.0.0.1", port, tls_context(trusted if others else "")))
    assert server.requests == []
    nursery.cancel_scope.cancel()


async def test_server_without_tls_is_told_apart(nursery: trio.Nursery) -> None:
    async def greet(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)
        await stream.send_all(b"Welcome to trio-chat. Choose a nick:\n")

    port = await listen(nursery, greet, None)
    with pytest.raises(Unreachable, match="no TLS there"):
        await link(dial_tls("127.0.0.1", port, tls_context()))
    nursery.cancel_scope.cancel()


async def test_server_that_hangs_up_in_the_handshake_is_unreachable(nursery: trio.Nursery) -> None:
    async def hang_up(stream: trio.abc.Stream) -> None:
        await trio.aclose_forcefully(stream)

    port = await listen(nursery, hang_up, None)
    with pytest.raises(Unreachable):
        await link(dial_tls("127.0.0.1", port, tls_context()))
    nursery.cancel_scope.cancel()


async def test_server_that_is_silent_in_the_handshake_is_given_up(nursery: trio.Nursery) -> None:
    closed = trio.Event()

    async def say_nothing(stream: trio.abc.Stream) -> None:
        while await stream.receive_some(1024):
            pass
        closed.set()

    port = await listen(nursery, say_nothing, None)
    dial = dial_tls("127.0.0.1", port, tls_context())
    with pytest.raises(Unreachable, match="does not answer"):
        await link(dial, Timeouts(dial_seconds=0.1))
    with trio.fail_after(10):
        await closed.wait()
    nursery.cancel_scope.cancel()


def test_file_without_certificates_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(ConfigError, match=r"ca\.pem: no certificates in it"):
        tls_context(str(file))
