"""The commands that the server offers, as it listed them in its welcome. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trio_chat.client.state.room.line import safe_line, safe_name
from trio_chat.events import CommandInfo
from trio_chat.requests import Invocation, parse_slash

# A hostile server cannot make the client remember more than this.
COMMANDS = 500
ALIASES = 8


class Catalogue:
    """The server's commands: an iterable, in the server's order."""

    def __init__(self) -> None:
        self._commands: tuple[CommandInfo, ...] = ()

    def __iter__(self) -> Iterator[CommandInfo]:
        return iter(self._commands)

    def learn(self, commands: Sequence[CommandInfo]) -> None:
        """Take *commands* in place of those known before."""
        self._commands = tuple(map(_safe, commands[:COMMANDS]))

    def find(self, name: str) -> CommandInfo | None:
        """Return the command with this name or alias, in any case."""
        wanted = name.lower()
        found = (c for c in self._commands if wanted == c.name or wanted in c.aliases)
        return next(found, None)

    def parse(self, text: str) -> tuple[str, str]:
        """Return the name of the command in *text* and the rest of the text: the name itself where
        an alias was typed; two empty strings where *text* is no command."""
        parsed = parse_slash(text)
        if not isinstance(parsed, Invocation):
            return "", ""
        command = self.find(parsed.name)
        return command.name if command else parsed.name.lower(), parsed.rest


def _safe(command: CommandInfo) -> CommandInfo:
    return CommandInfo(
        name=safe_name(command.name),
        aliases=tuple(map(safe_name, command.aliases[:ALIASES])),
        usage=safe_line(command.usage),
        help=safe_line(command.help),
        role=safe_name(command.role),
    )
