"""The log of a real server: what cannot be written is lost and counted, and harms nobody."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from support_processes import (
    QUIET,
    START_SECONDS,
    RunningServer,
    running_server,
    serve_command,
    serving,
)
from support_server import Peer, types
from trio_chat.server.logs import QUEUE_BYTES, LineWriter

PIPE_BYTES = 65_536


@asynccontextmanager
async def server_with(stderr: int, folder: Path, *arguments: str) -> AsyncIterator[RunningServer]:
    """A server whose stderr is the file *stderr*."""
    command = serve_command("--listen", "127.0.0.1:0", "--data", str(folder), *arguments)
    process = await trio.lowlevel.open_process(
        command, stdout=subprocess.PIPE, stderr=stderr, env=QUIET
    )
    async with serving(process, Path(os.devnull)) as server:
        yield server


async def serves_and_ends(server: RunningServer, *, signals: int) -> None:
    """Each signal makes it log; somebody talks meanwhile, and hears of the end."""
    alice = await server.native("alice")
    for number in range(signals):
        server.process.send_signal(signal.SIGUSR1)
        assert types(await alice.input(str(number))) == ["said", "done"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ends_well, server)
        assert types(await alice.to_end()) == ["bye"]
        await alice.stream.aclose()


async def ends_well(server: RunningServer) -> None:
    assert await server.end() == 0


async def test_log_that_nobody_reads_any_more_ends_nothing(tmp_path: Path) -> None:
    """A2: stderr is a pipe whose reader has gone."""
    reader, writer = os.pipe()
    async with server_with(writer, tmp_path / "data") as server:
        os.close(writer)
        os.close(reader)
        await serves_and_ends(server, signals=5)


async def test_log_on_a_full_disk_ends_nothing(tmp_path: Path) -> None:
    """A2"""
    full = os.open("/dev/full", os.O_WRONLY)
    async with server_with(full, tmp_path / "data") as server:
        os.close(full)
        await serves_and_ends(server, signals=5)


async def test_log_whose_reader_has_stopped_holds_nobody_up(tmp_path: Path) -> None:
    """A2: the pipe is full, and a write to it blocks."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.write(writer, b"x" * PIPE_BYTES)
    os.set_blocking(writer, True)
    async with server_with(writer, tmp_path / "data") as server:
        os.close(writer)
        await serves_and_ends(server, signals=5)
    os.close(reader)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
async def test_server_needs_none_of_its_standard_files(tmp_path: Path, closed: str) -> None:
    """D4: stdout closed was an AttributeError, and rc 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    arguments = " ".join(
        f"'{part}'" for part in serve_command("--listen", f"127.0.0.1:{port}", "--data")
    )
    shell = f"exec {arguments} '{tmp_path / 'data'}' {closed}"
    process = await trio.lowlevel.open_process(["sh", "-c", shell], env=QUIET)
    try:
        stream = await dialled(port)
        alice = Peer(stream)
        assert (await alice.hello("alice"))[0]["type"] == "welcome"
        process.send_signal(signal.SIGUSR1)
        await alice.input("still here")
        process.send_signal(signal.SIGTERM)
        assert types(await alice.to_end()) == ["bye"]
        await stream.aclose()
        with trio.fail_after(START_SECONDS):
            assert await process.wait() == 0
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def dialled(port: int) -> trio.SocketStream:
    with trio.fail_after(START_SECONDS):
        while True:
            try:
                return await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.05)


async def test_stdout_that_takes_nothing_ends_nothing(tmp_path: Path) -> None:
    """D4"""
    full = os.open("/dev/full", os.O_WRONLY)
    reader, log = os.pipe()
    process = await trio.lowlevel.open_process(
        serve_command("--listen", "127.0.0.1:0", "--memory"), stdout=full, stderr=log, env=QUIET
    )
    os.close(full)
    os.close(log)
    said = b""
    with trio.fail_after(START_SECONDS):
        async with trio.lowlevel.FdStream(reader) as stream:
            while b"serving" not in said:
                said += await stream.receive_some()
            process.send_signal(signal.SIGTERM)
            async for chunk in stream:
                said += chunk
        assert await process.wait() == 0
    assert b"Traceback" not in said


async def test_same_line_is_written_once_with_how_many_there_were(tmp_path: Path) -> None:
    """B9: a peer that lags again and again filled the disk."""
    small = ("--set", "limits.outbox_bytes=65536", "--set", "limits.socket_send_bytes=4096")
    json_lines = ("--set", "log.format=json")
    async with running_server(tmp_path / "data", *small, *json_lines) as server:
        alice = await server.native("alice")
        slow = [Peer(await server.dial(receive_bytes=4096)) for _ in range(5)]
        for number, peer in enumerate(slow):
            await peer.hello(f"slow{number}")
        for _ in range(100):
            await alice.input("x" * 4000)
        for peer in (alice, *slow):
            await peer.stream.aclose()
        assert await server.end() == 0
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if "{" in line]
    lagging = [line for line in lines if line["event"] == "session lags"]
    assert [line.get("repeated", 0) > 0 for line in lagging] == [False, True]


def test_lines_that_cannot_be_written_are_counted_and_told() -> None:
    """A2: first the pipe is full, then the queue; when it is read again, all is told."""
    reader, descriptor = os.pipe()
    writer = LineWriter(descriptor, lambda count: f"lost {count}")
    line = "x" * 1023
    written = 2 * QUEUE_BYTES // 1024
    for _ in range(written):
        writer.put(line)
    assert not writer.flush(0.01)
    lines: list[str] = []
    with os.fdopen(reader, encoding="utf-8") as stream:
        while len(lines) < (QUEUE_BYTES // 1024):
            lines.append(next(stream).strip())
        writer.put("afterwards")
        while lines[-1] != "afterwards":
            lines.append(next(stream).strip())
    told = [int(text.removeprefix("lost ")) for text in lines if text.startswith("lost ")]
    assert sum(told) + lines.count(line) == written
    os.close(descriptor)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_line_that_a_full_disk_cut_is_not_continued(tmp_path: Path) -> None:
    """A2"""
    with Path("/dev/full").open("wb") as full:
        writer = LineWriter(full.fileno(), lambda count: f"lost {count}")
        for _ in range(3):
            writer.put("nowhere")
        assert writer.flush(5)
        with (tmp_path / "log").open("wb") as log:
            os.dup2(log.fileno(), full.fileno())
            writer.put("somewhere")
            assert writer.flush(5)
    assert (tmp_path / "log").read_text().split("\n") == ["lost 3", "somewhere", ""]
