"""The directory against a model of a few dicts: whatever people do, both agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from trio_chat.chat.directory import Directory
from trio_chat.chat.rooms import Member
from trio_chat.config import LimitsSection
from trio_chat.errors import NameTaken, NotInRoom, NotPermitted
from trio_chat.events import Joined, Left, Renamed
from trio_chat.store.api import Entry
from trio_chat.text import fold

# Few, and some the same but for their spelling, so that they meet.
NICKS = st.sampled_from(["ann", "Ann", "ＡＮＮ", "bob", "BOB", "straße", "STRASSE", "zoë"])
ROOMS = st.sampled_from(["lobby", "#Lobby", "dev", "ＤＥＶ", "#büro"])
NOW = 100.0


@dataclass
class Person:
    """What the model knows of a member."""

    nick: str
    rooms: set[str] = field(default_factory=set)
    partners: set[str] = field(default_factory=set)
    ignores: dict[str, str] = field(default_factory=dict)
    absent_until: float | None = None


class HubMachine(RuleBasedStateMachine):
    present: Bundle[Member] = Bundle("present")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Directory(LimitsSection())
        self.people: dict[str, Person] = {}  # by identity
        self.rooms: dict[str, str] = {}  # names by key
        self.remembered: set[str] = set()  # keys of rooms with something to remember
        self.directs: set[frozenset[str]] = set()
        self.numbers = count(1)

    def holder(self, nick: str) -> str | None:
        return next((i for i, p in self.people.items() if fold(p.nick) == fold(nick)), None)

    def forget_idle_rooms(self) -> None:
        used = {room for person in self.people.values() for room in person.rooms}
        self.rooms = {k: n for k, n in self.rooms.items() if k in used | self.remembered}

    # --- members

    @rule(target=present, nick=NICKS)
    def enter(self, nick: str) -> Member | MultipleResults[Member]:
        member = Member(f"guest:{next(self.numbers)}", nick)
        holder = self.holder(nick)
        if holder is not None:
            self.refuse_taken(holder, lambda: self.directory.enter(member, now=NOW))
            return multiple()
        self.directory.enter(member, now=NOW)
        self.people[member.identity] = Person(nick)
        return member

    def refuse_taken(self, holder: str, act: Callable[[], object]) -> None:
        with pytest.raises(NameTaken) as caught:
            act()
        until = self.people[holder].absent_until
        assert caught.value.retry_after == (None if until is None else max(0.0, until - NOW))

    @rule(member=present, nick=NICKS)
    def rename(self, member: Member, nick: str) -> None:
        person, holder = self.people[member.identity], self.holder(nick)
        if holder not in (None, member.identity):
            assert holder is not None
            self.refuse_taken(holder, lambda: self.directory.rename(member, nick, now=NOW))
            return
        old = person.nick
        expected = None if nick == old else Renamed(old=old, new=nick)
        assert self.directory.rename(member, nick, now=NOW) == expected
        person.nick = nick

    @rule(member=consumes(present))
    def exit(self, member: Member) -> None:
        person = self.people.pop(member.identity)
        left = self.directory.exit(member, "tea")
        assert {room.key for room, _ in left} == person.rooms
        assert [event for _, event in left] == [
            Left(room=room.name, nick=person.nick, reason="tea") for room, _ in left
        ]
        self.directs = {pair for pair in self.directs if pair & self.people.keys()}
        self.forget_idle_rooms()

    @rule(member=present, until=st.sampled_from([None, 50.0, 130.0]))
    def drop_out_or_come_back(self, member: Member, until: float | None) -> None:
        member.absent_until = self.people[member.identity].absent_until = until

    @rule(one=present, other=present)
    def ignore(self, one: Member, other: Member) -> None:
        if one is other:
            return
        one.ignores = {**one.ignores, other.author: other.nick}
        self.people[one.identity].ignores[other.identity] = other.nick

    # --- rooms

    @rule(member=present, name=ROOMS)
    def join(self, member: Member, name: str) -> None:
        room = self.directory.open_room(name)
        key = fold(name.removeprefix("#"))
        shown = self.rooms.setdefault(key, name.removeprefix("#"))
        person = self.people[member.identity]
        assert room.add(member) == Joined(room=shown, nick=person.nick)
        person.rooms.add(key)

    @rule(member=present, name=ROOMS)
    def leave(self, member: Member, name: str) -> None:
        person, key = self.people[member.identity], fold(name.removeprefix("#"))
        if key not in self.rooms:
            return
        room = self.directory.find_room(name)
        if key not in person.rooms:
            with pytest.raises(NotInRoom):
                self.directory.room_of(member, name)
            with pytest.raises(NotInRoom):
                room.remove(member, "")
            return
        assert self.directory.room_of(member, name) is room
        expected = Left(room=self.rooms[key], nick=person.nick, reason="")
        assert room.remove(member, "") == expected
        person.rooms.remove(key)
        self.directory.drop_if_idle(room)
        self.forget_idle_rooms()

    @rule(name=ROOMS)
    def say(self, name: str) -> None:
        key = fold(name.removeprefix("#"))
        if key in self.rooms:
            room = self.directory.rooms[key]
            room.show([Entry(key, room.shown + 1, 0, "message", "ann", "", "hello")])
            self.remembered.add(key)

    # --- conversations

    @rule(one=present, other=present)
    def open_direct(self, one: Member, other: Member) -> None:
        if one is other:
            with pytest.raises(NotPermitted):
                self.directory.open_direct(one, other)
            return
        direct = self.directory.open_direct(one, other)
        self.directs.add(frozenset((one.identity, other.identity)))
        assert self.directory.find_direct(one, other.nick) is direct
        assert self.directory.find_direct(other, f"@{one.nick}") is direct

    # --- both agree

    @invariant()
    def nobody_shares_a_nick(self) -> None:
        expected = {fold(person.nick): identity for identity, person in self.people.items()}
        assert len(expected) == len(self.people)
        assert {key: m.identity for key, m in self.directory.members.items()} == expected
        for member in self.directory.members.values():
            assert member.key == fold(member.nick)
            assert member.nick == self.people[member.identity].nick

    @invariant()
    def rooms_and_members_agree_on_both_sides(self) -> None:
        assert {key: room.name for key, room in self.directory.rooms.items()} == self.rooms
        for key, room in self.directory.rooms.items():
            assert room.key == key
            assert {*room.members} == {i for i, p in self.people.items() if key in p.rooms}
        for member in self.directory.members.values():
            assert {*member.rooms} == self.people[member.identity].rooms
            assert all(self.directory.rooms[key] is room for key, room in member.rooms.items())

    @invariant()
    def conversations_belong_to_who_is_here(self) -> None:
        pairs = {key: frozenset(direct.nicks) for key, direct in self.directory.directs.items()}
        assert {*pairs.values()} == self.directs
        assert len(pairs) == len(self.directs)
        for key, direct in self.directory.directs.items():
            assert {*direct.online} == {i for i in pairs[key] if i in self.people}
            assert all(member.directs[key] is direct for member in direct)
        for member in self.directory.members.values():
            assert {*member.directs} == {k for k, p in pairs.items() if member.identity in p}

    @invariant()
    def people_are_ignored_whatever_they_are_called(self) -> None:
        for member in self.directory.members.values():
            assert member.ignores == self.people[member.identity].ignores

    @invariant()
    def those_who_hear_of_somebody_share_a_room_or_a_conversation(self) -> None:
        for member in self.directory.members.values():
            person = self.people[member.identity]
            expected = {
                identity
                for identity, other in self.people.items()
                if other.rooms & person.rooms
                or frozenset((identity, member.identity)) in self.directs
            }
            found = {other.identity for other in self.directory.neighbours(member)}
            assert found == expected | {member.identity}


TestHub = HubMachine.TestCase
TestHub.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
