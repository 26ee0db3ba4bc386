"""Questions in place of the input line: what to do with a long paste, and passwords without echo.

It knows no keys and no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trio_chat.client.state.passwords import filled, wanted
from trio_chat.requests import Invocation, parse_slash


class Question:
    """A question that one key answers.

    *answers*: the key -> the words of the answer, and what is called for it.
    """

    def __init__(self, text: str, answers: Mapping[str, tuple[str, Callable[[], None]]]) -> None:
        self._answers = answers
        choices = " · ".join(f"[{key}] {says}" for key, (says, _) in answers.items())
        self.text = f" {text} — {choices}"

    def answer(self, key: str) -> bool:
        """Return whether *key* is one of the answers."""
        if key not in self._answers:
            return False
        self._answers[key][1]()
        return True


class PasteGuard:
    """Decides which pastes are asked about, and what the question says.

    Args:
        ask_lines, ask_characters: a paste with more is asked about.
        most_bytes: a paste with more is a mistake.
    """

    def __init__(self, ask_lines: int, ask_characters: int, most_bytes: int) -> None:
        self._ask_lines = ask_lines
        self._ask_characters = ask_characters
        self._most_bytes = most_bytes

    def is_long(self, text: str) -> bool:
        return text.count("\n") >= self._ask_lines or len(text) > self._ask_characters

    def is_too_long(self, text: str) -> bool:
        return len(text.encode("utf-8", "replace")) > self._most_bytes

    def describe(self, text: str, limits: Mapping[str, float]) -> str:
        """Return how much it is, and whether the server takes it as one message."""
        lines, size = text.count("\n") + 1, len(text.encode("utf-8", "replace"))
        much = f"{lines} lines, {len(text)} characters"
        if lines > limits.get("text_lines", lines):
            return f"{much}; one message has at most {limits['text_lines']:.0f} lines"
        if size > limits.get("text_bytes", size):
            return f"{much}; one message has at most {limits['text_bytes']:.0f} bytes"
        return much


def separate(text: str) -> list[str]:
    """Return the lines of a paste to be said one by one; none of them is taken for a command."""
    lines = [line for line in text.split("\n") if line.strip()]
    return [f"/{line}" if line.startswith("/") else line for line in lines]


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
