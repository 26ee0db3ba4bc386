"""The arguments of a bot's command, from its usage line and its function. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from trio_chat.errors import TrioChatError

_KINDS: dict[type, str] = {str: "text", int: "a whole number", float: "a number"}
_SPELLING = re.compile(r"<(\w+)>|\[(\w+)\]")
# As people write numbers: no `nan`, no `1_000`, and no more digits than anybody means.
_NUMBER = {
    int: re.compile(r"[-+]?[0-9]{1,18}"),
    float: re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?"),
}


class BadArgument(TrioChatError):
    """What was typed does not fit; the message is a sentence that the usage follows, or empty."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its name in the usage line, its type, and whether it may be left out."""

    name: str
    kind: type
    is_needed: bool

    def __str__(self) -> str:
        return f"<{self.name}>" if self.is_needed else f"[{self.name}]"

    def parse(self, text: str) -> Any:
        """Return *text* as the type. Raises BadArgument."""
        if self.kind is not str and not _NUMBER[self.kind].fullmatch(text):
            raise BadArgument(f"{self.name} is {_KINDS[self.kind]}, not {text!r}; ")
        return self.kind(text)


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a command, in their order; those that may be left out come last."""

    arguments: tuple[Argument, ...]

    @classmethod
    def of(cls, usage: str, function: Callable[..., Any]) -> Signature:
        """Read the *usage* of a command, `<needed> [optional]`, whose *function* has a parameter
        for each of them, behind its first one.

        Raises:
            TypeError: they do not fit together.
        """
        _, *parameters = inspect.signature(function).parameters.values()
        hints = get_type_hints(function)
        found = [_SPELLING.fullmatch(word) for word in usage.split()]
        names = [match[1] or match[2] for match in found if match]
        if not all(found) or names != [parameter.name for parameter in parameters]:
            takes = ", ".join(parameter.name for parameter in parameters)
            raise TypeError(f"the usage {usage!r} does not name what the function takes: {takes}")
        arguments = []
        for parameter in parameters:
            kind = hints.get(parameter.name, str)
            if kind not in _KINDS:
                raise TypeError(f"{parameter.name}: an argument is str, int or float, not {kind}")
            arguments.append(
                Argument(parameter.name, kind, parameter.default is inspect.Parameter.empty)
            )
        if usage.split() != [str(argument) for argument in arguments]:
            raise TypeError(f"{usage!r}: <needed> has no default in the function, [optional] has")
        return cls(tuple(arguments))

    def __str__(self) -> str:
        return " ".join(map(str, self.arguments))

    def parse(self, rest: str) -> dict[str, Any]:
        """Return the arguments by their names, out of the *rest* of a line.

        Raises:
            BadArgument: one is missing, is of another type, or is too much.
        """
        values: dict[str, Any] = {}
        for argument in self.arguments:
            is_rest = argument is self.arguments[-1] and argument.kind is str
            word, rest = (rest, "") if is_rest else _cut(rest)
            if word:
                values[argument.name] = argument.parse(word)
            elif argument.is_needed:
                raise BadArgument("")
        if rest:
            raise BadArgument("")
        return values


def _cut(text: str) -> tuple[str, str]:
    """Return the first word of *text*, and what follows it."""
    word, *rest = text.split(maxsplit=1) or [""]
    return word, "".join(rest)
