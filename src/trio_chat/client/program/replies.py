"""The answers that a program waits for, found in what the server says. It sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from trio_chat.client.state.model import Model
from trio_chat.errors import ChatError, TrioChatError
from trio_chat.events import Backlog, Done, Error, Event, Gap, Result, Said
from trio_chat.text import fold

_ERRORS = {kind.code: kind for kind in ChatError.__subclasses__()}


@dataclass(slots=True, eq=False)
class InputReply:
    """The answer to a line. *where*: room and seq, if it was stored. *waiting*: how many tasks
    wait for it."""

    arrived: trio.Event = field(default_factory=trio.Event)
    results: list[Result] = field(default_factory=list)
    where: tuple[str, int] | None = None
    error: TrioChatError | None = None
    waiting: int = 0


@dataclass(slots=True, eq=False)
class PageReply:
    """The answer to a request for history. Neither *backlog* nor *error*: the link broke.
    *gaps*: what is missing in it."""

    room: str
    arrived: trio.Event = field(default_factory=trio.Event)
    backlog: Backlog | None = None
    gaps: list[Gap] = field(default_factory=list)
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
        # A backlog does not say whose it is: one that may be a page's, and the gaps before it, are
        # held until a `done` tells, so that the order stays.
        self._held: list[Event] = []

    def __len__(self) -> int:
        return len(self.inputs) + len(self.pages)

    def sift(self, events: Sequence[Event]) -> list[Event]:
        """Return *events* without the pages that were asked for here."""
        passed: list[Event] = []
        for event in events:
            if isinstance(event, Done | Error) and event.id in self.pages:
                passed += self._release(self.pages[event.id], event)
                continue
            if not self._is_held_on(event):
                passed += self._take_held()
            if self._held or (isinstance(event, Backlog | Gap) and self._is_asked(event.room)):
                self._held.append(event)
            else:
                passed.append(event)
            if isinstance(event, Done | Error):
                passed += self._take_held()
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
        """Forget what has come of answers that are not complete: they are given again."""
        self._held.clear()
        for answer in self.inputs.values():
            if not answer.arrived.is_set():
                answer.results.clear()
        for page in self.pages.values():
            page.arrived.set()

    def end(self, error: TrioChatError) -> None:
        """Answer all that is waited for by *error*: there is no server any more."""
        for answer in self.inputs.values():
            answer.error = answer.error or error
            answer.arrived.set()
        self.link_lost()

    def _is_held_on(self, event: Event) -> bool:
        """Return whether what is held may still be of a page when *event* follows: gaps are, if
        their backlog does."""
        if not self._held or any(isinstance(held, Backlog) for held in self._held):
            return True
        return isinstance(event, Gap | Backlog) and event.room == self._room_held()

    def _room_held(self) -> str:
        first = self._held[0]
        return first.room if isinstance(first, Gap) else ""

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
        others = self._take_held()
        while others and page.backlog is None:
            event = others.pop()
            if isinstance(event, Backlog) and fold(event.room) == fold(page.room):
                page.backlog = event
        while page.backlog is not None and others and isinstance(gap := others[-1], Gap):
            page.gaps.insert(0, gap)
            others.pop()
        page.arrived.set()
        return others

    def _note(self, event: Event) -> None:
        if isinstance(event, Result) and event.id in self.inputs:
            self.inputs[event.id].results.append(event)
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
    """Return the exception for what the server refused: by its code, else `ChatError` itself, with
    the code as it is."""
    kind = _ERRORS.get(error.code)
    exc = kind(error.message) if kind else ChatError(f"{error.message} ({error.code})")
    exc.code = error.code
    exc.retry_after = error.retry_after
    return exc
