"""The hub: nicks, rooms and conversations found by any spelling, and what a refusal says."""

from __future__ import annotations

from itertools import count

import pytest

from trio_chat.chat.hub import Hub
from trio_chat.chat.members import Member
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
from trio_chat.store import Entry

IDENTITIES = count()


@pytest.fixture
def hub() -> Hub:
    return Hub(LimitsSection())


def enter(hub: Hub, nick: str, *rooms: str) -> Member:
    member = Member(f"guest:{next(IDENTITIES)}", nick)
    hub.enter(member, now=0.0)
    for name in rooms:
        hub.open_room(name).add(member)
    return member


# --- nicks


def test_a_nick_that_looks_the_same_is_taken(hub: Hub) -> None:
    enter(hub, "Alice")
    with pytest.raises(NameTaken) as caught:
        enter(hub, "ａＬＩＣＥ")
    assert caught.value.message == "the nick Alice is taken"
    assert caught.value.retry_after is None


@pytest.mark.parametrize(("now", "retry_after"), [(20.0, 10.0), (30.0, 0.0), (31.0, 0.0)])
def test_the_nick_of_a_dropped_link_says_when_to_try_again(
    hub: Hub, now: float, retry_after: float
) -> None:
    enter(hub, "alice").absent_until = 30.0
    bob = enter(hub, "bob")
    with pytest.raises(NameTaken, match="link dropped") as caught:
        hub.rename(bob, "Alice", now=now)
    assert caught.value.retry_after == retry_after


def test_a_rename_is_told_and_frees_the_old_nick(hub: Hub) -> None:
    alice = enter(hub, "alice")
    assert hub.rename(alice, "eve", now=0.0) == Renamed(old="alice", new="eve")
    assert hub.find_member("EVE") is alice
    assert not hub.is_taken("alice")
    enter(hub, "alice")


def test_one_may_change_the_case_of_the_own_nick(hub: Hub) -> None:
    alice = enter(hub, "alice")
    assert hub.rename(alice, "ALICE", now=0.0) == Renamed(old="alice", new="ALICE")
    assert hub.rename(alice, "ALICE", now=0.0) is None
    assert hub.members == {"alice": alice}


@pytest.mark.parametrize("nick", ["bob", "a b"])
def test_a_refused_rename_changes_nothing(hub: Hub, nick: str) -> None:
    alice, bob = enter(hub, "alice"), enter(hub, "bob")
    with pytest.raises((NameTaken, NameInvalid)):
        hub.rename(alice, nick, now=0.0)
    assert hub.members == {"alice": alice, "bob": bob}
    assert (alice.nick, alice.key) == ("alice", "alice")


def test_an_ignored_person_stays_ignored_under_another_nick_wherever_it_is_taken(hub: Hub) -> None:
    alice, mallory = enter(hub, "alice", "lobby"), enter(hub, "Mallory", "elsewhere")
    alice.ignores["mallory"] = "Mallory"
    hub.rename(mallory, "Eve", now=0.0)
    assert alice.ignores == {"eve": "Eve"}
    assert alice.hears("mallory")


def test_a_missing_nick_names_the_nearest(hub: Hub) -> None:
    enter(hub, "alice")
    with pytest.raises(NoSuchMember) as caught:
        hub.find_member("@alcie")
    assert caught.value.message == "nobody here is called alcie; did you mean alice?"
    with pytest.raises(NoSuchMember) as caught:
        hub.find_member("zoe")
    assert caught.value.message == "nobody here is called zoe"


def test_a_name_longer_than_any_is_not_compared_with_all(hub: Hub) -> None:
    with pytest.raises(NoSuchMember) as caught:
        hub.find_member("x" * 16_000)
    assert len(caught.value.message) < 100
    with pytest.raises(NoSuchRoom) as caught_room:
        hub.find_room("x" * 16_000)
    assert len(caught_room.value.message) < 100


def test_leaving_frees_the_nick_and_tells_every_room(hub: Hub) -> None:
    alice = enter(hub, "alice", "lobby", "dev")
    enter(hub, "bob", "dev")
    told = {(room.name, event) for room, event in hub.exit(alice, "tea")}
    assert told == {
        (name, Left(room=name, nick="alice", reason="tea")) for name in ("lobby", "dev")
    }
    assert not hub.is_taken("alice")
    assert [*hub.rooms] == ["dev"]


