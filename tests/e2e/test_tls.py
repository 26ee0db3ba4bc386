"""`tls://`: the same chat over an encrypted link, told where it comes from."""

from __future__ import annotations

import ssl
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
        issued = self.authority.issue_cert("127.0.0.1")
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        for pem in issued.cert_chain_pems:
            pem.write_to_path(self.chain, append=True)
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
