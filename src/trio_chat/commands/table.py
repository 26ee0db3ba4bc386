"""The command table and its one guard: known, allowed, the right number of arguments.

Help, completion, `welcome.commands` and docs/commands.md are derived from the records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

from trio_chat.chat.accounts import Account, Accounts
from trio_chat.chat.directory import Directory
from trio_chat.chat.roles import Role, RoomRole
from trio_chat.chat.rooms import Direct, Member, Room, RoomRecord
from trio_chat.chat.sanctions import Defcon, Sanctions
from trio_chat.commands.operations import Operations
from trio_chat.config import Config
from trio_chat.errors import NotPermitted, UnknownCommand, UsageError
from trio_chat.events import CommandInfo
from trio_chat.requests import Invocation
from trio_chat.store.api import Store, Write

# Two letters swapped in a word of three are this alike; what is less alike was not meant.
_LIKENESS = 0.65


class Host(Protocol):
    """What a handler asks of the session it runs for."""

    async def join(self, name: str, key: str = "") -> None:
        """Take the member into the room, made if there is none; its backlog is shown.

        Raises:
            Banned, NotPermitted, RoomFull: the room's rules.
        """

    def leave(self, room: Room, reason: str) -> None: ...

    def rename(self, nick: str) -> None: ...

    def direct(self, nick: str) -> Direct:
        """The conversation with the member called *nick*."""

    def remember(self) -> None:
        """What the member takes along to a resumed session has changed: keep it."""

    def quit(self, reason: str) -> None:
        """End the session once its answers are out."""

    async def check_password(self, name: str, password: str) -> Account:
        """The account that the password opens.

        Raises:
            LoginFailed, TooFast.
        """

    async def hash(self, password: str) -> str: ...

    def guess(self) -> None:
        """Count a guess at the owner code. Raises TooFast."""

    async def become(self, account: Account | None) -> None:
        """The session speaks for the account from now on, or for a guest."""

    @property
    def member(self) -> Member:
        """Who speaks here now."""

    def check_still(self, member: Member) -> None:
        """After a wait: whether it is still this member. Raises Unavailable."""

    def notice(self, text: str) -> None:
        """Show a line in this session alone, which is stored nowhere."""

    def sessions(self) -> list[SessionRow]:
        """The sessions of the member's account that live, or can be resumed."""

    def end_session(self, id: str) -> bool:
        """End one of them; False: there is none like that."""

    def end_others(self) -> None:
        """End the other sessions of the member's account."""

    def end_token(self, id: str) -> None:
        """End the sessions that this token opened."""

    async def show(self, data: Any, text: str) -> None:
        """Show a part of an answer that is too long for one `result`."""


class Server(Protocol):
    """What a handler asks of the server as a whole.

    Attributes:
        defcon: how far the server is shut.
        owner_code: makes an account the owner; empty once somebody is.
    """

    @property
    def accounts(self) -> Accounts: ...

    @property
    def sanctions(self) -> Sanctions: ...

    @property
    def operations(self) -> Operations: ...

    defcon: Defcon
    motd: str
    owner_code: str

    def present(self, account: Account) -> Member | None:
        """The account's member, if it is in the chat."""

    def tell(self, member: Member, text: str) -> None:
        """Show the member a notice, on all its devices."""

    def announce(self, text: str) -> None:
        """Show everybody a notice of the server."""

    def refresh(self, member: Member) -> None:
        """Who the member is, or what it may do, has changed: say `welcome` again."""

    def show_settings(self, member: Member) -> None:
        """Show the member's devices what it wants to be told of."""

    def expel(self, room: Room, member: Member) -> None:
        """The member is put out of the room, which has been shown why."""

    def dismiss(self, member: Member, reason: str, retry_after: float | None = None) -> None:
        """Put the member off the server, with all its devices."""

    def close_room(self, room: Room, record: RoomRecord) -> None:
        """Everybody leaves the room, which is as *record* says from now on."""


class SessionRow(NamedTuple):
    """One session of an account. *linked*: its link is up."""

    id: str
    client: str
    address: str
    since_ms: int
    linked: bool
    own: bool


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler gets to work with.

    Attributes:
        place: where the line was typed, if anywhere; or the room named before the arguments.
        role: the member's, or less when a token opened the session.
        moderates: False when that token does not allow it; then a role in a room counts for
            nothing either.
    """

    table: CommandTable
    directory: Directory
    store: Store
    config: Config
    host: Host
    server: Server
    member: Member
    role: Role
    place: Room | Direct | None
    now_ms: int
    started_ms: int
    version: str
    moderates: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command: something to read (*text*, and *data*, the same for programs),
    something to store, or neither. *more* is stored after *write*."""

    text: str | None = None
    data: Any = None
    write: Write | None = None
    more: tuple[Write, ...] = ()


Handler: TypeAlias = Callable[[Context, tuple[str, ...]], Awaitable[Outcome]]


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
        free: every token opens it.
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

    def _hint(self, name: str) -> str:
        if "/" in name:  # a path
            return "; // at its start says a slash"
        close = get_close_matches(name.lower(), self._by_name, n=1, cutoff=_LIKENESS)
        return f"; did you mean /{close[0]}?" if close else "; /help lists them"

    def guard(
        self, invocation: Invocation, role: Role, room_role: RoomRole = RoomRole.PLAIN
    ) -> tuple[Command, tuple[str, ...]]:
        """Return the command and its arguments, if somebody of these roles may use it so.

        Raises:
            UnknownCommand, NotPermitted, UsageError.
        """
        command = self.find(invocation.name)
        in_room = command.room_role is not None and room_role >= command.room_role
        if role < command.role and not in_room:
            text = f"/{command.name} needs the role {command.needs}"
            raise NotPermitted(text, command=command.name)
        return command, command.split(invocation.rest)

    def for_role(self, role: Role) -> list[Command]:
        """What somebody of this role may use, by name: here, or in a room of its own."""
        allowed = {
            command.name: command
            for command in self._by_name.values()
            if role >= command.role or (command.room_role is not None and role >= Role.MEMBER)
        }
        return [allowed[name] for name in sorted(allowed)]

    def infos(self, role: Role) -> tuple[CommandInfo, ...]:
        """The same for a client; made once, since every hello asks."""
        if role not in self._infos:
            self._infos[role] = tuple(command.info() for command in self.for_role(role))
        return self._infos[role]
