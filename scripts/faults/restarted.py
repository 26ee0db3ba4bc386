"""A real server in a process of its own, that is killed and started again."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

SETTINGS = ("limits.flood=false", "rooms.auto_join=", "log.level=warning")
STOP_SECONDS = 15.0


class DoesNotStart(Exception):
    """The server ended instead of listening; the text is what it said."""


class Restarted:
    """The server on one port and one data folder, through any number of kills."""

    def __init__(self, folder: Path, settings: tuple[str, ...] = SETTINGS) -> None:
        self._settings = settings
        self.data = folder / "data"
        self.longest_start_seconds = 0.0
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def start(self) -> float:
        """Return the seconds until it listens.

        Raises:
            DoesNotStart: it ended.
        """
        command = [sys.executable, "-m", "trio_chat", "serve", "--data", str(self.data)]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        command += [part for setting in self._settings for part in ("--set", setting)]
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        with self._process.stdout as said:
            if not said.readline().startswith(b"listening on "):
                raise DoesNotStart(self._log.read_text(encoding="utf-8", errors="replace")[-500:])
        seconds = time.monotonic() - began
        self.longest_start_seconds = max(seconds, self.longest_start_seconds)
        return seconds

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
