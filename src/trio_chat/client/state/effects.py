"""The effects that the model asks for: requests to send, events to show, a bell."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from trio_chat.events import Event
from trio_chat.requests import Request


class Send(NamedTuple):
    request: Request


class Show(NamedTuple):
    """Show an event. *refused*: the typed line that it refuses, so that its text is not lost."""

    event: Event
    refused: str = ""


class Bell(NamedTuple):
    """Ring: somebody means this person. *room*, *nick* and *text* are of the last such line, fit
    for a terminal."""

    room: str
    nick: str
    text: str


Effect: TypeAlias = Send | Show | Bell


class Effects:
    """Gathers the effects of one batch, in their order; it rings once, at the end."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._bell: Bell | None = None

    def send(self, request: Request) -> None:
        self._effects.append(Send(request))

    def show(self, event: Event, *, refused: str = "") -> None:
        self._effects.append(Show(event, refused))

    def ring(self, bell: Bell) -> None:
        self._bell = bell

    def take(self) -> list[Effect]:
        effects = [*self._effects, self._bell] if self._bell else self._effects
        self._effects, self._bell = [], None
        return effects
