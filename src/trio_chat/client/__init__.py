"""The client: for people the terminal, for programs `open_chat`. It knows the wire and the words,
nothing of the server."""

from trio_chat.client.connection import Refused, Unreachable
from trio_chat.client.library import (
    Answer,
    Chat,
    EventsLost,
    EventStream,
    History,
    LiveEvent,
    Stored,
    open_chat,
)

__all__ = [
    "Answer",
    "Chat",
    "EventStream",
    "EventsLost",
    "History",
    "LiveEvent",
    "Refused",
    "Stored",
    "Unreachable",
    "open_chat",
]
