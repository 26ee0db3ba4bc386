"""The command table and its one guard: known, allowed, the right number of arguments.

Help, completion, `welcome.commands` and docs/commands.md are derived from the records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any, TypeAlias

from trio_chat.chat.records import Change
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.commands.audit import Act
from trio_chat.commands.context import Context
from trio_chat.commands.effects import Effect
from trio_chat.errors import NotPermitted, UnknownCommand, UsageError
from trio_chat.events import CommandInfo

# Two letters swapped in a word of three are this alike; what is less alike was not meant.
_LIKENESS = 0.65


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: data, which the server carries out.

    Attributes:
        text, data: the answer, for people and the same for programs; None: nothing to read.
        changes: the facts that change, in one transaction.
        act: the line that the audit room keeps of it.
        effects: what else is to be done; see `effects`.
    """

    text: str | None = None
    data: Any = None
    changes: tuple[Change, ...] = ()
    act: Act | None = None
    effects: tuple[Effect, ...] = ()


# A handler that has nothing to wait for is a plain function.
Handler: TypeAlias = Callable[[Context, tuple[str, ...]], Outcome | Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command.

    Attributes:
        usage: the arguments as people write them down: `NICK TEXT`, `[ROOM]`.
        summary: one sentence, with its full stop.
        handler: gets between *least* and *most* arguments; the last holds the rest of the line.
        role: the lowest role of the server that may use it.
        room_role: the lowest role in a room that may use it there, whatever the server's role.
            The room is where it is typed, or is named before the arguments: `/kick #dev bob`.
        personal: it is about the account itself, so no token opens it.
        free: every token opens it, and it is never too fast.
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
    room_role: RoomRole | None = None
    personal: bool = False
    free: bool = False

    @property
    def scope(self) -> str:
        """What a token must allow for it; "" for nothing."""
        if self.free:
            return ""
        if self.personal:
            return "account"
        if self.role >= Role.MODERATOR or self.room_role is not None:
            return "moderate"
        return "read" if self.reads else "write"

    @property
    def needs(self) -> str:
        """The roles that may use it, for people."""
        room_role = self.room_role
        if room_role is None:
            return self.role.title
        return f"{room_role.title or 'member'} of the room, or {self.role.title}"

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
            room_role=self.room_role.title if self.room_role else "",
        )

    def guard(self, rest: str, role: Role, room_role: RoomRole = RoomRole.PLAIN) -> tuple[str, ...]:
        """Return the arguments in *rest*, if somebody of these roles may use the command so.

        Raises:
            NotPermitted, UsageError.
        """
        in_room = self.room_role is not None and room_role >= self.room_role
        if role < self.role and not in_room:
            raise NotPermitted(f"/{self.name} needs the role {self.needs}", command=self.name)
        return self.split(rest)

    def split(self, rest: str) -> tuple[str, ...]:
        """Split the rest of the line into arguments.

        Raises:
            UsageError: too few, or too many.
        """
        arguments = rest.split(maxsplit=max(0, self.most - 1)) if self.most else rest.split()
        if self.most == 1 and rest.strip():
            arguments = [rest.strip()]
        if not self.least <= len(arguments) <= self.most:
            raise UsageError(f"usage: {self.synopsis}", command=self.name)
        return tuple(arguments)


# For those who keep order in a room, and for those who own it; or for the server's roles.
of_moderators = partial(Command, role=Role.MODERATOR, room_role=RoomRole.MODERATOR)
of_owners = partial(Command, role=Role.ADMIN, room_role=RoomRole.OWNER)


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
            raise UnknownCommand(f"unknown command /{name}{self._hint(name)}", command=name)
        return command

    def reads(self, name: str) -> bool:
        """Whether /name is paid for from the budget for queries; an unknown one is not."""
        command = self._by_name.get(name.lower())
        return command is not None and command.reads

    def is_free(self, name: str) -> bool:
        """Return whether /name is never refused for being too fast: leaving is not."""
        command = self._by_name.get(name.lower())
        return command is not None and command.free

    def _hint(self, name: str) -> str:
        if "/" in name:  # a path
            return "; // at its start says a slash"
        close = get_close_matches(name.lower(), self._by_name, n=1, cutoff=_LIKENESS)
        return f"; did you mean /{close[0]}?" if close else "; /help lists them"

    def for_role(self, role: Role) -> list[Command]:
        """What somebody of this role may use, by name: here, or in a room of its own."""
        allowed = {
            command.name: command
            for command in self._by_name.values()
            if role >= command.role or (command.room_role is not None and role >= Role.MEMBER)
        }
        return [allowed[name] for name in sorted(allowed)]

    def infos(self, role: Role, scopes: Collection[str] | None) -> tuple[CommandInfo, ...]:
        """The same for a client; of them those that a token of these *scopes* opens, None: all.
        Those of a role are made once, since every hello asks."""
        if scopes is not None:
            opened = (*scopes, "")
            return tuple(one.info() for one in self.for_role(role) if one.scope in opened)
        if role not in self._infos:
            self._infos[role] = tuple(command.info() for command in self.for_role(role))
        return self._infos[role]
