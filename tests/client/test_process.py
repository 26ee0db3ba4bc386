"""The client as a process in pipes: signals, exit codes, what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

CONNECT = ["-m", "trio_chat", "connect", "--nick", "alice"]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    script = Path(__file__).parent.parent / "support_client.py"
    command = [sys.executable, str(script), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"127.0.0.1:{int(server.stdout.readline())}"
        server.kill()


@pytest.fixture
def child(address: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[pexpect.spawn]:
    """A client at its prompt, in a terminal."""
    arguments = [*CONNECT, address, "--screen", getattr(request, "param", "full")]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "TERM": "xterm-256color"}
    child = pexpect.spawn(
        sys.executable, arguments, env=environment, timeout=10, dimensions=(24, 80)
    )
    child.expect("❯".encode())
    child.expect("lobby")
    yield child
    child.close(force=True)


@pytest.mark.parametrize("child", ["full", "inline"], indirect=True)
def test_closed_terminal_is_a_hangup_and_no_bug(child: pexpect.spawn) -> None:
    child.ptyproc.fileobj.close()
    assert child.ptyproc.wait() == 129


def run(*arguments: str, stdin: str = "", signal_number: int | None = None) -> tuple[int, str, str]:
    """Run a client in pipes; with a signal it is sent one when it has been welcomed."""
    with subprocess.Popen(
        [sys.executable, *CONNECT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = ""
        if signal_number is not None:
            first = process.stdout.readline()
            process.send_signal(signal_number)
        out, errors = process.communicate(stdin if signal_number is None else None, timeout=10)
        return process.returncode, first + out, errors


def test_pipe_says_its_lines_and_exits_with_0(address: str) -> None:
    code, out, errors = run(address, stdin="hello\n")
    assert (code, errors) == (0, "")
    assert "] #lobby <alice> hello\n" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_pipe_after_quit(address: str, number: int) -> None:
    code, out, errors = run(address, signal_number=number)
    assert code == 128 + number
    assert "* bye" in out
    assert "Traceback" not in errors


@pytest.mark.parametrize("refused", ["/nope", "x" * 20_000])
def test_script_learns_that_a_line_was_refused(address: str, refused: str) -> None:
    code, out, errors = run(address, stdin=f"{refused}\nhello\n")
    assert code == 3
    assert "<alice> hello\n" in out
    assert "* error: " in errors


def test_transcript_holds_what_was_shown_with_its_date_and_no_secret(
    address: str, tmp_path: Path
) -> None:
    file = tmp_path / "chat.log"
    arguments = [address, "--log-file", str(file)]
    run(*arguments, stdin="first\n/logn alice secret\n")
    run(*arguments, stdin="second\n")
    text = file.read_text()
    assert re.search(r"^\d{4}-\d\d-\d\d \[\d\d:\d\d\] #lobby <alice> first$", text, re.MULTILINE)
    assert "<alice> second\n" in text
    assert "unknown command /logn" in text
    assert "secret" not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_transcript_that_cannot_be_written_is_a_usage_error(address: str, tmp_path: Path) -> None:
    code, out, errors = run(address, "--log-file", str(tmp_path))
    assert (code, out) == (2, "")
    assert errors == f"trio-chat: {tmp_path}: cannot be written: Is a directory\n"


def test_no_server_is_exit_code_3_and_one_line() -> None:
    code, out, errors = run("127.0.0.1:1")
    assert (code, out) == (3, "")
    assert errors == "trio-chat: 127.0.0.1:1: connection refused\n"
