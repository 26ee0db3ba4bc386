"""`tls://`: the same chat over an encrypted link, told where it comes from."""

from __future__ import annotations

import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
import trustme

from support_processes import RunningServer, run_to_end, running_server, serve_command
from support_server import Peer, texts

LISTEN = ("127.0.0.1:0", "tls://127.0.0.1:0")


class Certificates:
    """An authority, and the files a server needs."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        self.renew()

    def renew(self) -> None:
        issued = self.authority.issue_cert("127.0.0.1")
        self.chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(self.key)

    @property
    def options(self) -> tuple[str, ...]:
        return (
            "--set",
            f"server.tls_certificate={self.chain}",
            "--set",
            f"server.tls_key={self.key}",
        )

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def dial_tls(server: RunningServer, context: ssl.SSLContext) -> Peer:
    port = int(server.addresses[1].rpartition(":")[2])
    with trio.fail_after(10):
        stream = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", port, ssl_context=context, https_compatible=True
        )
    return Peer(stream)  # type: ignore[arg-type]  # it is not half-closed here


async def test_both_kinds_of_link_meet_in_one_room(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with running_server(tmp_path / "data", *certificates.options, listen=LISTEN) as server:
        assert server.addresses[1].startswith("tls://127.0.0.1:")
        alice = await server.native("alice")
        bob = await dial_tls(server, certificates.trusting())
        assert (await bob.hello("bob"))[0]["type"] == "welcome"
        await bob.input("over TLS")
        assert texts(await alice.sync()) == ["over TLS"]
        await alice.input("hello bob")
        assert texts(await bob.sync()) == ["hello bob"]
        await bob.send(type="input", text="/quit")
        assert (await bob.to_end())[-1]["type"] == "bye"
        await bob.stream.aclose()
        await alice.stream.aclose()


async def test_who_speaks_no_tls_there_harms_nobody(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with running_server(tmp_path / "data", *certificates.options, listen=LISTEN) as server:
        port = int(server.addresses[1].rpartition(":")[2])
        with trio.fail_after(20):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(b"alice\n")
            while await stream.receive_some():
                pass
            await stream.aclose()
        bob = await dial_tls(server, certificates.trusting())
        assert (await bob.hello("bob"))[0]["type"] == "welcome"
        await bob.stream.aclose()
        assert "Traceback" not in server.log.read_text()


class Client:
    """`openssl s_client`, which has commands of one letter."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._said = ""

    async def say(self, line: str) -> None:
        assert self._process.stdin is not None
        await self._process.stdin.send_all(line.encode() + b"\n")

    async def until(self, text: str) -> None:
        """Wait until it shows *text*, after what was waited for last."""
        assert self._process.stdout is not None
        with trio.fail_after(10):
            while text not in self._said:
                self._said += (await self._process.stdout.receive_some()).decode(errors="replace")
        self._said = self._said.partition(text)[2]


@asynccontextmanager
async def s_client(address: str) -> AsyncIterator[Client]:
    process = await trio.lowlevel.open_process(
        ["openssl", "s_client", "-connect", address, "-tls1_3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Client(process)
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                await pipe.aclose()


async def end_of(stream: trio.SocketStream) -> None:
    """Wait until the server is done with the link."""
    with suppress(trio.BrokenResourceError):
        while await stream.receive_some():
            pass
    await stream.aclose()


async def test_links_that_never_finish_their_handshake_go_when_no_hello_came(
    tmp_path: Path, certificates: Certificates
) -> None:
    """S25: the hello deadline covers the handshake, whether it was begun or not."""
    options = (*certificates.options, "--set", "timeouts.hello_seconds=2")
    async with running_server(tmp_path / "data", *options, listen=LISTEN) as server:
        port = int(server.addresses[1].rpartition(":")[2])
        alice = await server.native("alice")
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                for said in (b"", b"\x16\x03\x01\x02", b"\x16\x03\x01\x02\x00\x01\x00\x01"):
                    for _ in range(5):
                        stream = await trio.open_tcp_stream("127.0.0.1", port)
                        await stream.send_all(said)
                        nursery.start_soon(end_of, stream)
                assert texts(await alice.input("talk goes on")) == ["talk goes on"]
        bob = await dial_tls(server, certificates.trusting())
        assert (await bob.hello("bob"))[0]["type"] == "welcome"
        for peer in (alice, bob):
            await peer.stream.aclose()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_a_peer_that_renews_its_keys_is_heard_and_hears(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with running_server(tmp_path / "data", *certificates.options, listen=LISTEN) as server:
        alice = await server.native("alice")
        async with s_client(server.addresses[1].removeprefix("tls://")) as bob:
            await bob.say("bob")
            await alice.expect("joined", nick="bob")
            # K: renew, and have the other side renew too; k: renew.
            for key, text in (("K", "first"), ("k", "second"), ("K", "third")):
                await bob.say(key)
                await bob.until("KEYUPDATE")
                await bob.say(text)
                await alice.expect("said", text=text)
                await alice.input(f"heard {text}")
                await bob.until(f"heard {text}")
        await alice.stream.aclose()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "needs the file with the certificate"),
        (("--set", "server.tls_certificate=/nowhere.pem"), "No such file"),
    ],
)
async def test_tls_without_a_certificate_is_refused_at_the_start(
    tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    data = str(tmp_path / "data")
    command = serve_command("--listen", "tls://127.0.0.1:0", "--data", data, *options)
    done = await run_to_end(command)
    assert done.returncode == 2
    assert reason in done.stderr.decode()


# --- told apart by the first byte


async def dial_port(port: int, context: ssl.SSLContext) -> Peer:
    with trio.fail_after(10):
        stream = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", port, ssl_context=context, https_compatible=True
        )
        await stream.do_handshake()
    return Peer(stream)  # type: ignore[arg-type]  # it is not half-closed here


