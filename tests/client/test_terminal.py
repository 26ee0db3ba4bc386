"""The client in a real terminal: what one sees from the shell to the shell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from support_terminal import (
    ACCOUNT,
    PASSWORD,
    PATIENCE_SECONDS,
    RealTerminal,
    environment,
    fake_server,
    terminal,
)

AT_WORK = r"❯"
COLOUR = re.compile(r"\x1b\[[\d;]*\b(?:3[0-8]|4[0-8]|9[0-7])[\d;]*m")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with fake_server() as address:
        yield address


@pytest.fixture(params=["full", "inline"])
def client(address: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RealTerminal]:
    """A client at its prompt."""
    arguments = ["connect", address, "--nick", "alice", "--screen", request.param]
    with terminal(*arguments, home=tmp_path) as client:
        client.sees("joined")
        client.sees(AT_WORK)
        yield client


# --- leaving


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_leaves_with_its_code_and_a_restored_terminal(
    client: RealTerminal, number: int
) -> None:
    client.child.kill(number)
    assert client.ends() == 128 + number
    assert client.is_restored


def test_ctrl_c_clears_the_line_then_asks_then_leaves(client: RealTerminal) -> None:
    """C7: the second Ctrl-C says how to leave, the third one leaves."""
    client.type("not to be said")
    client.sees("not to be said")
    client.type("\x03")
    client.sees(rf"{AT_WORK}\s*$")
    client.type("\x03")
    client.sees("Ctrl-C again within 2 s leaves")
    client.type("\x03")
    assert client.ends() == 0
    assert client.is_restored
    assert "<alice> not to be said" not in client.printed


def test_quit_leaves(client: RealTerminal) -> None:
    client.type("/quit\r")
    assert client.ends() == 0
    assert client.is_restored


def test_no_server_is_told_on_the_normal_screen(tmp_path: Path) -> None:
    with terminal("connect", "127.0.0.1:1", "--nick", "alice", home=tmp_path) as client:
        assert client.ends() == 3
        assert "trio-chat: 127.0.0.1:1: connection refused" in client.text
        assert client.is_restored


@pytest.mark.parametrize("screen", ["full", "inline"])
def test_suspended_client_gives_the_terminal_back_and_comes_again(
    address: str, tmp_path: Path, screen: str
) -> None:
    """C16: on both screens Ctrl-Z suspends."""
    with terminal("/bin/bash", "--norc", "-i", home=tmp_path) as shell:
        shell.type("PS1='shell> '\r")
        shell.sees("shell>$")
        shell.type(
            f"{sys.executable} -m trio_chat connect {address} --nick zoe --screen {screen}\r"
        )
        shell.sees(rf"#lobby (zoe )?{AT_WORK}")
        shell.type("\x1a")
        shell.sees("Stopped")
        shell.type("stty -a | grep -o ' icanon\\| echo '; echo done\r")
        assert re.search(r"icanon\s+echo\s+done", shell.sees(r"\ndone"))
        shell.type("fg\r")
        shell.until(lambda: shell.printed.rpartition("fg")[2].find(AT_WORK) >= 0, "the prompt")
        shell.type("back again\r")
        shell.sees(r"zoe( │|>) back again")
        shell.type("/quit\r")
        shell.sees("shell>$")
        shell.type("exit 7\r")
        assert shell.ends() == 7


# --- the screen


@pytest.mark.parametrize("client", ["full"], indirect=True)
def test_resized_screen_is_drawn_anew(client: RealTerminal) -> None:
    client.type("a line that is long enough to be wrapped when the terminal gets narrow\r")
    client.sees("narrow")
    for rows, columns, shown in ((12, 40, "is long\n"), (30, 100, "is long enough to be wrapped")):
        client.resize(rows, columns)
        client.until(partial(is_drawn, client, rows, shown), f"{shown!r} in {rows} rows")


def is_drawn(client: RealTerminal, rows: int, text: str) -> bool:
    """Whether *text* is shown, and the prompt in the last row."""
    lines = client.text.splitlines()
    return len(lines) == rows and lines[-1].endswith(AT_WORK) and text in client.text


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color_means_none(address: str, tmp_path: Path, no_color: bool) -> None:
    arguments = ["connect", address, "--nick", "alice"]
    variables = {"NO_COLOR": "1"} if no_color else {}
    with terminal(*arguments, home=tmp_path, variables=variables) as client:
        client.sees("joined")
        client.sees("here")
        client.type("/quit\r")
        assert client.ends() == 0
        assert bool(COLOUR.search(client.printed)) is not no_color


# --- logging in


def test_password_is_not_shown_and_asked_for_again_when_wrong(address: str, tmp_path: Path) -> None:
    with terminal("connect", address, "--account", ACCOUNT, home=tmp_path) as client:
        client.sees(rf"Password of {ACCOUNT}:$")
        client.type("wrong\r")
        client.sees(r"the password is wrong\n.*Password of ada:$")
        client.type(f"{PASSWORD}\r")
        client.sees(f"#lobby {ACCOUNT} {AT_WORK}")
        client.type("\x04")
        assert client.ends() == 0
        assert client.is_restored
        assert PASSWORD not in client.printed
        assert "wrong\r" not in client.printed.replace("the password is wrong\r", "")


def test_third_wrong_password_is_the_last(address: str, tmp_path: Path) -> None:
    arguments = ["connect", address, "--nick", "ada", "--account", ACCOUNT]
    with terminal(*arguments, home=tmp_path) as client:
        for count in range(1, 4):
            asked = partial(is_printed, client, "Password of ada:", count)
            client.until(asked, f"the question number {count}")
            client.type("guess\r")
        assert client.ends() == 3
        assert client.printed.count("the password is wrong") == 3
        assert "guess" not in client.printed


def is_printed(client: RealTerminal, text: str, count: int) -> bool:
    return client.printed.count(text) == count


def test_nothing_is_connected_when_the_password_is_not_given(address: str, tmp_path: Path) -> None:
    arguments = ["connect", address, "--nick", "ada", "--account", ACCOUNT]
    with terminal(*arguments, home=tmp_path) as client:
        client.sees(r"Password of ada:$")
        client.type("\x03")
        assert client.ends() == 130
        assert client.is_restored


def test_script_without_a_password_is_told_what_to_do(address: str, tmp_path: Path) -> None:
    code, _, errors = run(tmp_path, "connect", address, "--nick", "ada", "--account", ACCOUNT)
    assert code == 2
    assert "set TRIO_CHAT_PASSWORD, or log in by --token-file" in errors


def test_script_takes_the_password_from_its_environment(address: str, tmp_path: Path) -> None:
    arguments = ["connect", address, "--nick", "ada", "--account", ACCOUNT]
    code, _, errors = run(tmp_path, *arguments, TRIO_CHAT_PASSWORD="no")
    assert (code, errors) == (3, f"trio-chat: {address}: the password is wrong\n")
    code, out, errors = run(tmp_path, *arguments, TRIO_CHAT_PASSWORD=PASSWORD)
    assert (code, errors) == (0, "")
    assert "welcome to fake, ada" in out


# --- the first start, and settings


def test_first_start_asks_where_to_go_and_remembers_it(address: str, tmp_path: Path) -> None:
    with terminal("connect", home=tmp_path) as client:
        client.sees(r"Server \[127\.0\.0\.1:7373\]:")
        client.type("chat.example:port\r")
        client.sees("write the server as HOST or HOST:PORT")
        client.type(f"{address}\r")
        client.sees(r"Nick \[.+\]:")
        client.type("grace\r")
        client.sees("Account, if you have one:")
        client.type("\r")
        client.sees(f"grace {AT_WORK}")
        client.sees("Saved as profile 'home'")
        client.type("/quit\r")
        assert client.ends() == 0
    with terminal("connect", home=tmp_path) as client:
        client.sees(f"grace {AT_WORK}")


def test_answers_of_the_first_start_are_asked_for_until_a_server_takes_them(
    address: str, tmp_path: Path
) -> None:
    """C10: a mistyped host is not kept, and asked for again."""
    config = tmp_path / ".config/trio-chat/config.toml"
    with terminal("connect", home=tmp_path) as client:
        client.sees(r"Server \[127\.0\.0\.1:7373\]:")
        client.type("127.0.0.1:1\r")
        client.sees(r"Nick \[.+\]:")
        client.type("grace\r")
        client.sees("Account, if you have one:")
        client.type("\r")
        client.sees(r"connection refused\nServer \[127\.0\.0\.1:1\]:")
        assert not config.exists()
        client.type(f"{address}\r")
        client.sees(r"Nick \[grace\]:")
        client.type("\r")
        client.until(partial(is_printed, client, "Account, if you have one:", 2), "the account")
        client.type("\r")
        client.sees("#lobby grace")
        assert address in config.read_text()
        assert '127.0.0.1:1"' not in config.read_text()


def test_home_that_cannot_be_written_is_said_and_passed_over(address: str, tmp_path: Path) -> None:
    """C10: the chat begins all the same."""
    (tmp_path / ".config").write_text("a file where the folder would be")
    with terminal("connect", home=tmp_path) as client:
        for question, answer in (("Server", address), ("Nick", "grace"), ("Account", "")):
            client.sees(rf"{question}.*:$")
            client.type(f"{answer}\r")
        client.sees("these answers are not kept")
        client.type("hello\r")
        client.sees("grace │ hello")


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_terminal_that_can_only_print_gets_the_plain_screen(
    address: str, tmp_path: Path, term: str
) -> None:
    """C13: also where the settings want another one."""
    (tmp_path / "mine.toml").write_text('screen = "full"\n')
    arguments = ["connect", address, "--nick", "alice", "--config", str(tmp_path / "mine.toml")]
    with terminal(*arguments, home=tmp_path, variables={"TERM": term}) as client:
        client.sees("in #lobby: ")
        client.type("hello\r")
        client.sees("#lobby <alice> hello")
        assert "\x1b" not in client.printed
        client.type("\x04")
        assert client.ends() == 0


@pytest.mark.parametrize("screen", ["full", "inline"])
def test_setting_of_the_screen_is_for_terminals(address: str, tmp_path: Path, screen: str) -> None:
    """C11: a pipe works whatever the settings say; what is asked for here and now is told."""
    file = tmp_path / "mine.toml"
    file.write_text(f'screen = "{screen}"\n')
    arguments = ["connect", address, "--nick", "alice"]
    code, out, errors = run(tmp_path, *arguments, "--config", str(file))
    assert (code, errors) == (0, "")
    assert "welcome to fake, alice" in out
    code, out, errors = run(tmp_path, *arguments, "--screen", screen)
    assert (code, out) == (2, "")
    assert errors == f"trio-chat: --screen {screen} needs a terminal on stdin and stdout\n"


@pytest.mark.parametrize("host", ["chat..example", ".example", "x" * 64 + ".example", "a@b"])
def test_host_that_cannot_be_is_one_sentence(tmp_path: Path, host: str) -> None:
    """C12: no traceback."""
    code, out, errors = run(tmp_path, "connect", host, "--nick", "alice")
    assert (code, out) == (2, "")
    assert errors == f"trio-chat: {host}: write the server as HOST or HOST:PORT\n"


def test_name_that_becomes_no_host_is_one_sentence(tmp_path: Path) -> None:
    """C12: whose dots are not ASCII, so that only the resolver finds out."""
    host = "chat\u2024\u2024example"
    code, out, errors = run(tmp_path, "connect", host, "--nick", "alice")
    assert (code, out) == (3, "")
    assert errors == f"trio-chat: {host}:7373: this cannot be the name of a host\n"


@pytest.mark.parametrize(
    ("redirection", "code", "shown"),
    [
        ("<&-", 0, "welcome to fake, alice"),
        (">&-", 0, ""),
        ("2>&-", 0, "welcome to fake, alice"),
        ("<&- >&- 2>&-", 0, ""),
        ("> /dev/full", 3, ""),
    ],
)
def test_standard_file_may_be_closed_or_full(
    address: str, tmp_path: Path, redirection: str, code: int, shown: str
) -> None:
    """C12, C16: a closed file is no trouble; what could not be written is told, by code 3, too."""
    command = f"{sys.executable} -m trio_chat connect {address} --nick alice"
    done = subprocess.run(
        ["/bin/sh", "-c", f"echo hi | {command} {redirection}"],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == code
    assert shown in done.stdout
    assert "Traceback" not in done.stderr
    if code:
        assert done.stderr == "trio-chat: stdout: cannot be written: No space left on device\n"


def test_first_start_asks_nobody_where_nobody_is(address: str, tmp_path: Path) -> None:
    code, out, errors = run(tmp_path, "connect", address)
    assert (code, errors) == (0, "")
    assert "Server [" not in out


def test_settings_are_begun_changed_and_used(address: str, tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "client-config", "--init")
    file = Path(out.strip())
    assert code == 0
    assert out == run(tmp_path, "client-config", "--path")[1]
    assert run(tmp_path, "client-config", "--init")[0] == 2
    profile = f'\n[profiles.work]\nserver = "{address}"\nnick = "linus"\nroom = "dev"\n'
    file.write_text(file.read_text().replace("[keys]", "[keys]\nleave = ['f10']") + profile)
    assert 'leave = ["f10"]' in run(tmp_path, "client-config")[1]
    with terminal("connect", "work", home=tmp_path) as client:
        client.sees(f"linus {AT_WORK}")
        client.sees("#dev")
        client.type("\x04\x1b[21~")  # Ctrl-D does nothing any more; F10
        assert client.ends() == 0


def test_settings_that_are_wrong_end_the_start(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("colour = 1\n")
    for command in ("connect", "client-config"):
        code, out, errors = run(tmp_path, command, "--config", str(file))
        assert (code, out) == (2, "")
        assert errors == f"trio-chat: {file}: there is no key colour\n"


def test_nobody_is_told_that_nobody_reads_on(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "trio_chat", "client-config"]
    done = subprocess.run(
        command,
        stdout=writer,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_every_command_explains_itself(tmp_path: Path) -> None:
    _, out, _ = run(tmp_path, "--help")
    commands = re.findall(r"^    ([a-z-]+)\b", out, re.MULTILINE)
    assert {"serve", "connect", "client-config"} <= {*commands}
    for command in commands:
        code, out, errors = run(tmp_path, command, "--help")
        assert (code, errors) == (0, "")
        assert out.startswith(f"usage: trio-chat {command} ")


def run(home: Path, *arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run without a terminal and with nothing on stdin."""
    done = subprocess.run(
        [sys.executable, "-m", "trio_chat", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(home, **variables),
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