def test_one_who_never_entered_takes_nobodys_nick_along(hub: Hub) -> None:
    alice = enter(hub, "alice")
    assert hub.exit(Member("guest:other", "alice"), "") == []
    assert hub.find_member("alice") is alice


# --- rooms


def test_a_room_is_found_by_any_spelling(hub: Hub) -> None:
    room = hub.open_room("#Büro")
    assert room.name == "Büro"
    for name in ("Büro", "#büro", "BU\u0308RO", room.key):
        assert hub.find_room(name) is room
        assert hub.open_room(name) is room


def test_a_missing_room_names_the_nearest(hub: Hub) -> None:
    hub.open_room("lobby")
    with pytest.raises(NoSuchRoom) as caught:
        hub.find_room("#loby")
    assert caught.value.message == "there is no room #loby; did you mean lobby?"


def test_there_cannot_be_a_room_of_that_name(hub: Hub) -> None:
    with pytest.raises(BadRequest, match="cannot contain '@'"):
        hub.open_room("@bob")
    assert not hub.rooms


def test_a_room_one_is_not_in_says_how_to_get_there(hub: Hub) -> None:
    alice = enter(hub, "alice", "lobby")
    hub.open_room("Dev")
    assert hub.room_of(alice, "#LOBBY") is hub.room_of(alice, "lobby") is hub.rooms["lobby"]
    with pytest.raises(NotInRoom) as caught:
        hub.room_of(alice, "dev")
    assert caught.value.message == "you are not in #Dev; /join Dev takes you there"


@pytest.mark.parametrize("memory", ["a member", "a line", "a topic"])
def test_a_room_with_something_to_remember_stays(hub: Hub, memory: str) -> None:
    room = hub.open_room("dev")
    if memory == "a member":
        enter(hub, "alice", "dev")
    elif memory == "a line":
        room.show([Entry("dev", 1, 0, "message", "alice", "", "hello")])
    else:
        room.change(topic="tea")
    hub.drop_if_idle(room)
    assert hub.find_room("dev") is room


def test_an_empty_room_is_forgotten(hub: Hub) -> None:
    hub.drop_if_idle(hub.open_room("dev"))
    assert not hub.rooms


# --- conversations


def test_a_conversation_is_the_same_from_both_sides(hub: Hub) -> None:
    alice, bob = enter(hub, "alice"), enter(hub, "bob")
    direct = hub.open_direct(alice, bob, shown=3)
    assert hub.open_direct(bob, alice) is direct
    assert direct.shown == 3
    assert hub.neighbours(alice) == {alice, bob}


def test_one_cannot_talk_to_oneself(hub: Hub) -> None:
    alice = enter(hub, "alice")
    with pytest.raises(NotPermitted, match="that is yourself"):
        hub.open_direct(alice, alice)


def test_a_conversation_ends_when_both_have_left(hub: Hub) -> None:
    alice, bob = enter(hub, "alice"), enter(hub, "bob")
    direct = hub.open_direct(alice, bob)
    hub.exit(bob, "")
    assert hub.directs == alice.directs == {direct.key: direct}
    hub.exit(alice, "")
    assert not hub.directs


def test_a_conversation_is_found_by_the_nick_of_the_moment(hub: Hub) -> None:
    alice, bob = enter(hub, "alice"), enter(hub, "bob")
    direct = hub.open_direct(alice, bob)
    assert hub.find_direct(alice, "@BOB") is hub.find_direct(alice, "bob") is direct
    hub.rename(bob, "robert", now=0.0)
    assert hub.find_direct(alice, "@bob") is None
    hub.exit(bob, "")
    assert hub.find_direct(alice, "@robert") is direct


def test_what_is_meant_for_the_holder_of_a_nick_never_goes_to_its_former_one(hub: Hub) -> None:
    alice, bob = enter(hub, "alice"), enter(hub, "bob")
    old = hub.open_direct(alice, bob)
    hub.exit(bob, "")
    new_bob = enter(hub, "bob")
    assert hub.find_direct(alice, "@bob") is None
    new = hub.open_direct(alice, new_bob)
    assert new is not old
    assert hub.find_direct(alice, "@bob") is new
    hub.exit(new_bob, "")
