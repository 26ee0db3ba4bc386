"""`trio-chat serve` as a process: how it starts, refuses to start, and ends."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest
import trio

from support_processes import RunningServer, run_to_end, running_server, serve_command
from support_server import Peer, seqs, texts, types


async def test_server_says_where_it_listens_and_serves_there(tmp_path: Path) -> None:
    both = ("127.0.0.1:0", "127.0.0.1:0")
    async with running_server(tmp_path / "data", listen=both) as server:
        assert all(address.startswith("127.0.0.1:") for address in server.addresses)
        assert len(set(server.addresses)) == 2
        alice, bob = await server.native("alice"), await server.native("bob")
        assert types(await alice.input("hello")) == ["joined", "said", "done"]
        assert texts(await bob.sync()) == ["hello"]
        for peer in (alice, bob):
            await peer.stream.aclose()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_drains_and_ends_with_code_0(tmp_path: Path, number: int) -> None:
    """
    > do not come back before `retry_after` seconds have passed.
    """
    async with running_server(tmp_path / "data") as server:
        alice = await server.native("alice")
        await alice.input("hello")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends_well, server, number)
            (bye,) = await alice.to_end()
            await alice.stream.aclose()
        assert (bye["type"], bye["retry_after"]) == ("bye", 2.0)
        assert "Traceback" not in server.log.read_text()


async def ends_well(server: RunningServer, number: int) -> None:
    assert await server.end(number) == 0


async def test_second_signal_ends_at_once(tmp_path: Path) -> None:
    slow = ("--set", "timeouts.linger_seconds=60", "--set", "timeouts.drain_seconds=60")
    async with running_server(tmp_path / "data", *slow) as server:
        alice = await server.native("alice")
        server.process.send_signal(signal.SIGTERM)
        assert types(await alice.to_end()) == ["bye"]
        with trio.fail_after(10):
            await server.end(signal.SIGTERM)
        await alice.stream.aclose()


async def test_second_server_on_one_folder_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    async with running_server(tmp_path / "data") as server:
        alice = await server.native("alice")
        await alice.input("one")
        command = serve_command("--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"))
        refused = await run_to_end(command)
        assert refused.returncode == 2
        assert refused.stdout == b""
        (line,) = refused.stderr.decode().splitlines()
        assert str(tmp_path / "data") in line
        assert "another server" in line
        assert texts(await alice.input("two")) == ["two"]
        await alice.stream.aclose()


async def test_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    async with running_server(tmp_path / "data") as server:
        address = server.addresses[0]
        command = serve_command("--listen", address, "--data", str(tmp_path / "other"))
        refused = await run_to_end(command)
        assert refused.returncode == 2
        assert f"cannot listen on {address}" in refused.stderr.decode()
        assert b"Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--listen", "a..b:7373"), "cannot listen on a..b:7373"),
        (("--listen", "127.0.0.1:0", "--set", "rooms.auto_join=a b"), "rooms.auto_join: 'a b'"),
    ],
)
async def test_what_cannot_work_is_found_at_the_start(
    arguments: tuple[str, ...], named: str
) -> None:
    refused = await run_to_end(serve_command("--memory", *arguments))
    assert refused.returncode == 2
    (line,) = refused.stderr.decode().splitlines()
    assert named in line


@pytest.mark.parametrize(
    ("assignment", "named"),
    [
        ("limits.flod=false", "limits.flood"),
        ("limits.text_bytes=many", "limits.text_bytes"),
        ("rooms=1", "rooms"),
        ("timeouts.drain_seconds=0", "timeouts.drain_seconds"),
    ],
)
async def test_bad_setting_is_refused_by_name(tmp_path: Path, assignment: str, named: str) -> None:
    command = serve_command("--data", str(tmp_path / "data"), "--set", assignment)
    refused = await run_to_end(command)
    assert refused.returncode == 2
    assert refused.stdout == b""
    (line,) = refused.stderr.decode().splitlines()
    assert line.startswith("trio-chat: ")
    assert named.rpartition(".")[2] in line
    assert not (tmp_path / "data").exists()


async def test_help_waits_for_neither_database_nor_terminal_library() -> None:
    program = (
        "import sys; from trio_chat.cli import main\n"
        "try: main(['serve', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*{'apsw', 'trio', 'prompt_toolkit', 'msgspec'} & {*sys.modules}, file=sys.stderr)"
    )
    helped = await run_to_end([sys.executable, "-c", program])
    assert b"--listen" in helped.stdout
    assert helped.stderr.strip() == b""


async def test_chat_by_nc(tmp_path: Path) -> None:
    """
    > the whole protocol can be tried with `nc`.
    """
    nc = shutil.which("nc")
    if nc is None:
        pytest.skip("nc is not installed")
    async with running_server(tmp_path / "data") as server:
        where = ["127.0.0.1", str(server.port)]
        alice, bob = [await open_pipe([nc, *where]) for _ in range(2)]
        await alice.say("alice")
        await alice.until("* in #lobby")
        await bob.until("Choose a nick:")
        await bob.say("bob")
        await bob.until("* in #lobby: alice, bob")
        await alice.say("hello bob")
        await bob.until("#lobby <alice> hello bob")
        await bob.say("/me waves\n/quit bye")
        await alice.until("#lobby * bob waves")
        await alice.until("* bob left #lobby (bye)")
        await bob.until("* bye: bye")
        await alice.close()
        await bob.close()


class Pipe:
    """A program that one talks to by its stdin and stdout."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.shown = ""

    async def say(self, line: str) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{line}\n".encode())

    async def until(self, part: str) -> None:
        assert self.process.stdout is not None
        with trio.fail_after(15):
            while part not in self.shown:
                chunk = await self.process.stdout.receive_some()
                assert chunk, self.shown
                self.shown += chunk.decode()

    async def close(self) -> None:
        self.process.kill()
        await self.process.wait()
        for end in (self.process.stdin, self.process.stdout):
            assert end is not None
            await end.aclose()


