"""What a handler works with: a context, which is data, and three small Protocols for what has to be
waited for or is read outside the chat's state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from trio_chat.chat.accounts import Account
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.chat.state import State
from trio_chat.config import Config
from trio_chat.events import CommandInfo
from trio_chat.store.api import Authors, Pages, Search


class History(Pages, Search, Authors, Protocol):
    """Reading the logs, as a store does."""


class Listed(Protocol):
    """A command, as help shows it."""

    @property
    def synopsis(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...

    def info(self) -> CommandInfo: ...


class Commands(Protocol):
    """The commands there are."""

    def find(self, name: str) -> Listed:
        """Raises UnknownCommand, naming the nearest known one."""

    def for_role(self, role: Role) -> Sequence[Listed]: ...


class Passwords(Protocol):
    """Passwords and the owner code; both are slow or counted."""

    async def check(self, name: str, password: str) -> Account:
        """Return the account that the password opens.

        Raises:
            LoginFailed, TooFast.
        """

    async def hash(self, password: str) -> str: ...

    def register(self) -> None:
        """Count an account that is about to be made.

        Raises:
            TooFast: with `retry_after`.
        """

    def guess(self) -> None:
        """Count a guess at the owner code.

        Raises:
            TooFast.
        """


class SessionRow(NamedTuple):
    """One session of an account. *linked*: its link is up."""

    id: str
    client: str
    address: str
    since_ms: int
    linked: bool
    own: bool


class ConnectionRow(NamedTuple):
    """One link. Before its hello it has no nick and no *since_ms*."""

    nick: str
    account: str
    address: str
    wire: str
    client: str
    since_ms: int
    idle_seconds: int


class Stats(NamedTuple):
    """How busy the server is.

    Attributes:
        events: stored and shown since the start.
        sends: shares of a room's events, each to one session, since the start.
        lagging: sessions that read from the log what their links did not take.
        queued_bytes: what waits for all links.
        refused_writes: what the store could not keep, or not as it was asked to, since the start.
    """

    connections: int
    members: int
    accounts: int
    rooms: int
    events: int
    sends: int
    lagging: int
    queued_bytes: int
    refused_writes: int
    uptime_seconds: int
    memory_bytes: int


class Backup(NamedTuple):
    """*folder* can be used as a data folder."""

    folder: Path
    size_bytes: int


class Process(Protocol):
    """The server as a process: its configuration, its figures, its copies and its end."""

    def apply(self, config: Config) -> None:
        """Be configured so from now on; of keys that may not change while the server runs, as
        before.

        Raises:
            ConfigError: that cannot be, and nothing is changed.
        """

    async def read_config(self) -> Config:
        """Return what the next start would read from the file and the environment.

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

    async def redact(self, account: str) -> int:
        """Delete what the account with that id said, and return how many messages that were.

        Raises:
            Unavailable: part of it is done.
        """

    def begin_shutdown(self, seconds: int, reason: str) -> None:
        """Stop in so many seconds, announced until then; instead of one begun before."""

    def cancel_shutdown(self) -> bool:
        """Return False where none was begun."""


class Asker(Protocol):
    """The session that asked, while it waits for a handler."""

    def sessions(self) -> Sequence[SessionRow]:
        """The sessions of the member's account that live, or can be resumed."""

    def notice(self, text: str) -> None:
        """Show that it goes on."""

    async def show(self, data: Any, text: str) -> None:
        """Show a part of an answer that is too long for one `result`."""


@dataclass(frozen=True, slots=True)
class Context:
    """See the module.

    Attributes:
        state: what the chat knows, to be looked at: it changes by what a handler returns.
        place: where the line was typed, if anywhere; or the room named before the arguments.
        role: the member's, or less when a token opened the session.
        moderates: False when that token does not allow it; then a role in a room counts for
            nothing either.
    """

    state: State
    config: Config
    table: Commands
    member: Member
    role: Role
    place: Room | Direct | None
    now_ms: int
    uptime_seconds: int
    version: str
    history: History
    passwords: Passwords
    process: Process
    asker: Asker
    moderates: bool = True
