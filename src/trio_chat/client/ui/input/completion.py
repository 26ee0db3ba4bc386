"""Completions for Tab and the menu: the server's commands, nicks, rooms, emoji. It knows no
layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from trio_chat.client.state.model import Model
from trio_chat.client.state.room.line import shown_room
from trio_chat.client.ui.input.emoji import EMOJI
from trio_chat.events import CommandInfo
from trio_chat.requests import Invocation, parse_slash
from trio_chat.text import fold

OFFERED = 100
LINE_CHARACTERS = 50
# Shorter beginnings are smileys.
EMOJI_CHARACTERS = 2


class ChatCompleter(Completer):
    """Completes `/command` at the start and the arguments that its usage asks for; `@nick`, `#room`
    and `:emoji` anywhere; a nick without `@` only for Tab."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        word = re.split(r"\s", before)[-1]
        is_first = word == before
        if is_first and word.startswith("/") and not word.startswith("//"):
            yield from self._commands(word)
        elif word.startswith("#"):
            yield from self._rooms(word)
        elif word.startswith("@"):
            yield from self._nicks(word[1:], "@", "")
        elif word.startswith(":") and len(word) > EMOJI_CHARACTERS:
            yield from _emoji(word)
        elif (command := self.command(before)) is not None and not is_first:
            yield from self._argument(command, before, word, event.completion_requested)
        elif word and event.completion_requested:
            yield from self._nicks(word, "", ": " if is_first else " ")

    def command(self, text: str) -> CommandInfo | None:
        """Return the command that *text* begins with, once its name is complete."""
        parsed = parse_slash(text)
        if not isinstance(parsed, Invocation) or " " not in text:
            return None
        return self._model.commands.find(parsed.name)

    def last_to_mend(self) -> str:
        """Return the command that edits what this person said last; empty: nothing is here."""
        last = next(self._lines("", is_edit=True), None)
        return f"/edit {last.text}" if last is not None else ""

    def hint(self, text: str) -> str:
        """Return how the command in *text* is used; empty: there is none."""
        command = self.command(text)
        return f" {command.usage} — {command.help} " if command is not None else ""

    def _commands(self, word: str) -> Iterator[Completion]:
        start = word[1:].lower()
        for command in self._model.commands:
            names = (command.name, *command.aliases)
            name = next((name for name in names if name.startswith(start)), None)
            if name is not None and (start or name == command.name):
                also = f"  (/{name})" if name != command.name else ""
                yield Completion(
                    f"/{name} ",
                    start_position=-len(word),
                    display=f"{command.usage}{also}",
                    display_meta=command.help,
                )

    def _argument(
        self, command: CommandInfo, before: str, word: str, is_requested: bool
    ) -> Iterator[Completion]:
        """Offer what stands in the usage where the cursor is."""
        for expected in _expected(command.usage, len(before.split(" ")) - 2):
            choices = [choice for choice in expected.split("/")[:8] if choice.islower()]
            for choice in choices if "/" in expected else ():
                if choice.startswith(word):
                    yield Completion(f"{choice} ", start_position=-len(word))
            if not is_requested or choices:
                continue
            if expected == "SEQ":
                yield from self._lines(word, is_edit=command.name == "edit")
            elif "ROOM" in expected:
                yield from self._rooms(word)
            elif word or expected in ("NICK", "TARGET"):
                yield from self._nicks(word, "", " ")

    def _lines(self, word: str, *, is_edit: bool) -> Iterator[Completion]:
        """Offer lines by their seq, the newest first: one's own, with the text to mend."""
        room = self._model.rooms.current
        lines = (line for line in reversed(room.lines) if line.seq) if room else iter(())
        for line in islice((li for li in lines if li.is_own or not is_edit), OFFERED):
            seq = str(line.seq)
            if line.look == "message" and line.fate != "deleted" and seq.startswith(word):
                text = f"{seq} {line.text}" if is_edit else f"{seq} "
                shown = " ".join(line.text.split())[:LINE_CHARACTERS]
                yield Completion(
                    text,
                    start_position=-len(word),
                    display=f"{seq} {shown}",
                    display_meta="" if is_edit else line.nick,
                )

    def _rooms(self, word: str) -> Iterator[Completion]:
        start = fold(word.removeprefix("#"))
        for room in self._model.rooms.open_rooms:
            if not room.is_direct and fold(room.name).startswith(start):
                name = shown_room(room.name)
                yield Completion(name, start_position=-len(word), display_meta=room.topic)

    def _nicks(self, start: str, before: str, after: str) -> Iterator[Completion]:
        room = self._model.rooms.current
        found = 0
        for nick in room.nicks() if room else ():
            if fold(nick).startswith(fold(start)) and fold(nick) != fold(self._model.rooms.nick):
                yield Completion(
                    f"{before}{nick}{after}",
                    start_position=-len(before + start),
                    display=f"{before}{nick}",
                )
                found += 1
                if found == OFFERED:
                    return


def _emoji(word: str) -> Iterator[Completion]:
    """Yield the emoji whose names begin like *word*, then those whose names have it inside."""
    start = word[1:].rstrip(":").lower()
    names = [name for name in EMOJI if name.startswith(start)]
    names += [name for name in EMOJI if start in name and name not in names]
    for name in names[:OFFERED]:
        yield Completion(EMOJI[name], start_position=-len(word), display=f"{EMOJI[name]} :{name}:")


def _expected(usage: str, index: int) -> list[str]:
    """Return the words of *usage* that the argument with this *index* may stand for: more than one
    where a word may be left out."""
    words = usage.split()[1:]
    found: list[str] = []
    for word in words[index:]:
        found.append(word.strip("[]"))
        if not word.startswith("["):
            break
    return found
