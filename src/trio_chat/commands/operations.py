"""What the commands of administration ask of the server as a process: its configuration, its
figures, its copies and its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from trio_chat.chat.accounts import Account
from trio_chat.config import Config


class Stats(NamedTuple):
    """*events*: stored and shown since the start."""

    connections: int
    members: int
    accounts: int
    rooms: int
    events: int
    uptime_seconds: int
    memory_bytes: int


class ConnectionRow(NamedTuple):
    """One link. Before its hello it has no nick and no *since_ms*."""

    nick: str
    account: str
    address: str
    wire: str
    client: str
    since_ms: int
    idle_seconds: int


class Backup(NamedTuple):
    """*folder* can be used as a data folder."""

    folder: Path
    size_bytes: int


class Operations(Protocol):
    def apply(self, config: Config) -> None:
        """Be configured so from now on; of keys that may not change while the server runs, as
        before.

        Raises:
            ConfigError: that cannot be, and nothing is changed.
        """

    async def read_config(self) -> Config:
        """What the next start would read from the file and the environment.

        Raises:
            ConfigError.
        """

    def stats(self) -> Stats: ...

    def connections(self) -> list[ConnectionRow]: ...

    async def backup(self, tell: Callable[[str], None]) -> Backup:
        """Copy the database while the server runs; *tell* from time to time that it goes on.

        Raises:
            NotPermitted: one is being made.
            BadRequest, Unavailable.
        """

    async def redact(self, account: Account) -> int:
        """Delete what the account said, and return how many messages that were.

        Raises:
            Unavailable: part of it is done.
        """

    def begin_shutdown(self, seconds: int, reason: str) -> None:
        """Stop in so many seconds, announced until then; instead of one begun before."""

    def cancel_shutdown(self) -> bool:
        """False: none was begun."""