async def open_pipe(command: list[str]) -> Pipe:
    from subprocess import PIPE

    return Pipe(await trio.lowlevel.open_process(command, stdin=PIPE, stdout=PIPE))


async def test_stalled_socket_delays_nobody_and_gets_everything(tmp_path: Path) -> None:
    """
    > A session that reads too slowly *lags*: nobody waits for it.
    """
    small = ("--set", "limits.outbox_bytes=65536", "--set", "limits.socket_send_bytes=4096")
    async with running_server(tmp_path / "data", *small) as server:
        alice, bob = await server.native("alice"), await server.native("bob")
        slow = Peer(await server.dial(receive_bytes=4096))
        await slow.hello("slow")
        for number in range(200):
            await alice.input(f"{number} " + "x" * 4000)
        assert len(seqs(await bob.sync())) == 200
        assert "session lags" in server.log.read_text()
        assert seqs(await slow.sync()) == list(range(1, 201))
        for peer in (alice, bob, slow):
            await peer.stream.aclose()


async def test_reset_sockets_harm_nobody(tmp_path: Path) -> None:
    async with running_server(tmp_path / "data") as server:
        alice = await server.native("alice")
        for number in range(20):
            peer = await server.native(f"p{number}")
            assert isinstance(peer.stream, trio.SocketStream)
            reset = b"\x01\0\0\0\0\0\0\0"  # SO_LINGER: on, for no time
            peer.stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, reset)
            await peer.send(type="input", room="lobby", text=f"{number}")
            await peer.stream.aclose()
            await alice.input("still here")
        again = Peer(await server.dial())
        assert (await again.hello("bob"))[0]["type"] == "welcome"
        assert "Traceback" not in server.log.read_text()
        for one in (alice, again):
            await one.stream.aclose()
