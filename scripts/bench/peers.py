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
from collections.abc import Callable, Iterable, Iterator
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
    """One running server; *tls*: it speaks nothing but TLS."""

    name: str
    protocol: Protocol
    connecting: int
    pid: int
    port: int
    folder: Path
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server needs for TLS: two PEM files."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to run one server.

    *command* gets an empty folder and a free port; *tls_command*, where there is one, a certificate
    too. *connecting* is how many may join at a time while a run is set up: more than its backlog
    takes cost seconds of TCP's patience.
    """

    name: str
    about: str
    protocol: Protocol
    command: Callable[[Path, int], list[str]]
    connecting: int = 256
    tls_command: Callable[[Path, int, Certificate], list[str]] | None = None

    def start_command(self, folder: Path, port: int, *, tls: bool) -> list[str]:
        """Raises Missing: it cannot be started so."""
        if not tls:
            return self.command(folder, port)
        if self.tls_command is None:
            raise Missing("speaks no TLS")
        return self.tls_command(folder, port, made_certificate(folder))


def trio_chat_command(*settings: str) -> Callable[[Path, int], list[str]]:
    """Our server, without what protects it from its users and with nobody in a common room."""

    def command(folder: Path, port: int) -> list[str]:
        return _trio_chat(folder, f"127.0.0.1:{port}", settings)

    return command


def trio_chat_tls_command(*settings: str) -> Callable[[Path, int, Certificate], list[str]]:
    """The same behind TLS."""

    def command(folder: Path, port: int, certificate: Certificate) -> list[str]:
        files = (f"server.tls_certificate={certificate.chain}", f"server.tls_key={certificate.key}")
        return _trio_chat(folder, f"tls://127.0.0.1:{port}", (*files, *settings))

    return command


def _trio_chat(folder: Path, address: str, settings: Iterable[str]) -> list[str]:
    command = [sys.executable, "-m", "trio_chat", "serve", "--listen", address]
    command += ["--data", str(folder / "data")]
    settings = ("limits.flood=false", "rooms.auto_join=", "log.level=warning", *settings)
    return command + [part for setting in settings for part in ("--set", setting)]


def _installed(program: str, packaged: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Missing(f"{program} is not installed ({packaged})")
    return path


def made_certificate(folder: Path) -> Certificate:
    """Make a certificate for 127.0.0.1, with a key of the kind that is most used today.

    Raises:
        Missing: there is no `openssl` to make it.
    """
    certificate = Certificate(folder / "chain.pem", folder / "key.pem")
    command = [_installed("openssl", "apt install openssl"), "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=127.0.0.1"]
    command += ["-keyout", str(certificate.key), "-out", str(certificate.chain)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate


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
    return _ngircd_command(_configured("ngircd.conf", folder, port))


def _ngircd_tls(folder: Path, port: int, certificate: Certificate) -> list[str]:
    # It wants a plain port as well.
    config = _configured("ngircd.conf", folder, free_port())
    _append(
        config,
        "[SSL]",
        f"CertFile = {certificate.chain}",
        f"KeyFile = {certificate.key}",
        f"Ports = {port}",
    )
    return _ngircd_command(config)


def _ngircd_command(config: Path) -> list[str]:
    program = _installed("ngircd", "apt install ngircd")
    return [program, "--nodaemon", "--config", str(config)]


def _inspircd(folder: Path, port: int) -> list[str]:
    config = _configured("inspircd.conf", folder, port)
    _append(config, f'<bind address="127.0.0.1" port="{port}" type="clients">')
    return _inspircd_command(config)


def _inspircd_tls(folder: Path, port: int, certificate: Certificate) -> list[str]:
    config = _configured("inspircd.conf", folder, port)
    _append(
        config,
        '<module name="ssl_gnutls">',
        f'<sslprofile name="bench" provider="gnutls" certfile="{certificate.chain}"'
        f' keyfile="{certificate.key}">',
        f'<bind address="127.0.0.1" port="{port}" type="clients" sslprofile="bench">',
    )
    return _inspircd_command(config)


def _inspircd_command(config: Path) -> list[str]:
    program = _installed("inspircd", "apt install inspircd")
    (config.parent / "motd.txt").write_text("bench\n", encoding="utf-8")
    command = [program, "--nofork", "--config", str(config)]
    return [*command, "--runasroot"] if os.getuid() == 0 else command


def _append(config: Path, *lines: str) -> None:
    with config.open("a", encoding="utf-8") as file:
        file.write("\n".join((*lines, "")))


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
        Peer(
            "trio-chat",
            "durable (FULL), native wire",
            "native",
            trio_chat_command(),
            tls_command=trio_chat_tls_command(),
        ),
        Peer(
            "trio-chat-memory",
            "store in memory, native wire",
            "native",
            trio_chat_command("store.memory=true"),
            tls_command=trio_chat_tls_command("store.memory=true"),
        ),
        Peer("trio-chat-irc", "durable (FULL), IRC", "irc", trio_chat_command()),
        Peer(
            "trio-chat-irc-memory",
            "store in memory, IRC",
            "irc",
            trio_chat_command("store.memory=true"),
        ),
        Peer("trio-chat-plain", "durable (FULL), plain wire", "plain", trio_chat_command()),
        Peer("inspircd", "C++, IRC", "irc", _inspircd, tls_command=_inspircd_tls),
        Peer("ngircd", "C, IRC", "irc", _ngircd, connecting=8, tls_command=_ngircd_tls),
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
def running(peer: Peer, *, tls: bool = False) -> Iterator[Server]:
    """Run *peer* in a temporary folder on a free port; it has ended when the block is left.

    Raises:
        Missing: it is not installed, or it did not listen within START_SECONDS.
    """
    with tempfile.TemporaryDirectory(prefix="trio-chat-bench-") as name:
        folder, port = Path(name), free_port()
        log = folder / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                peer.start_command(folder, port, tls=tls),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        try:
            wait_until_listening(process, port, log)
            yield Server(peer.name, peer.protocol, peer.connecting, process.pid, port, folder, tls)
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
