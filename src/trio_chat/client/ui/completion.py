"""What Tab and the menu offer: the server's commands, nicks, rooms. It knows no layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from trio_chat.client.lines import shown_room
from trio_chat.client.model import Model
from trio_chat.text import fold

OFFERED = 100


class ChatCompleter(Completer):
    """`/command` at the start, `@nick` and `#room` anywhere; a bare nick only for Tab."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        before = document.text_before_cursor
        word = before.rsplit(None, 1)[-1] if before and not before[-1].isspace() else ""
        is_first = word == before
        if is_first and word.startswith("/") and not word.startswith("//"):
            yield from self._commands(word)
        elif word.startswith("#"):
            yield from self._rooms(word)
        elif word.startswith("@"):
            yield from self._nicks(word[1:], "@", "")
        elif word and event.completion_requested:
            yield from self._nicks(word, "", ": " if is_first else " ")

    def _commands(self, word: str) -> Iterator[Completion]:
        for command in self._model.commands:
            if command.name.startswith(word[1:].lower()):
                yield Completion(
                    f"/{command.name} ",
                    start_position=-len(word),
                    display=command.usage,
                    display_meta=command.help,
                )

    def _rooms(self, word: str) -> Iterator[Completion]:
        for room in tuple(self._model.house.rooms.values()):
            name = shown_room(room.name)
            if not room.is_direct and fold(name).startswith(fold(word)):
                yield Completion(name, start_position=-len(word), display_meta=room.topic)

    def _nicks(self, start: str, before: str, after: str) -> Iterator[Completion]:
        room = self._model.house.current
        found = 0
        for nick in room.nicks() if room else ():
            if fold(nick).startswith(fold(start)) and fold(nick) != fold(self._model.house.nick):
                yield Completion(
                    f"{before}{nick}{after}",
                    start_position=-len(before + start),
                    display=f"{before}{nick}",
                )
                found += 1
                if found == OFFERED:
                    return
