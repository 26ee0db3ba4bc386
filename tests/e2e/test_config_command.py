"""`trio-chat config`, and mistyped words on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support_processes import QUIET, run_to_end
from trio_chat.config import described_keys


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "trio_chat", *arguments]


async def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return await run_to_end(command(*arguments))


async def test_file_is_begun_with_every_key_and_never_over_another(tmp_path: Path) -> None:
    file = tmp_path / "new" / "chat.toml"
    assert (await run("config", "init", "--config", str(file))).returncode == 0
    text = file.read_text(encoding="utf-8")
    for name, key in described_keys().items():
        assert f"#{name.partition('.')[2]} = " in text
        assert key.reason.split()[0] in text
    checked = await run("config", "check", "--config", str(file))
    assert (checked.returncode, checked.stdout.count(b"\n")) == (0, 1)
    file.write_text("[limits]\n", encoding="utf-8")
    refused = await run("config", "init", "--config", str(file))
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert refused.stderr.decode().strip() == f"trio-chat: {file}: exists already"
    assert file.read_text(encoding="utf-8") == "[limits]\n"


def test_every_line_of_the_begun_file_is_a_default_when_it_is_uncommented(tmp_path: Path) -> None:
    from trio_chat.config import Config, load_config
    from trio_chat.config.text import commented

    file = tmp_path / "chat.toml"
    lines = [line.removeprefix("#") for line in commented().splitlines() if line[:2] != "# "]
    file.write_text("\n".join(lines), encoding="utf-8")
    assert load_config(file, environment={}) == Config()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[limits]\nflod = true\n", "did you mean 'flood'"),
        ("[limits]\ntext_bytes = 99999999\n", "limits.text_bytes: it takes a whole number from"),
        ("[rooms]\nauto_join = ['a b']\n", "rooms.auto_join"),
        ("[server]\nlisten = ['nowhere']\n", "HOST:PORT"),
        ("[server]\nlisten = ['tls://127.0.0.1:1']\n", "server.tls_certificate"),
        ("[store]\ndata = '~nosuchuser/x'\n", "store.data"),
        ("[limits\n", "no valid TOML"),
    ],
)
async def test_mistake_in_the_file_is_found(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "chat.toml"
    file.write_text(content, encoding="utf-8")
    checked = await run("config", "check", "--config", str(file))
    assert (checked.returncode, checked.stdout) == (2, b"")
    (line,) = checked.stderr.decode().splitlines()
    assert named in line


async def test_each_value_is_shown_with_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chat.toml"
    file.write_text("[limits]\ntext_bytes = 9\nbad_lines = 9\n", encoding="utf-8")
    monkeypatch.setitem(QUIET, "TRIO_CHAT_LIMITS_BAD_LINES", "8")
    shown = await run("config", "show", "--config", str(file), "--set", "limits.flood=false")
    lines = shown.stdout.decode().splitlines()
    assert len(lines) == len(described_keys())
    for line in (
        f"limits.text_bytes = 9  ({file})",
        "limits.bad_lines = 8  (TRIO_CHAT_LIMITS_BAD_LINES)",
        "limits.flood = false  (--set limits.flood=false)",
        'log.level = "info"  (default)',
    ):
        assert line in lines


async def test_file_in_the_system_place_is_read_when_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(QUIET, "XDG_CONFIG_HOME", str(tmp_path))
    begun = await run("config", "init")
    file = tmp_path / "trio-chat" / "server.toml"
    assert begun.stdout.decode().strip() == str(file)
    file.write_text("[limits]\ntext_bytes = 9\n", encoding="utf-8")
    shown = await run("config", "show")
    assert f"limits.text_bytes = 9  ({file})" in shown.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("hlep",), "did you mean help?"),
        (("sevre",), "did you mean serve?"),
        (("config", "chekc"), "did you mean check?"),
        (("account", "lsit"), "did you mean list?"),
        (("serve", "--lisen", "x"), "did you mean --listen?"),
        (("connect", "--screen", "ful"), "did you mean full?"),
    ],
)
async def test_mistyped_word_is_answered_with_the_nearest(
    arguments: tuple[str, ...], near: str
) -> None:
    refused = await run(*arguments)
    assert refused.returncode == 2
    assert near in refused.stderr.decode()


@pytest.mark.parametrize("act", [("serve",), ("config", "check"), ("account", "list")])
async def test_home_of_somebody_unknown_is_one_line(act: tuple[str, ...]) -> None:
    """D5"""
    refused = await run(*act, "--data", "~nosuchuser/x")
    assert refused.returncode == 2
    (line,) = refused.stderr.decode().splitlines()
    assert "~nosuchuser/x" in line


async def test_misspelt_variable_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """S28"""
    monkeypatch.setitem(QUIET, "TRIO_CHAT_LIMITS_FLOD", "false")
    refused = await run("serve", "--memory", "--listen", "127.0.0.1:0")
    assert refused.returncode == 2
    (line,) = refused.stderr.decode().splitlines()
    assert "did you mean 'TRIO_CHAT_LIMITS_FLOOD'?" in line
