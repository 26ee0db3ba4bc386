"""The rooms and members of this node, by folded name; who is concerned by an event."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

from trio_chat.chat.accounts import ACCOUNT_IDENTITY, Accounts
from trio_chat.chat.lookalikes import Lookalikes
from trio_chat.chat.names import check_nick, check_room, is_kept
from trio_chat.chat.rooms import Direct, Listing, Member, Room, RoomRecord, direct_key
from trio_chat.config import DECOMPOSED, LimitsSection
from trio_chat.errors import (
    BadRequest,
    NameTaken,
    NoSuchMember,
    NoSuchRoom,
    NotInRoom,
    NotPermitted,
)
from trio_chat.events import Left, Renamed
from trio_chat.text import NAME_CHARACTERS, fold

# Guessing what was meant costs a comparison with each name: 0.07 ms for 32 like characters.
_NEAREST_CHARACTERS = 32
_NEAREST_NAMES = 200


class Directory:
    """Everything is looked up by folded name; each method checks, changes and returns events."""

    def __init__(
        self, limits: LimitsSection, accounts: Accounts | None = None, server_name: str = ""
    ) -> None:
        self.limits = limits
        self.server_name = server_name
        self._accounts = Accounts() if accounts is None else accounts
        self._alike: Lookalikes[Member] = Lookalikes()
        self._rooms_alike: Lookalikes[Room] = Lookalikes()
        self.members: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {}  # by the key of their log
        self._named: dict[str, Room] = {}
        self.listing = Listing()
        self.directs: dict[str, Direct] = {}
        self._by_identity: dict[str, Member] = {}

    # --- members

    def enter(self, member: Member, *, now: float) -> None:
        """Take the member's nick for it.

        Raises:
            NameTaken: with `retry_after` when its holder's link is gone.
        """
        self._check_free(member.nick, now)
        self._check_unlike(member, member.nick)
        self.members[member.key] = member
        self._alike.put(member.nick, member)
        self._by_identity[member.identity] = member

    def of_identity(self, identity: str) -> Member | None:
        """The member with that identity, if it is here."""
        return self._by_identity.get(identity)

    def of_account(self, id: str) -> Member | None:
        """The member whose account has that id, if it is here."""
        return self._by_identity.get(ACCOUNT_IDENTITY + id)

    def rename(self, member: Member, nick: str, *, now: float) -> Renamed | None:
        """Call the member *nick*; None when that is its nick already.

        Raises:
            NameInvalid, NameTaken.
        """
        nick = check_nick(nick, self.limits)
        if nick == member.nick:
            return None
        key = fold(nick)
        if key != member.key:
            self._check_free(nick, now)
            self._check_unlike(member, nick)
            del self.members[member.key]
            self._alike.drop(member.nick)
            self.members[key] = member
            self._alike.put(nick, member)
        old = member.nick
        member.call(nick)
        return Renamed(old=old, new=nick)

    def exit(self, member: Member, reason: str) -> list[tuple[Room, Left]]:
        """Take the member out of every room and free its nick."""
        left = [(room, room.remove(member, reason)) for room in tuple(member.rooms.values())]
        if self.members.get(member.key) is member:
            del self.members[member.key]
            self._alike.drop(member.nick)
            del self._by_identity[member.identity]
        for direct in tuple(member.directs.values()):
            direct.unlink(member)
            if not direct.online:
                del self.directs[direct.key]
        for room, _ in left:
            self.drop_if_idle(room)
        return left

    def is_taken(self, nick: str) -> bool:
        return fold(nick) in self.members or self.lookalike(nick) is not None

    def lookalike(self, nick: str) -> Member | None:
        """A member whose nick looks like *nick*, but is another."""
        return self._alike.find(nick)

    def holder(self, nick: str) -> Member | None:
        """Who is called *nick* now."""
        return self.members.get(fold(nick)) if len(nick) <= NAME_CHARACTERS else None

    def find_member(self, nick: str) -> Member:
        """Raises NoSuchMember, naming the nearest nick."""
        nick = nick.removeprefix("@")
        if len(nick) > DECOMPOSED * self.limits.nick_characters:
            raise NoSuchMember("nobody here has so long a nick")
        member = self.members.get(fold(nick))
        if member is None:
            near = _nearest(nick, (member.nick for member in self.members.values()))
            raise NoSuchMember(f"nobody here is called {nick}{near}", nick=nick)
        return member

    def neighbours(self, member: Member) -> set[Member]:
        """Those who share a room or a conversation with the member, the member included."""
        concerned = {member}
        for room in member.rooms.values():
            concerned.update(room.members.values())
        for direct in member.directs.values():
            concerned.update(direct)
        return concerned

    def _check_free(self, nick: str, now: float) -> None:
        holder = self.members.get(fold(nick))
        if holder is None:
            return
        if holder.absent_until is None:
            raise NameTaken(f"the nick {holder.nick} is taken", nick=nick)
        wait = max(0.0, holder.absent_until - now)
        text = f"the nick {holder.nick} is kept for somebody whose link dropped"
        raise NameTaken(text, retry_after=wait, nick=nick)

    def _check_unlike(self, member: Member, nick: str) -> None:
        """An account's own name is its own, whatever it looks like.

        Raises:
            NameTaken: somebody else is called something that looks like *nick*, or the server is.
        """
        if member.account is not None and fold(member.account) == fold(nick):
            return
        self.check_kept(nick)
        holder, account = self.lookalike(nick), self._accounts.lookalike(nick)
        if holder is not None and holder is not member:
            text = f"the nick {nick} looks like {holder.nick}, which is taken"
            raise NameTaken(text, nick=nick)
        if account is not None and account.id != member.account_id:
            text = f"the nick {nick} looks like {account.name}, which is an account's"
            raise NameTaken(text, nick=nick, account=account.name)

    def check_kept(self, name: str) -> None:
        """Raises NameTaken: *name*, of a person or an account, is one of the server's own."""
        if is_kept(name, self.server_name):
            raise NameTaken(f"the name {name} is kept for the server", nick=name)

    # --- rooms

    def check_new_room(self, name: str) -> None:
        """Raises BadRequest: there cannot be such a room, or another looks like it; NotPermitted:
        there are too many."""
        name = check_room(name, self.limits)
        if self._rooms_alike.find(name) is not None:
            raise BadRequest(f"the name #{name} looks like that of another room", room=name)
        if len(self.rooms) >= self.limits.rooms:
            raise NotPermitted(f"this server has place for {self.limits.rooms} rooms, and no more")

    def open_room(self, name: str) -> Room:
        """Return the room called *name*, made if there is none.

        Raises:
            BadRequest: there cannot be such a room.
        """
        name = check_room(name, self.limits)
        room = self.named(name)
        if room is None:
            room = Room(name, key=self.new_key(name), keep_events=self.limits.backlog_events)
            self.add_room(room)
        return room

    def new_key(self, name: str) -> str:
        """History follows the room, not its name: who takes the name of a room that was archived
        begins a log of its own."""
        key = name = fold(name)
        number = 1
        while key in self.rooms:
            number += 1
            key = f"{name}~{number}"
        return key

    def add_room(self, room: Room) -> None:
        self.rooms[room.key] = room
        self.listing.put(room)
        self._name(room)

    def owned(self, member: Member) -> int:
        """How many rooms the member owns."""
        return self.listing.owned(member.identity)

    def remove_room(self, room: Room) -> None:
        if self.rooms.get(room.key) is room:
            del self.rooms[room.key]
            self.listing.drop(room)
        self._unname(room)

    def forget_record(self, room: Room) -> None:
        """The store remembers nothing of the room but its log; it goes if nothing else holds it."""
        self.take_up(room, RoomRecord(room.name))
        room.kept = False
        self.drop_if_idle(room)

    def take_up(self, room: Room, record: RoomRecord) -> None:
        """Have the room be as *record* says, its name included.

        Raises:
            BadRequest: another room is called so.
        """
        holder = self._named.get(fold(record.name))
        if holder is not None and holder is not room:
            raise BadRequest(f"there is another room #{holder.name} now")
        self._unname(room)
        before = room.record
        room.take_up(record)
        self.listing.note_record(room, before)
        self._name(room)

    def _name(self, room: Room) -> None:
        self._named[fold(room.name)] = room
        self._rooms_alike.put(room.name, room)

    def _unname(self, room: Room) -> None:
        if self._named.get(fold(room.name)) is room:
            del self._named[fold(room.name)]
            self._rooms_alike.drop(room.name)

    def named(self, name: str) -> Room | None:
        """The room that is called *name* now."""
        name = name.removeprefix("#")
        if len(name) > DECOMPOSED * self.limits.room_characters:
            return None
        return self._named.get(name) or self._named.get(fold(name))

    def find_room(self, name: str, member: Member | None = None) -> Room:
        """The room called *name*, if *member* may know of it; None: whoever asks.

        Raises:
            NoSuchRoom, naming the nearest one that everybody may know of.
        """
        name = name.removeprefix("#")
        if len(name) > DECOMPOSED * self.limits.room_characters:
            raise NoSuchRoom("no room has so long a name")
        room = self.named(name)
        if room is None or (member is not None and not room.is_listed_for(member)):
            public = (room.name for room in self.rooms.values() if not room.record.private)
            raise NoSuchRoom(f"there is no room #{name}{_nearest(name, public)}", room=name)
        return room

    def room_of(self, member: Member, name: str) -> Room:
        """The room *name*, which the member is in.

        Raises:
            NoSuchRoom, NotInRoom.
        """
        room = self.find_room(name, member)
        if room.key not in member.rooms:
            text = f"you are not in #{room.name}; /join {room.name} takes you there"
            raise NotInRoom(text, room=room.name)
        return room

    def drop_if_idle(self, room: Room) -> None:
        """Forget a room that nobody is in and that has nothing to remember."""
        if not (room.members or room.kept or room.shown or room.topic):
            self.remove_room(room)

    # --- logs

    def talk(self, key: str) -> Room | Direct | None:
        """The room or conversation whose log has this key."""
        return self.rooms.get(key) or self.directs.get(key)

    def label(self, key: str, identity: str) -> str:
        """What the member with that identity calls the log *key*."""
        talk = self.talk(key)
        return talk.label_for(identity) if talk is not None else key

    # --- direct conversations

    def find_direct(self, member: Member, nick: str) -> Direct | None:
        """The member's conversation with whoever is called *nick* now; when nobody is, the one
        with somebody who was called so on leaving."""
        if len(nick) > NAME_CHARACTERS:
            return None
        key = fold(nick.removeprefix("@"))
        holder = self.members.get(key)
        if holder is not None:
            return member.directs.get(direct_key(member.identity, holder.identity))
        own = member.directs.values()
        return next((d for d in own if fold(d.label_for(member.identity)[1:]) == key), None)

    def open_direct(self, member: Member, partner: Member, *, shown: int = 0) -> Direct:
        """The conversation of the two, made if there is none.

        Raises:
            NotPermitted: they are one.
        """
        if member is partner:
            raise NotPermitted("that is yourself")
        direct = self.directs.get(direct_key(member.identity, partner.identity))
        if direct is None:
            direct = Direct(
                (member.identity, member.nick),
                (partner.identity, partner.nick),
                shown=shown,
            )
            self.directs[direct.key] = direct
        direct.link(member)
        direct.link(partner)
        return direct


def _nearest(word: str, known: Iterable[str]) -> str:
    if len(word) > _NEAREST_CHARACTERS:
        return ""
    close = get_close_matches(word, list(islice(known, _NEAREST_NAMES)), n=1)
    return f"; did you mean {close[0]}?" if close else ""
