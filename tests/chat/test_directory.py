"""The directory: nicks, rooms and conversations found by any spelling, and what a refusal says."""

from __future__ import annotations

from itertools import count

import pytest

from trio_chat.chat.directory import Directory
from trio_chat.chat.rooms import Member
from trio_chat.config import LimitsSection
from trio_chat.errors import (
    BadRequest,
    NameInvalid,
    NameTaken,
    NoSuchMember,
    NoSuchRoom,
    NotInRoom,
    NotPermitted,
)
from trio_chat.events import Left, Renamed
from trio_chat.store.api import Entry

IDENTITIES = count()


@pytest.fixture
def directory() -> Directory:
    return Directory(LimitsSection())


def enter(directory: Directory, nick: str, *rooms: str) -> Member:
    member = Member(f"guest:{next(IDENTITIES)}", nick)
    directory.enter(member, now=0.0)
    for name in rooms:
        directory.open_room(name).add(member)
    return member


# --- nicks


def test_a_nick_that_looks_the_same_is_taken(directory: Directory) -> None:
    enter(directory, "Alice")
    with pytest.raises(NameTaken) as caught:
        enter(directory, "ａＬＩＣＥ")
    assert caught.value.message == "the nick Alice is taken"
    assert caught.value.retry_after is None


@pytest.mark.parametrize(("now", "retry_after"), [(20.0, 10.0), (30.0, 0.0), (31.0, 0.0)])
def test_the_nick_of_a_dropped_link_says_when_to_try_again(
    directory: Directory, now: float, retry_after: float
) -> None:
    enter(directory, "alice").absent_until = 30.0
    bob = enter(directory, "bob")
    with pytest.raises(NameTaken, match="link dropped") as caught:
        directory.rename(bob, "Alice", now=now)
    assert caught.value.retry_after == retry_after


def test_a_rename_is_told_and_frees_the_old_nick(directory: Directory) -> None:
    alice = enter(directory, "alice")
    assert directory.rename(alice, "eve", now=0.0) == Renamed(old="alice", new="eve")
    assert directory.find_member("EVE") is alice
    assert not directory.is_taken("alice")
    enter(directory, "alice")


def test_one_may_change_the_case_of_the_own_nick(directory: Directory) -> None:
    alice = enter(directory, "alice")
    assert directory.rename(alice, "ALICE", now=0.0) == Renamed(old="alice", new="ALICE")
    assert directory.rename(alice, "ALICE", now=0.0) is None
    assert directory.members == {"alice": alice}


@pytest.mark.parametrize("nick", ["bob", "a b"])
def test_a_refused_rename_changes_nothing(directory: Directory, nick: str) -> None:
    alice, bob = enter(directory, "alice"), enter(directory, "bob")
    with pytest.raises((NameTaken, NameInvalid)):
        directory.rename(alice, nick, now=0.0)
    assert directory.members == {"alice": alice, "bob": bob}
    assert (alice.nick, alice.key) == ("alice", "alice")


def test_an_ignored_person_stays_ignored_under_another_nick_wherever_it_is_taken(
    directory: Directory,
) -> None:
    alice, mallory = enter(directory, "alice", "lobby"), enter(directory, "Mallory", "elsewhere")
    alice.ignores = {mallory.author: "Mallory"}
    directory.rename(mallory, "Eve", now=0.0)
    assert not alice.hears(mallory.author)
    other = enter(directory, "Mallory", "elsewhere")
    assert alice.hears(other.author)


def test_a_missing_nick_names_the_nearest(directory: Directory) -> None:
    enter(directory, "alice")
    with pytest.raises(NoSuchMember) as caught:
        directory.find_member("@alcie")
    assert caught.value.message == "nobody here is called alcie; did you mean alice?"
    with pytest.raises(NoSuchMember) as caught:
        directory.find_member("zoe")
    assert caught.value.message == "nobody here is called zoe"


def test_a_name_longer_than_any_is_not_compared_with_all(directory: Directory) -> None:
    with pytest.raises(NoSuchMember) as caught:
        directory.find_member("x" * 16_000)
    assert len(caught.value.message) < 100
    with pytest.raises(NoSuchRoom) as caught_room:
        directory.find_room("x" * 16_000)
    assert len(caught_room.value.message) < 100


