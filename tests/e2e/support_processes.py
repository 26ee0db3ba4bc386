"""Real servers in processes of their own, and peers that reach them over loopback TCP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from support_server import Peer, pass_seconds

START_SECONDS = 30.0  # a busy machine, and the interpreter that measures coverage
QUIET = {name: value for name, value in os.environ.items() if not name.startswith("TRIO_CHAT_")}


class RunningServer:
    """Attributes:
    addresses: what it said it listens on.
    """

    def __init__(self, process: trio.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.addresses: list[str] = []
        self._said = b""

    async def ready(self, listeners: int) -> None:
        with trio.fail_after(START_SECONDS):
            while len(self.addresses) < listeners:
                self.addresses.append((await self.line()).removeprefix("listening on "))

    async def line(self) -> str:
        """The next line of its stdout."""
        assert self.process.stdout is not None
        while b"\n" not in self._said:
            chunk = await self.process.stdout.receive_some()
            assert chunk, self.log.read_text()
            self._said += chunk
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()

    @property
    def port(self) -> int:
        return int(self.addresses[0].rpartition(":")[2])

    async def dial(self, *, receive_bytes: int | None = None) -> trio.SocketStream:
        """A new link; *receive_bytes* is how much the kernel takes that the peer does not."""
        sock = trio.socket.socket()
        if receive_bytes is not None:
            sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, receive_bytes)
        await sock.connect(("127.0.0.1", self.port))
        return trio.SocketStream(sock)

    async def native(self, nick: str) -> Peer:
        peer = Peer(await self.dial())
        await peer.hello(nick)
        return peer

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; return the exit code."""
        self.process.send_signal(number)
        with trio.fail_after(START_SECONDS):
            return await self.process.wait()


def serve_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "trio_chat", "serve", *arguments]


@asynccontextmanager
async def running_server(
    folder: Path, *arguments: str, listen: tuple[str, ...] = ("127.0.0.1:0",)
) -> AsyncIterator[RunningServer]:
    """A server on a free port, with its store in *folder*; killed if it still runs in the end."""
    listening = [part for address in listen for part in ("--listen", address)]
    command = serve_command(
        *listening, "--data", str(folder), "--set", "limits.flood=false", *arguments
    )
    log = folder.parent / f"{folder.name}.log"
    with log.open("ab") as stderr:
        process = await trio.lowlevel.open_process(
            command, stdout=subprocess.PIPE, stderr=stderr, env=QUIET
        )
    async with serving(process, log, addresses=len(listen)) as server:
        yield server


@asynccontextmanager
async def serving(
    process: trio.Process, log: Path, *, addresses: int = 1
) -> AsyncIterator[RunningServer]:
    """The server that *process* is, from when it tells its *addresses*; it is killed in the end."""
    server = RunningServer(process, log)
    try:
        await server.ready(addresses)
        yield server
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()


async def run_to_end(
    command: list[str], *, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run *command* and return what it said, whatever its exit code."""
    with trio.fail_after(START_SECONDS):
        return await trio.run_process(
            command, stdin=stdin, capture_stdout=True, capture_stderr=True, check=False, env=QUIET
        )


async def until_there(address: str) -> None:
    """A first contact that fails is final; so wait for the server."""
    host, _, port = address.partition(":")
    while True:
        try:
            stream = await trio.open_tcp_stream(host, int(port))
        except OSError:
            await pass_seconds(0.05)
        else:
            await stream.aclose()
            return


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    while True:
        if is_so():
            return
        await pass_seconds(0.05)
