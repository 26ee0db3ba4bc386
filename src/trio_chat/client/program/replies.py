"""The answers that a program waits for, found in what the server says. It sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from trio_chat.client.state.model import Model
from trio_chat.errors import ChatError
from trio_chat.events import Backlog, Done, Error, Event, Result, Said
from trio_chat.text import fold

_ERRORS = {kind.code: kind for kind in ChatError.__subclasses__()}


@dataclass(slots=True, eq=False)
class InputReply:
    """The answer to a line. *where*: room and seq, if it was stored."""

    arrived: trio.Event = field(default_factory=trio.Event)
    result: Result | None = None
    where: tuple[str, int] | None = None
    error: ChatError | None = None


@dataclass(slots=True, eq=False)
class PageReply:
    """The answer to a request for history. Neither *backlog* nor *error*: the link broke."""

    room: str
    arrived: trio.Event = field(default_factory=trio.Event)
    backlog: Backlog | None = None
    error: Error | None = None


class Replies:
    """Matches what the server says with the requests of the program.

    Attributes:
        inputs, pages: the answers that are waited for, by the id of the request.
    """

    def __init__(self, model: Model) -> None:
        self.inputs: dict[str, InputReply] = {}
        self.pages: dict[str, PageReply] = {}
        self._model = model
        # A backlog does not say whose it is: from one on that may be a page's, all is held until
        # the next `done` tells, so that the order stays.
        self._held: list[Event] = []

    def __len__(self) -> int:
        return len(self.inputs) + len(self.pages)

    def sift(self, events: Sequence[Event]) -> list[Event]:
        """Return *events* without the pages that were asked for here."""
        passed: list[Event] = []
        for event in events:
            if isinstance(event, Done | Error) and event.id in self.pages:
                passed += self._release(self.pages[event.id], event)
            elif self._held or (isinstance(event, Backlog) and self._is_asked(event.room)):
                self._held.append(event)
                if isinstance(event, Done | Error):
                    passed += self._take_held()
            else:
                passed.append(event)
        for event in passed:
            self._note(event)
        return passed

    def shown(self, events: Sequence[Event]) -> None:
        """Take note of what the model shows: refusals that are final, and lines of ours."""
        for event in events:
            if isinstance(event, Error) and event.id in self.inputs:
                self.inputs[event.id].error = chat_error(event)
                self.inputs[event.id].arrived.set()
            elif isinstance(event, Said):
                self._recognise(event)

    def link_lost(self) -> None:
        self._held.clear()
        for page in self.pages.values():
            page.arrived.set()

    def _is_asked(self, room: str) -> bool:
        return any(fold(page.room) == fold(room) for page in self.pages.values())

    def _take_held(self) -> list[Event]:
        held, self._held = self._held, []
        return held

    def _release(self, page: PageReply, end: Done | Error) -> list[Event]:
        """Give *page* the last backlog that is held, as *end* answers it; return the other
        events."""
        if isinstance(end, Error):
            page.error = end
        held = self._take_held()
        for event in reversed(held):
            if isinstance(event, Backlog) and fold(event.room) == fold(page.room):
                page.backlog = event
                break
        page.arrived.set()
        return [event for event in held if event is not page.backlog]

    def _note(self, event: Event) -> None:
        if isinstance(event, Result) and event.id in self.inputs:
            self.inputs[event.id].result = event
        elif isinstance(event, Done) and event.id in self.inputs:
            answer = self.inputs[event.id]
            if event.room is not None and event.seq is not None:
                answer.where = (event.room, event.seq)
            answer.arrived.set()

    def _recognise(self, event: Said) -> None:
        """Answer a line by its event in the history: its `done` got lost with its session."""
        for id, answer in self.inputs.items():
            if not answer.arrived.is_set() and self._model.outgoing.get(id) is None:
                answer.where = (event.room, event.seq)
                answer.arrived.set()
                return


def chat_error(error: Error) -> ChatError:
    """Return the exception for what the server refused: by its code, else `ChatError` itself."""
    kind = _ERRORS.get(error.code)
    if kind is None:
        return ChatError(f"{error.message} ({error.code})", retry_after=error.retry_after)
    exc = kind(error.message)
    exc.retry_after = error.retry_after
    return exc