def test_leaving_frees_the_nick_and_tells_every_room(directory: Directory) -> None:
    alice = enter(directory, "alice", "lobby", "dev")
    enter(directory, "bob", "dev")
    told = {(room.name, event) for room, event in directory.exit(alice, "tea")}
    assert told == {
        (name, Left(room=name, nick="alice", reason="tea")) for name in ("lobby", "dev")
    }
    assert not directory.is_taken("alice")
    assert [*directory.rooms] == ["dev"]


def test_one_who_never_entered_takes_nobodys_nick_along(directory: Directory) -> None:
    alice = enter(directory, "alice")
    assert directory.exit(Member("guest:other", "alice"), "") == []
    assert directory.find_member("alice") is alice


# --- rooms


def test_a_room_is_found_by_any_spelling(directory: Directory) -> None:
    room = directory.open_room("#Büro")
    assert room.name == "Büro"
    for name in ("Büro", "#büro", "BU\u0308RO", room.key):
        assert directory.find_room(name) is room
        assert directory.open_room(name) is room


def test_a_missing_room_names_the_nearest(directory: Directory) -> None:
    directory.open_room("lobby")
    with pytest.raises(NoSuchRoom) as caught:
        directory.find_room("#loby")
    assert caught.value.message == "there is no room #loby; did you mean lobby?"


def test_there_cannot_be_a_room_of_that_name(directory: Directory) -> None:
    with pytest.raises(BadRequest, match="cannot contain '@'"):
        directory.open_room("@bob")
    assert not directory.rooms


def test_a_room_one_is_not_in_says_how_to_get_there(directory: Directory) -> None:
    alice = enter(directory, "alice", "lobby")
    directory.open_room("Dev")
    assert (
        directory.room_of(alice, "#LOBBY")
        is directory.room_of(alice, "lobby")
        is directory.rooms["lobby"]
    )
    with pytest.raises(NotInRoom) as caught:
        directory.room_of(alice, "dev")
    assert caught.value.message == "you are not in #Dev; /join Dev takes you there"


@pytest.mark.parametrize("memory", ["a member", "a line", "a topic"])
def test_a_room_with_something_to_remember_stays(directory: Directory, memory: str) -> None:
    room = directory.open_room("dev")
    if memory == "a member":
        enter(directory, "alice", "dev")
    elif memory == "a line":
        room.show([Entry("dev", 1, 0, "message", "alice", "", "hello")])
    else:
        room.change(topic="tea")
    directory.drop_if_idle(room)
    assert directory.find_room("dev") is room


def test_an_empty_room_is_forgotten(directory: Directory) -> None:
    directory.drop_if_idle(directory.open_room("dev"))
    assert not directory.rooms


# --- conversations


def test_a_conversation_is_the_same_from_both_sides(directory: Directory) -> None:
    alice, bob = enter(directory, "alice"), enter(directory, "bob")
    direct = directory.open_direct(alice, bob, shown=3)
    assert directory.open_direct(bob, alice) is direct
    assert direct.shown == 3
    assert directory.neighbours(alice) == {alice, bob}


def test_one_cannot_talk_to_oneself(directory: Directory) -> None:
    alice = enter(directory, "alice")
    with pytest.raises(NotPermitted, match="that is yourself"):
        directory.open_direct(alice, alice)


def test_a_conversation_ends_when_both_have_left(directory: Directory) -> None:
    alice, bob = enter(directory, "alice"), enter(directory, "bob")
    direct = directory.open_direct(alice, bob)
    directory.exit(bob, "")
    assert directory.directs == alice.directs == {direct.key: direct}
    directory.exit(alice, "")
    assert not directory.directs


def test_a_conversation_is_found_by_the_nick_of_the_moment(directory: Directory) -> None:
    alice, bob = enter(directory, "alice"), enter(directory, "bob")
    direct = directory.open_direct(alice, bob)
    assert directory.find_direct(alice, "@BOB") is directory.find_direct(alice, "bob") is direct
    directory.rename(bob, "robert", now=0.0)
    assert directory.find_direct(alice, "@bob") is None
    directory.exit(bob, "")
    assert directory.find_direct(alice, "@robert") is direct


def test_what_is_meant_for_the_holder_of_a_nick_never_goes_to_its_former_one(
    directory: Directory,
) -> None:
    alice, bob = enter(directory, "alice"), enter(directory, "bob")
    old = directory.open_direct(alice, bob)
    directory.exit(bob, "")
    new_bob = enter(directory, "bob")
    assert directory.find_direct(alice, "@bob") is None
    new = directory.open_direct(alice, new_bob)
    assert new is not old
    assert directory.find_direct(alice, "@bob") is new
    directory.exit(new_bob, "")
