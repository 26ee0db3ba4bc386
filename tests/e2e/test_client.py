"""A person at the full screen, on a real server that is killed under them."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support_processes import serve_command
from support_terminal import environment, terminal

PASSWORD = "correct horse"


@contextmanager
def server(home: Path, port: int) -> Iterator[None]:
    """Killed at the end of the block."""
    command = serve_command("--listen", f"127.0.0.1:{port}", "--data", str(home / "data"))
    with subprocess.Popen(
        command,
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        while "listening on" not in process.stdout.readline():
            assert process.poll() is None
        try:
            yield
        finally:
            process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def register(home: Path, address: str) -> None:
    with terminal("connect", address, "--nick", "ada", home=home) as client:
        client.sees("you joined")
        client.type(f"/register ada {PASSWORD}\r")
        client.sees("account")
        client.type("/quit\r")
        assert client.ends() == 0
    assert PASSWORD not in (home / ".local/state/trio-chat/history").read_text()


def test_what_is_typed_while_the_server_is_dead_is_said_once(tmp_path: Path) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    with server(tmp_path, port):
        register(tmp_path, address)
    with terminal("connect", address, "--account", "ada", home=tmp_path) as client:
        with server(tmp_path, port):
            client.sees("Password of ada:")
            client.type(f"{PASSWORD}\r")
            client.sees("● ")
            client.type("before\r")
            client.sees("ada │ before")
        client.sees("offline, retry in")
        client.type("meanwhile\r")
        client.sees("1 waiting")
        with server(tmp_path, port):
            client.sees("back online")
            client.until(lambda: "waiting" not in client.text, "nothing waits")
            client.type("/history\r")
            client.sees(r"<ada> before\n.*<ada> meanwhile\n")
            assert client.text.count("<ada> meanwhile") == 1
            client.type("/quit\r")
            assert client.ends() == 0
            assert client.is_restored
