"""Commands for a bot: a usage line and a function make one. It stands beside the core; the loop
over `Chat.events` stays the plain way.

    bot = Bot("!")

    @bot.command("roll [sides]")
    def roll(call: Call, sides: int = 6) -> str:
        "Roll a die."
        return f"{random.randint(1, sides)}"

    async with open_chat("127.0.0.1:7373", nick="dice") as chat:
        await bot.run(chat)
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from trio_chat.client.program.chat import Chat
from trio_chat.client.program.signature import Argument, BadArgument, Signature
from trio_chat.errors import ChatError, TrioChatError
from trio_chat.events import Event, Said

Reply: TypeAlias = str | None
Handler: TypeAlias = Callable[..., Reply | Awaitable[Reply]]

log = logging.getLogger("trio_chat.bot")

_HELP = "help"


class CommandFailed(TrioChatError):
    """A command cannot be carried out; whoever asked is told the message."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command: by whom and where. *event*: the line that holds it."""

    chat: Chat
    event: Said

    @property
    def sender(self) -> str:
        """The nick of whoever asked."""
        return self.event.sender

    @property
    def room(self) -> str:
        """The room it was asked in; `@nick` in a conversation."""
        return self.event.room

    async def reply(self, text: str) -> None:
        """Say *text* where it was asked. A refusal, to a bot that is muted say, is logged."""
        await self._say(self.room, text)

    async def reply_in_private(self, text: str) -> None:
        """Say *text* to whoever asked, and to nobody else."""
        await self._say(f"@{self.sender}", text)

    async def _say(self, room: str, text: str) -> None:
        try:
            await self.chat.say(room, text)
        except ChatError as exc:
            log.warning("%s: the answer was refused: %s", room, exc)


@dataclass(frozen=True, slots=True)
class BotCommand:
    """A command: usage, help and the check of its arguments come from this record."""

    name: str
    signature: Signature
    help: str
    handler: Handler

    def usage(self, prefix: str) -> str:
        """Return the line as people write it: `!roll [sides]`."""
        return f"{prefix}{self.name} {self.signature}".rstrip()


class Bot:
    """The commands of a bot. In a room a command begins with *prefix*; in a conversation it may
    begin so, or with a slash.

    `help` is there from the beginning. Its answer is a direct message: it is long, and nobody else
    asked for it.
    """

    def __init__(self, prefix: str = "!") -> None:
        if not prefix or prefix.startswith("/"):
            raise ValueError(f"{prefix!r} is no prefix: the server takes what begins with a slash")
        self.prefix = prefix
        self._commands: dict[str, BotCommand] = {}
        self._add(BotCommand(_HELP, Signature((Argument("command", str, False),)), "", self._help))

    def command(self, usage: str) -> Callable[[Handler], Handler]:
        """Add the decorated function as a command.

        The function, async or not, gets a `Call` and then what *usage* names: `<needed>` or
        `[optional]`, each with the type of the parameter of that name: `str`, `int` or `float`. A
        `str` at the end is the rest of the line. The text that it returns is the answer. Its
        docstring is the help.

        Raises:
            TypeError: *usage* and the function do not fit together.
            ValueError: there is such a command.
        """
        name, _, arguments = usage.partition(" ")

        def add(handler: Handler) -> Handler:
            signature = Signature.of(arguments, handler)
            self._add(BotCommand(name, signature, _first_line(handler), handler))
            return handler

        return add

    async def run(self, chat: Chat) -> None:
        """Answer every command, one after the other, until the chat ends."""
        with chat.events() as events:
            async for event in events:
                await self.take(chat, event)

    async def take(self, chat: Chat, event: Event | object) -> bool:
        """Answer *event*, if it is a command to this bot; return whether it is. Notices are none:
        two bots that answered each other would never end."""
        if not isinstance(event, Said) or event.kind == "notice" or chat.is_own(event):
            return False
        words = self._addressed(event)
        if words is None:
            return False
        name, _, rest = words.partition(" ")
        await self._answer(Call(chat, event), name.lower(), rest.strip())
        return True

    def _addressed(self, event: Said) -> str | None:
        """Return what is said to the bot, without the prefix; None: it is not meant."""
        text = event.text
        if text.startswith(self.prefix):
            return text.removeprefix(self.prefix)
        if not event.room.startswith("@"):
            return None
        if text.startswith("/"):  # typed `//help`
            return text.removeprefix("/")
        # Anything else is talk: a bot that answered it would talk with other bots for ever.
        return text if text.partition(" ")[0].lower() in self._commands else None

    async def _answer(self, call: Call, name: str, rest: str) -> None:
        command = self._commands.get(name)
        if command is None:
            if call.room.startswith("@"):  # in a room it may be meant for another bot
                await call.reply(f"there is no command {name}; {self.prefix}{_HELP} lists them")
            return
        try:
            answer = command.handler(call, **command.signature.parse(rest))
            if inspect.isawaitable(answer):
                answer = await answer
        except BadArgument as exc:
            await call.reply(f"{exc}usage: {command.usage(self.prefix)}")
        except (CommandFailed, ChatError) as exc:
            await call.reply(str(exc))
        else:
            if answer is not None:
                await call.reply(answer)

    async def _help(self, call: Call, command: str = "") -> None:
        name = command.removeprefix(self.prefix).lower()
        known = [one for one in self._commands.values() if one.name != _HELP]
        lines = [self._line(one) for one in known if not name or one.name == name]
        await call.reply_in_private("\n".join(lines) or f"there is no command {name}")

    def _line(self, command: BotCommand) -> str:
        return f"{command.usage(self.prefix)}: {command.help}".removesuffix(": ")

    def _add(self, command: BotCommand) -> None:
        if not command.name or command.name.lower() in self._commands:
            raise ValueError(f"{command.name!r}: a command has a name, and each has another one")
        self._commands[command.name.lower()] = command


def _first_line(handler: Handler) -> str:
    return (handler.__doc__ or "").strip().partition("\n")[0]
