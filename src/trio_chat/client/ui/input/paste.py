"""Pastes: told from typing, and asked about. It knows no rooms and no connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial

from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys as Key

from trio_chat.client.ui.input.question import Answer, Question

_LINE_ENDS = (Key.ControlM, Key.ControlJ)
# A paste with more is asked about, even if it has one line.
PASTE_CHARACTERS = 2000
# Nobody presses Enter so often within one read.
PASTED_LINE_ENDS = 2


class UnmarkedPaste(KeyPress):
    """A paste that the terminal did not mark, so that it may be typing that came late: it is always
    asked about."""

    def __init__(self, text: str) -> None:
        super().__init__(Key.BracketedPaste, text)


class PasteInput(Input):
    """A terminal's input that makes a paste of several lines one key, also where the terminal does
    not mark pastes by itself. What follows at once belongs to the paste."""

    def __init__(self, inner: Input) -> None:
        self._inner = inner
        self._pasted: list[KeyPress] = []

    def read_keys(self) -> list[KeyPress]:
        keys = self._inner.read_keys()
        if not self._pasted and _line_ends(keys) < PASTED_LINE_ENDS:
            return keys
        self._pasted += keys
        return []

    def flush_keys(self) -> list[KeyPress]:
        """Return what waits; it is called when nothing has come for a moment."""
        pasted, self._pasted = self._pasted, []
        return [*_as_pastes(pasted), *self._inner.flush_keys()]

    # --- the rest is the terminal's

    def fileno(self) -> int:
        return self._inner.fileno()

    def typeahead_hash(self) -> str:
        return self._inner.typeahead_hash()

    def flush(self) -> None:
        self._inner.flush()

    @property
    def closed(self) -> bool:
        return self._inner.closed

    def raw_mode(self) -> AbstractContextManager[None]:
        return self._inner.raw_mode()

    def cooked_mode(self) -> AbstractContextManager[None]:
        return self._inner.cooked_mode()

    def attach(self, input_ready_callback: Callable[[], None]) -> AbstractContextManager[None]:
        return self._inner.attach(input_ready_callback)

    def detach(self) -> AbstractContextManager[None]:
        return self._inner.detach()

    def close(self) -> None:
        self._inner.close()


def _line_ends(keys: list[KeyPress]) -> int:
    """Return how often Enter is among *keys*, but for Alt-Enter."""
    before = [None, *(press.key for press in keys)]
    return sum(
        press.key in _LINE_ENDS and last != Key.Escape
        for last, press in zip(before, keys, strict=False)
    )


def _as_pastes(keys: list[KeyPress]) -> list[KeyPress]:
    """Return *keys* with each run of text in them as one paste."""
    found: list[KeyPress] = []
    text = ""
    for press in keys:
        if isinstance(press.key, Key) and press.key not in (*_LINE_ENDS, Key.ControlI):
            found += _paste(text)
            found.append(press)
            text = ""
        else:
            text += press.data
    return [*found, *_paste(text)]


def _paste(text: str) -> list[KeyPress]:
    return [UnmarkedPaste(text)] if text else []


def cleaned(text: str) -> str:
    """Return a pasted *text* with line ends as messages have them; one at its end is no part of
    it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


class PasteGuard:
    """Decides which pastes are asked about, and asks.

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

    def question(
        self,
        text: str,
        limits: Mapping[str, float],
        on_insert: Callable[[str], None],
        on_say: Callable[[str], None],
        *,
        is_marked: bool,
    ) -> Question | None:
        """Return what is to be asked about *text*; None: it may be inserted. *is_marked*: it is
        sure that it was pasted.

        *on_insert* and *on_say* take *text* as the person answers: as one message, still to be
        edited, or as several that are said at once.
        """
        forget: Answer = ("forget it", lambda: None)
        if self.is_too_long(text):
            return Question(f"{self.describe(text, {})}: too much", {"n": forget})
        if is_marked and not self.is_long(text):
            return None
        answers: dict[str, Answer] = {
            "o": ("one message, to edit", partial(on_insert, text)),
            "s": ("several, sent now", partial(on_say, text)),
            "n": forget,
        }
        return Question(self.describe(text, limits), answers)

    def describe(self, text: str, limits: Mapping[str, float]) -> str:
        """Return how much it is, and whether the server takes it as one message."""
        lines, size = text.count("\n") + 1, len(text.encode("utf-8", "replace"))
        much = f"{_counted(lines, 'line')}, {_counted(len(text), 'character')}"
        if lines > limits.get("text_lines", lines):
            most = _counted(int(limits["text_lines"]), "line")
            return f"{much}; one message has at most {most}"
        if size > limits.get("text_bytes", size):
            most = _counted(int(limits["text_bytes"]), "byte")
            return f"{much}; one message has at most {most}"
        return much


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def separate(text: str) -> list[str]:
    """Return the lines of a paste to be said one by one; none of them is taken for a command."""
    lines = [line for line in text.split("\n") if line.strip()]
    return [f"/{line}" if line.startswith("/") else line for line in lines]
