"""The file of earlier input lines: who may read it, what is in it, how long it gets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from trio_chat.client.ui.input import history
from trio_chat.client.ui.input.history import PrivateHistory, SessionHistory


def is_command(name: str) -> bool:
    return name in ("me", "login", "join")


def test_it_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"
    file.parent.mkdir(mode=0o755)
    file.write_text("")
    file.chmod(0o644)
    PrivateHistory(file, is_command).append_string("hello")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_new_folder_is_private(tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"
    PrivateHistory(file, is_command)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_lines_come_back_newest_first_and_passwords_do_not(tmp_path: Path) -> None:
    file = tmp_path / "history"
    first = PrivateHistory(file, is_command)
    for line in ("one", "/login ada geheim", "/lgoin ada geheim", "/me waves", "two\nlines"):
        first.append_string(line)
    assert "/login ada geheim" not in first.get_strings()
    later = PrivateHistory(file, is_command)
    assert list(later.load_history_strings()) == ["two\nlines", "/me waves", "one"]


def test_history_in_memory_holds_no_password_either() -> None:
    memory = SessionHistory()
    memory.append_string("/passwd old new")
    memory.append_string("hello")
    assert memory.get_strings() == ["hello"]


def test_long_file_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "FILE_BYTES", 10_000)
    monkeypatch.setattr(history, "KEPT_LINES", 50)
    file = tmp_path / "history"
    first = PrivateHistory(file, is_command)
    for number in range(1000):
        first.append_string(f"line {number}")
    assert file.stat().st_size > 10_000
    again = PrivateHistory(file, is_command)
    assert file.stat().st_size < 10_000
    kept = list(again.load_history_strings())
    assert kept == [f"line {number}" for number in range(999, 949, -1)]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
