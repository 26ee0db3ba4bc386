"""The names that the lines of this chat stand under: its account, and the nicks it had. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from trio_chat.events import Event, Joined, Renamed, Said
from trio_chat.text import fold

# A nick for every rename; who has had more is no longer recognised by the first ones.
NICKS = 100


class OwnNames:
    """The nicks of a session, as long as nobody else has one of them."""

    def __init__(self) -> None:
        self._nicks: dict[str, None] = {}

    def note(self, events: Iterable[Event], nick: str) -> None:
        """Take in what happened; *nick* is what the server calls us after it."""
        self._add(nick)
        for event in events:
            if isinstance(event, Renamed) and fold(event.old) in self._nicks:
                self._add(event.new)
            elif isinstance(event, Renamed):
                self._taken(event.new, nick)
            elif isinstance(event, Joined):
                self._taken(event.nick, nick)

    def is_own(self, event: Said, account: str | None) -> bool:
        """Return whether *event* is our own line. *account*: ours, or None."""
        if event.account is not None:
            return account is not None and fold(event.account) == fold(account)
        return fold(event.sender) in self._nicks

    def _add(self, nick: str) -> None:
        self._nicks[fold(nick)] = None
        if len(self._nicks) > NICKS:
            del self._nicks[next(iter(self._nicks))]

    def _taken(self, nick: str, own: str) -> None:
        """Somebody else is called *nick* now."""
        if fold(nick) != fold(own):
            self._nicks.pop(fold(nick), None)
