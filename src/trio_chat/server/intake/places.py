"""The rooms and conversations that requests mean: by name, as the session's member knows them."""

from __future__ import annotations

from collections.abc import Callable

from trio_chat.chat.rooms import Direct, Room
from trio_chat.chat.rules import check_direct
from trio_chat.chat.state import State
from trio_chat.commands.effects import Say
from trio_chat.errors import NoSuchMember, NotInRoom, NotPermitted
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.conversations import Conversations


class Places:
    def __init__(
        self, state: State, conversations: Conversations, now_ms: Callable[[], int]
    ) -> None:
        self._state = state
        self._conversations = conversations
        self._now_ms = now_ms

    def known(self, session: Session, name: str) -> Room | Direct | None:
        """The member's room or conversation called *name*; "" is where it last went."""
        member = session.speaker()
        room = member.rooms.get(name)  # most often the name is the key
        if room is not None and room.name == name:
            return room
        if not name:
            return session.talk(session.place)
        if name.startswith("@"):
            return self._known_direct(session, name)
        room = self._state.directory.named(name)
        return room if room is not None and room.key in member.rooms else None

    def _known_direct(self, session: Session, name: str) -> Direct | None:
        direct = self._state.directory.find_direct(session.speaker(), name)
        if direct is not None and self._conversations.is_abandoned(direct, session.identity):
            return None
        return direct

    def find(self, session: Session, name: str) -> Room | Direct:
        """The same.

        Raises:
            NoSuchRoom, NoSuchMember, NotInRoom: there is none.
        """
        place = self.known(session, name)
        if place is not None:
            return place
        if not name:
            raise NotInRoom("you are in no room; /join ROOM takes you to one")
        if name.startswith("@"):
            nick = name.removeprefix("@")
            raise NoSuchMember(f"there is no conversation with {nick}", nick=nick)
        return self._state.directory.room_of(session.speaker(), name)

    def open(self, session: Session, name: str) -> Room | Direct:
        """The same, but `@nick` begins a conversation.

        Raises:
            NoSuchRoom, NoSuchMember, NotInRoom, Muted, NotPermitted.
        """
        return self.converse(session, name) if name.startswith("@") else self.find(session, name)

    def meant(self, session: Session, say: Say) -> Room | Direct:
        """Where a command says something for the session's member.

        Raises:
            NoSuchMember, NotInRoom, Muted, NotPermitted.
        """
        if say.to:
            return self.converse(session, say.to)
        place = session.talk(say.key)
        if place is None:
            raise NotInRoom("you have left there meanwhile")
        return place

    def converse(self, session: Session, nick: str) -> Direct:
        """The conversation with whoever is called *nick*, which begins if there is none.

        Raises:
            NoSuchMember, Muted, NotPermitted.
        """
        state, member = self._state, session.speaker()
        if not session.allows("write"):
            raise NotPermitted("this token may not write")
        check_direct(member, state.sanctions, state.defcon, self._now_ms())
        return self._conversations.open(member, nick)
