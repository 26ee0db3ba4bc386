"""What this node knows of the chat: rooms and members, accounts, sanctions, and facts about the
server; and the one way in which these facts change. Knows no store and no session.

A fact is decided, stored, and then applied: at the start for every record that the store holds, and
later for every change that it has committed. So what is held here is what the store holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from trio_chat.chat import profiles, records
from trio_chat.chat.accounts import Account, Accounts, Token
from trio_chat.chat.directory import Directory
from trio_chat.chat.profiles import Profile
from trio_chat.chat.records import Change
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member, Room, RoomRecord
from trio_chat.chat.sanctions import Defcon, Sanction, Sanctions
from trio_chat.config import Config
from trio_chat.errors import Conflict
from trio_chat.text import fold


class State:
    """See the module. Only `apply` changes accounts, tokens, profiles, sanctions, room records and
    the facts about the server; who is here and in which room changes by the directory at once.

    Attributes:
        default_motd: the configured message of the day, in force where none was set.
        defcon: how far the server is shut against an attack; asked for with every line.
    """

    def __init__(self, config: Config) -> None:
        self.accounts = Accounts()
        self.directory = Directory(config.limits, self.accounts, config.server.name)
        self.sanctions = Sanctions()
        self.default_motd = config.server.motd
        self.defcon = Defcon.NORMAL
        self._facts: dict[str, str] = {}
        self._profiles: dict[str, Profile] = {}
        self._versions: dict[tuple[str, str], int] = {}
        self._claimed: dict[str, str] = {}  # names that rooms are about to have: folded, by key
        self._appliers: dict[str, Callable[[Change], object]] = {
            records.ROOM: self._apply_room,
            records.FLOOR: self._apply_floor,
            records.ACCOUNT: self._apply_account,
            records.PROFILE: self._apply_profile,
            records.TOKEN: self._apply_token,
            records.SANCTION: self._apply_sanction,
            records.SERVER: self._apply_fact,
        }

    # --- facts about the server

    @property
    def facts(self) -> Mapping[str, str]:
        """The records of the space `server`."""
        return self._facts

    @property
    def motd(self) -> str:
        """The message of the day, which everybody is told on coming in."""
        return self._facts.get(records.MOTD, self.default_motd)

    @property
    def owner_code(self) -> str:
        """The code that makes an account the server's owner; empty once somebody is."""
        return self._facts.get(records.OWNER_CODE, "")

    def fact_changed(self, key: str, value: str) -> Change:
        """The change of a fact about the server; *value* "" takes it away."""
        return Change(records.SERVER, key, self._facts.get(key), value or None)

    def profile(self, account: str) -> Profile:
        """What is kept of the account with that id."""
        return self._profiles.get(account, profiles.EMPTY)

    # --- looking at records

    def current(self, space: str, key: str) -> Any:
        """The record as it is now; None: there is none."""
        match space:
            case records.ROOM:
                room = self.directory.rooms.get(key)
                return room.record if room is not None and room.kept else None
            case records.ACCOUNT:
                return self.accounts.by_key(key)
            case records.TOKEN:
                return self.accounts.token(key)
            case records.SANCTION:
                return self.sanctions.get(int(key))
            case records.SERVER:
                return self._facts.get(key)
            case _:
                raise ValueError(f"records of {space} are not decided")

    # --- a change: prepared, stored, applied

    def prepare(self, changes: Iterable[Change]) -> list[int | None]:
        """The version that each record must have in the store for its change to be right; None:
        any. The names that rooms are given are claimed until `settle`.

        Raises:
            Conflict: a record is not as it was when the change was decided.
        """
        expected: list[int | None] = []
        claims: dict[str, str] = {}
        for change in changes:
            version = None
            if change.space in records.DECIDED:
                if self.current(change.space, change.key) != change.before:
                    raise Conflict(f"{change.space}/{change.key} has changed meanwhile")
                version = self.version(change.space, change.key)
            expected.append(version)
            if change.space == records.ROOM and change.after is not None:
                claims[self._claim(change)] = change.key
        self._claimed.update(claims)
        return expected

    def _claim(self, change: Change) -> str:
        name = fold(change.after.name)
        room = self.directory.named(change.after.name)
        if room is not None and room.key != change.key:
            raise Conflict(f"another room is called {change.after.name}")
        if self._claimed.get(name, change.key) != change.key:
            raise Conflict(f"another room is about to be called {change.after.name}")
        return name

    def settle(self, changes: Iterable[Change]) -> None:
        """The changes were stored and applied, or refused: names are claimed no longer."""
        for change in changes:
            if change.space == records.ROOM and change.after is not None:
                self._claimed.pop(fold(change.after.name), None)

    def is_room(self, name: str) -> bool:
        """Return whether a room is called *name*, or is about to be."""
        return self.directory.named(name) is not None or fold(name) in self._claimed

    def apply(self, change: Change) -> None:
        """Have *change*, which the store has committed, hold here."""
        self._appliers[change.space](change)
        if change.space in records.DECIDED:
            self._count(change)

    def _count(self, change: Change) -> None:
        place = change.space, change.key
        if change.after is None:
            self._versions.pop(place, None)
        else:
            self._versions[place] = self._versions.get(place, 0) + 1

    def restore(self, space: str, key: str, record: Any, version: int) -> None:
        """Have a record that the store holds hold here."""
        self.apply(Change(space, key, None, record))
        if space in records.DECIDED:
            self.note_version(space, key, version)

    def version(self, space: str, key: str) -> int:
        """The version of the record that holds here; 0: there is none."""
        return self._versions.get((space, key), 0)

    def note_version(self, space: str, key: str, version: int) -> None:
        """The record that holds here has this version in the store."""
        if version:
            self._versions[space, key] = version
        else:
            self._versions.pop((space, key), None)

    # --- how each kind of record changes

    def _apply_room(self, change: Change) -> None:
        directory, record = self.directory, cast("RoomRecord | None", change.after)
        room = directory.rooms.get(change.key)
        if record is None:
            if room is not None:
                directory.forget_record(room)
            return
        if room is None:
            keep_events = directory.limits.backlog_events
            room = Room(record.name, key=change.key, keep_events=keep_events)
            directory.add_room(room)
        directory.take_up(room, record)
        room.kept = True

    def _apply_floor(self, change: Change) -> None:
        key, _, identity = change.key.partition(" ")
        room = self.directory.rooms.get(key)
        if room is None:
            return
        if change.after is None:
            room.floors.pop(identity, None)
        else:
            room.floors[identity] = change.after

    def _apply_account(self, change: Change) -> None:
        before = self.accounts.by_key(change.key)
        account = cast("Account | None", change.after)
        if account is None:
            if before is not None:
                self.accounts.remove(before)
                self._profiles.pop(before.id, None)
            return
        self.accounts.put(account)
        member = self.directory.of_account(account.id)
        if member is not None:
            member.role = Role(account.role)

    def _apply_profile(self, change: Change) -> None:
        identity, _, entry = change.key.partition(" ")
        member, account = self.directory.of_identity(identity), self.accounts.of_identity(identity)
        if account is not None:
            former = self.profile(account.id)
            self._profiles[account.id] = profiles.with_entry(former, entry, change.after)
        if member is not None:
            profiles.take_up_entry(member, entry, change.after)

    def keep_profile(self, member: Member) -> dict[str, Any]:
        """Note how the member, who has an account, is now; return the entries that differ from
        what was kept, None for those that are gone. This is what merely follows a member."""
        former = self.profile(member.account_id)
        profile = profiles.profile_of(member, former)
        self._profiles[member.account_id] = profile
        return profiles.differing(former, profile)

    def restore_profile(self, account: str, profile: Profile) -> None:
        """Have a whole profile that the store holds hold here."""
        self._profiles[account] = profile

    def _apply_token(self, change: Change) -> None:
        if change.after is None:
            self.accounts.drop_token(change.key)
        else:
            self.accounts.put_token(change.key, cast("Token", change.after))

    def _apply_sanction(self, change: Change) -> None:
        self.sanctions.remove(int(change.key))
        if change.after is not None:
            self.sanctions.add(cast("Sanction", change.after))

    def _apply_fact(self, change: Change) -> None:
        if change.key == records.DEFCON:
            self.defcon = Defcon(int(change.after or "0"))
        if change.after is None:
            self._facts.pop(change.key, None)
            return
        self._facts[change.key] = change.after
        if change.key == records.LAST_SANCTION:
            self.sanctions.start_after(int(change.after))
