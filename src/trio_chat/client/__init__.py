"""The client: for people the terminal, for programs `open_chat`. It knows the wire and the words,
nothing of the server."""

from trio_chat.client.link.failures import Refused, Unreachable
from trio_chat.client.program.chat import Answer, Chat, History, Stored, open_chat
from trio_chat.client.program.live import EventsLost, EventStream, LiveEvent

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
