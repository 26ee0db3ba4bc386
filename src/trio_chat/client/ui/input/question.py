"""Questions in place of the input line, one of them for passwords without echo.

It knows no keys and no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from trio_chat.client.state.passwords import filled, wanted
from trio_chat.requests import Invocation, parse_slash

# Its words, and what is called for it.
Answer: TypeAlias = tuple[str, Callable[[], None]]


class Question:
    """A question that one key answers.

    *answers*: the key -> the words of the answer, and what is called for it.
    """

    def __init__(self, text: str, answers: Mapping[str, Answer]) -> None:
        self._answers = answers
        choices = " · ".join(f"[{key}] {says}" for key, (says, _) in answers.items())
        self.text = f" {text} — {choices}"

    def answer(self, key: str) -> bool:
        """Return whether *key* is one of the answers."""
        if key not in self._answers:
            return False
        self._answers[key][1]()
        return True


class Secret:
    """Asks for the passwords that *text*, a command, lacks. Nothing of them is kept.

    Attributes:
        label: what is asked for now.
        error: why it is asked for again; empty: it is not.
    """

    def __init__(self, text: str, nick: str) -> None:
        self._text = text
        self._nick = nick
        self._labels = wanted(text)
        self._given: list[str] = []
        self.error = ""

    @property
    def label(self) -> str:
        parsed = parse_slash(self._text)
        name = ""
        if isinstance(parsed, Invocation):
            name = f"/{parsed.name} {parsed.rest}".rstrip()
        return f"{self.error}{name}: {self._labels[len(self._given)]} "

    def give(self, text: str) -> str | None:
        """Take the next answer; return the whole command once it is complete."""
        self.error = ""
        if not text:
            return None
        label = self._labels[len(self._given)]
        if label.startswith("old ") and " " in text:
            self.error = "it has no blanks; "
            return None
        if label.endswith(" again") and text != self._given[-1]:
            self._given.pop()
            self.error = "they differ, once more; "
            return None
        self._given.append(text)
        if len(self._given) < len(self._labels):
            return None
        return filled(self._text, self._given, self._nick)
