"""The client: for people the terminal, for programs `open_chat`. It knows the wire and the words,
nothing of the server."""

from trio_chat.client.link.failures import Refused, Unreachable
from trio_chat.client.program.answers import Answer, History, Part, Stored
from trio_chat.client.program.bot import Bot, Call, CommandFailed
from trio_chat.client.program.chat import Chat, ChatEnded
from trio_chat.client.program.live import LiveEvent, Rewound
from trio_chat.client.program.opening import open_chat
from trio_chat.client.program.stream import EventsLost, EventStream

__all__ = [
    "Answer",
    "Bot",
    "Call",
    "Chat",
    "ChatEnded",
    "CommandFailed",
    "EventStream",
    "EventsLost",
    "History",
    "LiveEvent",
    "Part",
    "Refused",
    "Rewound",
    "Stored",
    "Unreachable",
    "open_chat",
]
