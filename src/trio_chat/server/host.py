"""What slash commands ask of the session they run for: satisfies `commands.table.Host`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.chat.members import Member
from trio_chat.chat.rooms import Direct, Room
from trio_chat.errors import Unavailable
from trio_chat.store import Put

if TYPE_CHECKING:
    from trio_chat.server.session import Session


class SessionHost:
    """Lives for one command.

    Attributes:
        quitting: the reason, once the command asked to end the session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._puts: list[Put] = []
        self._changed = False
        self.quitting: str | None = None

    def puts(self) -> tuple[Put, ...]:
        """What has to be stored after the command."""
        seat = self._session.seat
        if self._changed and seat is not None:
            return (*self._puts, seat.put())
        return tuple(self._puts)

    async def join(self, name: str) -> None:
        await self._session.service.load(name)
        self._puts += self._session.service.enter(self._session, name)
        self._changed = True

    def leave(self, room: Room, reason: str) -> None:
        self._session.service.leave(self._member, room, reason)
        self._changed = True

    def rename(self, nick: str) -> None:
        self._session.service.rename(self._member, nick)
        self._changed = True

    async def direct(self, nick: str) -> Direct:
        return await self._session.service.conversations.open(self._member, nick)

    def remember(self) -> None:
        self._changed = True
        self._session.service.refile(self._session)

    def quit(self, reason: str) -> None:
        self.quitting = reason

    @property
    def _member(self) -> Member:
        """Raises Unavailable: while this waited, the session was resumed on another link."""
        member = self._session.member
        if member is None:
            raise Unavailable("this session goes on elsewhere")
        return member
