"""The full screen in a real pseudo terminal, against a server that only talks: CPU of the client,
time from a key to the screen, memory. Knows no part of the client but its command line.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import sys
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles

import msgspec
import pyte
import trio

from report import table
from trio_chat.events import (
    Backlog,
    Done,
    Event,
    Joined,
    MemberInfo,
    Members,
    Pong,
    Said,
    Welcome,
    timestamp,
)
from trio_chat.requests import Hello, Input, Page, Ping, Read, Request
from trio_chat.wire.lines import LineBuffer

HEADS = ("what", "CPU s", "CPU %", "key ms p50", "key ms p95", "RSS MB")
ROWS, COLUMNS = 40, 120
BURST = 20_000
PER_SECOND = 200
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# No rhythm: it would fall in step with the redraws.
PAUSES_SECONDS = (0.07, 0.13, 0.11, 0.09, 0.1)


class Server:
    """One client's server: it lets in, answers, and says what it is told to."""

    def __init__(self, rooms: int) -> None:
        self.rooms = ["lobby", *(f"room{number}" for number in range(1, rooms))]
        self._seqs = dict.fromkeys(self.rooms, 0)
        self._stream: trio.abc.Stream | None = None
        self._lock = trio.Lock()
        self._at_ms = int(time.time() * 1000)

    async def serve(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        buffer = LineBuffer(16 * 1024)
        while chunk := await stream.receive_some(65_536):
            for line in buffer.feed(bytes(chunk)):
                assert isinstance(line, bytes)
                await self._answer(msgspec.json.decode(line, type=Request))

    async def say(self, count: int, room: str) -> None:
        """Say *count* lines by various people in one write."""
        await self._send([self._said(room) for _ in range(count)])

    async def end(self, text: str) -> None:
        await self._send([self._said("lobby", text)])

    def _said(self, room: str, text: str = "") -> Said:
        self._seqs[room] = seq = self._seqs[room] + 1
        text = text or f"message {seq}: what somebody says, some sixty characters of it"
        nick, at = f"nick{seq % 50}", timestamp(self._at_ms + seq)
        return Said(room=room, seq=seq, at=at, sender=nick, text=text, kind="message")

    async def _send(self, events: Sequence[Event]) -> None:
        assert self._stream is not None
        async with self._lock:
            await self._stream.send_all(b"".join(msgspec.json.encode(e) + b"\n" for e in events))

    async def _answer(self, request: Request) -> None:
        match request:
            case Hello():
                await self._send(self._hello(request))
            case Ping():
                await self._send([Pong(id=request.id)])
            case Page():
                backlog = Backlog(room=request.room, events=(), more=False)
                await self._send([backlog, Done(id=request.id or "")])
            case Input() | Read():
                await self._send([Done(id=request.id or "")])

    def _hello(self, hello: Hello) -> list[Event]:
        welcome = Welcome(
            protocol=1,
            server="bench",
            version="0",
            session="token",
            nick=hello.nick,
            account=None,
            role="guest",
            resumed=False,
            commands=(),
            limits={},
            motd="",
        )
        nicks = [hello.nick, *(f"nick{number}" for number in range(50))]
        infos = tuple(MemberInfo(nick=n, account=None, role="", away=None) for n in nicks)
        out: list[Event] = [welcome]
        for room in self.rooms:
            events = tuple(self._said(room) for _ in range(50))
            out += [
                Joined(room=room, nick=hello.nick),
                Members(room=room, members=infos, total=len(infos), topic="what we talk about"),
                Backlog(room=room, events=events, more=True),
            ]
        return [*out, Done(id=hello.id or "")]


class Client:
    """The program in a pseudo terminal, and what stands on its screen."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self._fd = fd
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = trio.Event()
        self.key_seconds: list[float] = []

    async def read(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._fd)
            try:
                self._stream.feed(os.read(self._fd, 65_536))
            except OSError:
                return  # it has ended
            self._changed.set()
            self._changed = trio.Event()

    async def sees(self, text: str) -> None:
        while not any(text in row for row in self._screen.display):
            await self._changed.wait()

    async def press(self, key: str, seen: str) -> None:
        began = time.perf_counter()
        os.write(self._fd, key.encode())
        await self.sees(seen)
        self.key_seconds.append(time.perf_counter() - began)

    async def type_on(self) -> None:
        """Press one key after the other, and note how long each takes to be seen."""
        typed = ""
        while True:
            await trio.sleep(PAUSES_SECONDS[len(self.key_seconds) % len(PAUSES_SECONDS)])
            key = "abcdefghij"[len(self.key_seconds) % 10]
            if len(typed) == 30:
                os.write(self._fd, b"\x15")  # clears the line
                typed = ""
            typed += key
            await self.press(key, f"❯ {typed}")

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * PAGE_BYTES / 1e6


@asynccontextmanager
async def running(rooms: int) -> AsyncIterator[tuple[Server, Client]]:
    """A server, and a client that is online in *rooms* rooms."""
    server = Server(rooms)
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, server.serve, [listener])
        with tempfile.TemporaryDirectory() as home:
            client = start(listener.socket.getsockname()[1], home)
            nursery.start_soon(client.read)
            await client.sees("● ")
            await trio.sleep(0.5)
            try:
                yield server, client
            finally:
                os.kill(client.pid, 9)
                os.waitpid(client.pid, 0)  # noqa: ASYNC222 - it was killed
                nursery.cancel_scope.cancel()


def start(port: int, home: str) -> Client:
    pid, fd = pty.fork()
    if pid == 0:
        os.environ |= {
            "TERM": "xterm-256color",
            "XDG_STATE_HOME": home,
            "XDG_CONFIG_HOME": home,
        }
        command = ["-m", "trio_chat", "connect", f"127.0.0.1:{port}", "--nick", "bench"]
        os.execv(sys.executable, [sys.executable, *command])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    return Client(pid, fd)


async def burst() -> list[list[str]]:
    """20,000 messages as fast as they are taken, twice: the second tells whether memory grows."""
    rows = []
    async with running(1) as (server, client):
        for number in ("first", "second"):
            client.key_seconds.clear()
            cpu, began = client.cpu_seconds(), time.perf_counter()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.type_on)
                for _ in range(BURST // 100):
                    await server.say(100, "lobby")
                await server.end(f"the {number} end")
                await client.sees(f"the {number} end")
                nursery.cancel_scope.cancel()
            await trio.sleep(0.5)
            seconds = time.perf_counter() - began
            rows.append(row(f"{number} burst of {BURST:,}", client, cpu, seconds, is_paced=False))
    return rows


async def steady(rooms: int, seconds: float) -> list[list[str]]:
    """200 messages a second, over all the rooms, while somebody types."""
    async with running(rooms) as (server, client):
        cpu, began = client.cpu_seconds(), time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.type_on)
            for number in range(int(seconds * PER_SECOND / 2)):
                await server.say(2, server.rooms[number % rooms])
                await trio.sleep(
                    max(0, began + (number + 1) * 2 / PER_SECOND - time.perf_counter())
                )
            nursery.cancel_scope.cancel()
        spent = time.perf_counter() - began
        name = f"{PER_SECOND} messages/s in {rooms} {'room' if rooms == 1 else 'rooms'}"
        return [row(name, client, cpu, spent, is_paced=True)]


async def idle(rooms: int, seconds: float) -> list[list[str]]:
    async with running(rooms) as (_, client):
        cpu, began = client.cpu_seconds(), time.perf_counter()
        await trio.sleep(seconds)
        return [row("idle", client, cpu, time.perf_counter() - began, is_paced=True)]


async def keys(seconds: float) -> list[list[str]]:
    """Somebody types and nothing else happens."""
    async with running(1) as (_, client):
        cpu, began = client.cpu_seconds(), time.perf_counter()
        with trio.move_on_after(seconds):
            await client.type_on()
        return [row("typing, 10 keys/s", client, cpu, time.perf_counter() - began, is_paced=True)]


def row(
    name: str, client: Client, cpu_before: float, seconds: float, *, is_paced: bool
) -> list[str]:
    cpu = client.cpu_seconds() - cpu_before
    waits = client.key_seconds
    return [
        name,
        f"{cpu:.2f}",
        f"{100 * cpu / seconds:.1f}" if is_paced else "",
        f"{median(waits) * 1e3:.0f}" if waits else "",
        f"{quantiles(waits, n=20)[-1] * 1e3:.0f}" if len(waits) > 1 else "",
        f"{client.rss_mb():.0f}",
    ]


async def measure(seconds: float) -> list[list[str]]:
    with trio.fail_after(60 + 10 * seconds):
        return [
            *await idle(1, seconds),
            *await keys(seconds),
            *await burst(),
            *await steady(1, seconds),
            *await steady(100, seconds),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each paced figure")
    options = parser.parse_args()
    print(table(HEADS, trio.run(measure, options.seconds)))


if __name__ == "__main__":
    main()
