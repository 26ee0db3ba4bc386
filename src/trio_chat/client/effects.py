"""What the model wants done: requests to send, events to show, a bell. It knows nothing else."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from trio_chat.events import Event
from trio_chat.requests import Request


class Send(NamedTuple):
    request: Request


class Show(NamedTuple):
    """Something new to see. *refused*: the typed line it refuses, so that its text is not lost."""

    event: Event
    refused: str = ""


class Bell(NamedTuple):
    """Somebody means this person."""


Effect: TypeAlias = Send | Show | Bell


class Effects:
    """Gathers the effects of one batch, in their order; it rings once, at the end."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._rings = False

    def send(self, request: Request) -> None:
        self._effects.append(Send(request))

    def show(self, event: Event, *, refused: str = "") -> None:
        self._effects.append(Show(event, refused))

    def ring(self) -> None:
        self._rings = True

    def take(self) -> list[Effect]:
        effects = [*self._effects, Bell()] if self._rings else self._effects
        self._effects, self._rings = [], False
        return effects
