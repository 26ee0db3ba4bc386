"""`trio-chat account` as a process, beside a server that runs and one that does not."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from support_processes import QUIET, START_SECONDS, run_to_end, running_server
from support_server import Peer

PASSWORD = b"correct horse\n"


async def account(
    folder: Path, *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    act, *rest = arguments
    command = [sys.executable, "-m", "trio_chat", "account", act, "--data", str(folder), *rest]
    return await run_to_end(command, stdin=stdin)


async def test_account_made_before_the_first_start_owns_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = await account(folder, "add", "alice", "--role", "owner", stdin=PASSWORD)
    assert (made.returncode, made.stdout) == (0, b"the account alice is there, as owner\n")
    assert made.stderr == b""
    async with running_server(folder) as server:
        assert "owner code" not in server.log.read_text()
        alice = Peer(await server.dial())
        welcome, *_ = await alice.hello("alice", account="alice", password="correct horse")
        assert welcome["role"] == "owner"
        await alice.stream.aclose()


async def test_running_server_does_it_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running_server(folder) as server:
        assert (await account(folder, "add", "alice", stdin=PASSWORD)).returncode == 0
        alice = Peer(await server.dial())
        await alice.hello("alice", account="alice", password="correct horse")
        assert (await account(folder, "role", "alice", "admin")).stdout == b"alice is admin\n"
        assert (await alice.expect("welcome"))["role"] == "admin"
        listed = json.loads((await account(folder, "list", "--json")).stdout)
        assert [(row["name"], row["role"], row["here"]) for row in listed] == [
            ("alice", "admin", True)
        ]
        assert (await account(folder, "remove", "alice", "--yes")).returncode == 0
        assert (await alice.to_end())[-1]["reason"] == "this account was removed"
        await alice.stream.aclose()
        log = server.log.read_text()
        assert "correct horse" not in log
        assert "Traceback" not in log


async def test_owner_code_is_told_at_each_start_until_it_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with running_server(folder) as server:
        (first,) = owner_codes(server.log)
        await server.end()
    async with running_server(folder) as server:
        assert owner_codes(server.log) == [first, first]
        await account(folder, "add", "alice", stdin=PASSWORD)
        alice = Peer(await server.dial())
        await alice.hello("alice", account="alice", password="correct horse")
        claimed = await alice.input(f"/claim {first}")
        assert claimed[-1]["type"] == "done"
        await alice.stream.aclose()
        await server.end()
    async with running_server(folder) as server:
        assert owner_codes(server.log) == [first, first]


def owner_codes(log: Path) -> list[str]:
    lines = log.read_text().splitlines()
    return [line.removeprefix("owner code: ") for line in lines if line.startswith("owner code: ")]


@pytest.mark.parametrize(
    ("arguments", "stdin", "why"),
    [
        (("add", "bob"), b"", "a password has at least 8 characters"),
        (("add", "bob", "--role", "king"), PASSWORD, "king is no role of an account"),
        (("role", "nobody", "admin"), b"", "there is no account nobody"),
        (("remove", "alice"), b"", "say --yes to remove alice"),
        (("list", "--set", "limits.flod=1"), b"", "limits.flod"),
        (("list", "--set", "store.memory=true"), b"", "store.memory is on"),
    ],
)
async def test_refusal_is_one_clear_line(
    tmp_path: Path, arguments: tuple[str, ...], stdin: bytes, why: str
) -> None:
    folder = tmp_path / "data"
    await account(folder, "add", "alice", stdin=PASSWORD)
    refused = await account(folder, *arguments, stdin=stdin)
    assert (refused.returncode, refused.stdout) == (2, b"")
    (line,) = refused.stderr.decode().splitlines()
    assert line.startswith("trio-chat: ")
    assert why in line


async def test_mistyped_folder_is_not_made(tmp_path: Path) -> None:
    refused = await account(tmp_path / "typo", "list")
    assert refused.returncode == 2
    assert b"there is no such folder" in refused.stderr
    assert not (tmp_path / "typo").exists()


def test_person_is_asked_twice_and_nothing_is_echoed(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    with terminal(tmp_path, "account", "add", "alice", *data) as child:
        child.expect_exact("new password of alice: ")
        child.sendline("correct horse")
        child.expect_exact("the same again: ")
        child.sendline("correct horse")
        child.expect_exact("the account alice is there, as member")
        child.expect(pexpect.EOF)
    with terminal(tmp_path, "account", "password", "alice", *data) as child:
        child.expect_exact("new password of alice: ")
        child.sendline("battery staple")
        child.expect_exact("the same again: ")
        child.sendline("battery stable")
        child.expect_exact("these are two different passwords; nothing was done")
    with terminal(tmp_path, "account", "remove", "alice", *data) as child:
        child.expect_exact("Remove the account alice for good? [y/N] ")
        child.sendline("n")
        child.expect_exact("nothing was done")
    with terminal(tmp_path, "account", "remove", "alice", *data) as child:
        child.expect_exact("[y/N] ")
        child.sendeof()
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130


@contextmanager
def terminal(home: Path, *arguments: str) -> Iterator[pexpect.spawn[str]]:
    """A terminal that ends when the command does; whatever was typed unseen is not on it."""
    command = [sys.executable, "-m", "trio_chat", *arguments]
    log = io.StringIO()
    child = pexpect.spawn(
        command[0], command[1:], env=QUIET, encoding="utf-8", timeout=START_SECONDS
    )
    child.logfile_read = log
    try:
        yield child
    finally:
        child.close(force=True)
    assert "horse" not in log.getvalue()
    assert "battery" not in log.getvalue()
