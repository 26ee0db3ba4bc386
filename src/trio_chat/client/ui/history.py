"""The input lines of earlier days, in a file that only its owner can read, without passwords."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from trio_chat.requests import Invocation, parse_slash

SECRET_COMMANDS = frozenset({"login", "register", "passwd", "password", "identify"})


class PrivateHistory(FileHistory):
    """Keeps what may be kept.

    *is_command*: whether a name is one of the server's commands; the line of any other is
    not kept, because a mistyped `/login` holds a password too.
    """

    def __init__(self, file: Path, is_command: Callable[[str], bool]) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        file.chmod(0o600)
        self._is_command = is_command
        super().__init__(str(file))

    def store_string(self, string: str) -> None:
        if not self._is_secret(string):
            super().store_string(string)

    def _is_secret(self, text: str) -> bool:
        parsed = parse_slash(text)
        if not isinstance(parsed, Invocation):
            return False
        name = parsed.name.lower()
        return name in SECRET_COMMANDS or not self._is_command(name)


def open_history(is_command: Callable[[str], bool]) -> History:
    """Return the history of this system's user, or one in memory if it cannot be kept."""
    folder = platformdirs.user_state_path("trio-chat", appauthor=False)
    try:
        return PrivateHistory(folder / "history", is_command)
    except OSError:
        return InMemoryHistory()
