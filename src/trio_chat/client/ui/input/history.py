"""The input lines of earlier days, in a file that only its owner can read, without passwords."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import platformdirs
from prompt_toolkit.history import FileHistory, History, InMemoryHistory

from trio_chat.client.state.passwords import is_secret
from trio_chat.requests import Invocation, parse_slash

# So many lines are brought back; the file is written anew when it is larger than they may be.
KEPT_LINES = 2000
FILE_BYTES = 1_048_576


class SessionHistory(InMemoryHistory):
    """A history that ends with the session, and holds no password."""

    def append_string(self, string: str) -> None:
        if not is_secret(string):
            super().append_string(string)


class PrivateHistory(FileHistory):
    """A history in a file, of the lines that may be kept.

    *is_command*: whether a name is one of the server's commands; the line of any other is
    not stored, because a mistyped `/login` holds a password too.
    """

    def __init__(self, file: Path, is_command: Callable[[str], bool]) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
        file.chmod(0o600)
        self._is_command = is_command
        super().__init__(str(file))
        if file.stat().st_size > FILE_BYTES:
            self._shorten(file)

    def load_history_strings(self) -> Iterable[str]:
        return islice(super().load_history_strings(), KEPT_LINES)

    def append_string(self, string: str) -> None:
        if not is_secret(string):
            super().append_string(string)

    def store_string(self, string: str) -> None:
        parsed = parse_slash(string)
        if not isinstance(parsed, Invocation) or self._is_command(parsed.name.lower()):
            super().store_string(string)

    def _shorten(self, file: Path) -> None:
        kept = [*self.load_history_strings()]
        os.truncate(file, 0)
        for string in reversed(kept):
            super().store_string(string)


def open_history(is_command: Callable[[str], bool]) -> History:
    """Return the history of this system's user, or one in memory if it cannot be kept."""
    folder = platformdirs.user_state_path("trio-chat", appauthor=False)
    try:
        return PrivateHistory(folder / "history", is_command)
    except OSError:
        return SessionHistory()