def presented(port: int) -> str:
    """The certificate that the server shows to whoever comes now."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=10)


async def test_a_server_makes_its_own_certificate_and_keeps_it(tmp_path: Path) -> None:
    options = ("--set", "server.tls=auto")
    data = tmp_path / "data"
    async with running_server(data, *options) as server:
        assert not server.addresses[0].startswith("tls://")
        assert (data / "tls.pem").stat().st_mode & 0o777 == 0o600
        context = ssl.create_default_context(cafile=str(data / "tls.pem"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        alice, bob = await server.native("alice"), await dial_port(server.port, context)
        assert (await bob.hello("bob"))[0]["type"] == "welcome"
        await bob.input("over TLS")
        assert texts(await alice.sync()) == ["over TLS"]
        for peer in (alice, bob):
            await peer.stream.aclose()
        before = await trio.to_thread.run_sync(presented, server.port)
        await server.end()
    async with running_server(data, *options) as server:
        assert await trio.to_thread.run_sync(presented, server.port) == before


async def test_a_server_in_memory_makes_a_certificate_for_itself_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with running_server(data, "--memory", "--set", "server.tls=auto") as server:
        assert "BEGIN CERTIFICATE" in await trio.to_thread.run_sync(presented, server.port)
    assert not (data / "tls.pem").exists()


async def test_a_new_certificate_is_read_on_sighup_and_when_its_file_changes(
    tmp_path: Path, certificates: Certificates
) -> None:
    options = (*certificates.options, "--set", "server.tls=files")
    async with running_server(tmp_path / "data", *options) as server:
        first = await trio.to_thread.run_sync(presented, server.port)
        certificates.renew()
        server.process.send_signal(signal.SIGHUP)
        second = first
        with trio.fail_after(10):
            while second == first:
                second = await trio.to_thread.run_sync(presented, server.port)
        # What cannot be used is not.
        certificates.chain.write_text("nothing of the kind")
        server.process.send_signal(signal.SIGHUP)
        with trio.fail_after(10):
            while "stays as it is" not in server.log.read_text():
                await trio.to_thread.run_sync(presented, server.port)
        assert await trio.to_thread.run_sync(presented, server.port) == second
        assert str(certificates.chain) in server.log.read_text()


@pytest.mark.parametrize("kind", ["tls_certificate", "tls_key"])
async def test_the_file_that_cannot_be_read_is_named(
    tmp_path: Path, certificates: Certificates, kind: str
) -> None:
    options = (*certificates.options, "--set", f"server.{kind}=/nowhere/to.pem")
    data = str(tmp_path / "data")
    command = serve_command("--listen", "127.0.0.1:0", "--data", data, *options)
    done = await run_to_end([*command, "--set", "server.tls=files"])
    assert done.returncode == 2
    assert "/nowhere/to.pem" in done.stderr.decode()


async def test_who_is_refused_because_the_server_is_full_is_told_after_the_handshake(
    tmp_path: Path, certificates: Certificates
) -> None:
    options = (*certificates.options, "--set", "limits.connections=1")
    async with running_server(tmp_path / "data", *options, listen=LISTEN) as server:
        alice = await server.native("alice")
        port = int(server.addresses[1].rpartition(":")[2])
        said = b""
        with trio.fail_after(10):
            stream = await trio.open_ssl_over_tcp_stream(
                "127.0.0.1", port, ssl_context=certificates.trusting(), https_compatible=True
            )
            while chunk := await stream.receive_some():
                said += chunk
            await stream.aclose()
        assert b"at most 1 connections" in said
        await alice.stream.aclose()
