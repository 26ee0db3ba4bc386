"""The servers that are compared: how each is started in a temporary folder, and stopped.

Knows nothing of load and figures. What is not installed raises `Missing`, with the reason.
"""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from build import HERE, CannotBuild, built

Protocol: TypeAlias = Literal["irc", "native", "plain", "line"]

START_SECONDS = 15.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.02
CONFIGURATIONS = HERE / "peers"


class Missing(Exception):
    """This server cannot be started here; the text says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """One running server."""

    name: str
    protocol: Protocol
    connecting: int
    pid: int
    port: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to run one server.

    *command* gets an empty folder and a free port. *connecting* is how many may join at a time
    while a run is set up: more than its backlog takes cost seconds of TCP's patience.
    """

    name: str
    about: str
    protocol: Protocol
    command: Callable[[Path, int], list[str]]
    connecting: int = 256


def trio_chat_command(*settings: str) -> Callable[[Path, int], list[str]]:
    """Our server, without what protects it from its users and with nobody in a common room."""
    settings = ("limits.flood=false", "rooms.auto_join=", "log.level=warning", *settings)

    def command(folder: Path, port: int) -> list[str]:
        command = [sys.executable, "-m", "trio_chat", "serve", "--listen", f"127.0.0.1:{port}"]
        command += ["--data", str(folder / "data")]
        return command + [part for setting in settings for part in ("--set", setting)]

    return command


def _installed(program: str, packaged: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Missing(f"{program} is not installed ({packaged})")
    return path


def _configured(name: str, folder: Path, port: int) -> Path:
    values = {
        "PORT": str(port),
        "FOLDER": str(folder),
        "USER": getpass.getuser(),
        "GROUP": grp.getgrgid(os.getgid()).gr_name,
    }
    text = (CONFIGURATIONS / name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _ngircd(folder: Path, port: int) -> list[str]:
    program = _installed("ngircd", "apt install ngircd")
    return [program, "--nodaemon", "--config", str(_configured("ngircd.conf", folder, port))]


def _inspircd(folder: Path, port: int) -> list[str]:
    program = _installed("inspircd", "apt install inspircd")
    (folder / "motd.txt").write_text("bench\n", encoding="utf-8")
    command = [program, "--nofork", "--config", str(_configured("inspircd.conf", folder, port))]
    return [*command, "--runasroot"] if os.getuid() == 0 else command


def _python(script: str) -> Callable[[Path, int], list[str]]:
    return lambda _folder, port: [sys.executable, str(CONFIGURATIONS / script), str(port)]


def _climit(sends: str) -> Callable[[Path, int], list[str]]:
    def command(_folder: Path, port: int) -> list[str]:
        try:
            program = built("climit", [CONFIGURATIONS / "climit.c"])
        except CannotBuild as exc:
            raise Missing(str(exc)) from exc
        return [str(program), str(port), sends]

    return command


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("trio-chat", "durable (FULL), native wire", "native", trio_chat_command()),
        Peer(
            "trio-chat-memory",
            "store in memory, native wire",
            "native",
            trio_chat_command("store.memory=true"),
        ),
        Peer("trio-chat-irc", "durable (FULL), IRC", "irc", trio_chat_command()),
        Peer(
            "trio-chat-irc-memory",
            "store in memory, IRC",
            "irc",
            trio_chat_command("store.memory=true"),
        ),
        Peer("trio-chat-plain", "durable (FULL), plain wire", "plain", trio_chat_command()),
        Peer("inspircd", "C++, IRC", "irc", _inspircd),
        Peer("ngircd", "C, IRC", "irc", _ngircd, connecting=8),
        Peer("threads", "Python, a thread per connection", "line", _python("threads_server.py")),
        Peer("asyncio", "Python, asyncio streams", "line", _python("asyncio_server.py")),
        Peer("climit", "C, the least work there is, joined sends", "irc", _climit("joined")),
        Peer("climit-single", "C, one send per message", "irc", _climit("single")),
    )
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(peer: Peer) -> Iterator[Server]:
    """Run *peer* in a temporary folder on a free port; it has ended when the block is left.

    Raises:
        Missing: it is not installed, or it did not listen within START_SECONDS.
    """
    with tempfile.TemporaryDirectory(prefix="trio-chat-bench-") as name:
        folder, port = Path(name), free_port()
        log = folder / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                peer.command(folder, port),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        try:
            wait_until_listening(process, port, log)
            yield Server(peer.name, peer.protocol, peer.connecting, process.pid, port, folder)
        finally:
            stop(process)


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once something accepts on *port*.

    Raises:
        Missing: *process* ended, or START_SECONDS passed; with the end of its *log*.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(POLL_SECONDS)
        else:
            return
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise Missing("does not start: " + (" | ".join(lines[-3:]) or "it says nothing"))


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
