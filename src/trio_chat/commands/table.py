"""The command table and its one guard: known, allowed, the right number of arguments.

Help, completion, `welcome.commands` and docs/commands.md are derived from the records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Protocol, TypeAlias

from trio_chat.chat.hub import Hub
from trio_chat.chat.members import Member, Role
from trio_chat.chat.rooms import Direct, Room
from trio_chat.config import Config
from trio_chat.errors import NotPermitted, UnknownCommand, UsageError
from trio_chat.events import CommandInfo
from trio_chat.requests import Invocation
from trio_chat.store import Store, Write

# Two letters swapped in a word of three are this alike; what is less alike was not meant.
_LIKENESS = 0.65


class Host(Protocol):
    """What a handler asks of the session it runs for."""

    async def join(self, name: str) -> None:
        """Take the member into the room, made if there is none; its backlog is shown."""

    def leave(self, room: Room, reason: str) -> None: ...

    def rename(self, nick: str) -> None: ...

    async def direct(self, nick: str) -> Direct:
        """The conversation with the member called *nick*."""

    def remember(self) -> None:
        """What the member takes along to a resumed session has changed: keep it."""

    def quit(self, reason: str) -> None:
        """End the session once its answers are out."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler gets to work with. *place* is where the line was typed, if anywhere."""

    table: CommandTable
    hub: Hub
    store: Store
    config: Config
    host: Host
    member: Member
    place: Room | Direct | None
    now_ms: int
    started_ms: int
    version: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: something to read (*text*, and *data*, the same for programs),
    something to store, or neither."""

    text: str | None = None
    data: Any = None
    write: Write | None = None


Handler: TypeAlias = Callable[[Context, tuple[str, ...]], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command.

    Attributes:
        usage: the arguments as people write them down: `NICK TEXT`, `[ROOM]`.
        summary: one sentence, with its full stop.
        handler: gets between *least* and *most* arguments; the last holds the rest of the line.
        role: the lowest role that may use it.
        reads: it changes nothing, so it is run again when its id comes again, and it is paid
            for from the budget for queries.
    """

    name: str
    usage: str
    summary: str
    handler: Handler
    aliases: tuple[str, ...] = ()
    role: Role = Role.GUEST
    least: int = 0
    most: int = 0
    reads: bool = False

    @property
    def synopsis(self) -> str:
        return f"/{self.name} {self.usage}".rstrip()

    def info(self) -> CommandInfo:
        return CommandInfo(
            name=self.name,
            aliases=self.aliases,
            usage=self.synopsis,
            help=self.summary,
            role=self.role.title,
        )

    def split(self, rest: str) -> tuple[str, ...]:
        """Split the rest of the line into arguments.

        Raises:
            UsageError: too few, or too many.
        """
        arguments = rest.split(maxsplit=max(0, self.most - 1)) if self.most else rest.split()
        if self.most == 1 and rest.strip():
            arguments = [rest.strip()]
        if not self.least <= len(arguments) <= self.most:
            raise UsageError(f"usage: {self.synopsis}")
        return tuple(arguments)


@dataclass(frozen=True, slots=True)
class CommandTable:
    """The commands by name and alias."""

    commands: Iterable[Command]
    _by_name: dict[str, Command] = field(init=False, default_factory=dict)
    _infos: dict[Role, tuple[CommandInfo, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for command in self.commands:
            for name in (command.name, *command.aliases):
                if name in self._by_name:
                    raise ValueError(f"two commands are called /{name}")
                self._by_name[name] = command

    def find(self, name: str) -> Command:
        """Raises UnknownCommand, naming the nearest known one."""
        command = self._by_name.get(name) or self._by_name.get(name.lower())
        if command is None:
            raise UnknownCommand(f"unknown command /{name}{self._hint(name)}")
        return command

    def reads(self, name: str) -> bool:
        """Whether /name is paid for from the budget for queries; an unknown one is not."""
        command = self._by_name.get(name.lower())
        return command is not None and command.reads

    def _hint(self, name: str) -> str:
        if "/" in name:  # a path
            return "; // at its start says a slash"
        close = get_close_matches(name.lower(), self._by_name, n=1, cutoff=_LIKENESS)
        return f"; did you mean /{close[0]}?" if close else "; /help lists them"

    def guard(self, invocation: Invocation, role: Role) -> tuple[Command, tuple[str, ...]]:
        """Return the command and its arguments, if somebody of this role may use it so.

        Raises:
            UnknownCommand, NotPermitted, UsageError.
        """
        command = self.find(invocation.name)
        if role < command.role:
            raise NotPermitted(f"/{command.name} needs the role {command.role.title}")
        return command, command.split(invocation.rest)

    def for_role(self, role: Role) -> list[Command]:
        """What somebody of this role may use, by name."""
        allowed = {command.name: command for command in self._by_name.values()}
        return [allowed[name] for name in sorted(allowed) if role >= allowed[name].role]

    def infos(self, role: Role) -> tuple[CommandInfo, ...]:
        """The same for a client; made once, since every hello asks."""
        if role not in self._infos:
            self._infos[role] = tuple(command.info() for command in self.for_role(role))
        return self._infos[role]
