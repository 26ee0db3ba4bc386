"""Rooms and direct conversations: what those who join are shown, and who is who in one of two."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Direct, Member, Room, direct_key
from trio_chat.chat.talks import Talk, stored_event
from trio_chat.errors import NotInRoom
from trio_chat.events import Deleted, Edited, Joined, Kicked, Left, MemberInfo, Members, Said, Topic
from trio_chat.store.api import Entry, EntryKind

AT_MS = 1_795_348_800_123
AT = "2026-11-22T12:00:00.123Z"


def name_of(id: str) -> str | None:
    return {"id of ada": "ada"}.get(id)


def line(seq: int, kind: EntryKind = "message", target: int | str | None = None) -> Entry:
    return Entry("lobby", seq, AT_MS, kind, "alice", "", f"text {seq}", target)


def lines(first: int, last: int) -> list[Entry]:
    return [line(seq) for seq in range(first, last + 1)]


# --- the log


@pytest.mark.parametrize(
    ("entry", "event"),
    [
        (
            line(1),
            Said(room="#x", seq=1, at=AT, sender="alice", text="text 1", kind="message"),
        ),
        (
            line(2, "action"),
            Said(room="#x", seq=2, at=AT, sender="alice", text="text 2", kind="action"),
        ),
        (
            line(3, "notice"),
            Said(room="#x", seq=3, at=AT, sender="alice", text="text 3", kind="notice"),
        ),
        (line(4, "topic"), Topic(room="#x", seq=4, at=AT, by="alice", text="text 4")),
        (
            line(5, "kicked", "bob"),
            Kicked(room="#x", seq=5, at=AT, by="alice", nick="bob", reason="text 5"),
        ),
        (
            line(6, "edited", 1),
            Edited(room="#x", seq=6, at=AT, by="alice", target=1, text="text 6"),
        ),
        (
            line(7, "deleted", 1),
            Deleted(room="#x", seq=7, at=AT, by="alice", target=1, text="text 7"),
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_each_kind_of_entry_is_one_event(entry: Entry, event: object) -> None:
    assert stored_event("#x", entry, name_of) == event


def test_line_of_an_account_names_it_for_as_long_as_it_is_known() -> None:
    entry = Entry("lobby", 1, AT_MS, "message", "alice", "id of ada", "hi", None)
    said = Said(room="x", seq=1, at=AT, sender="alice", text="hi", kind="message", account="ada")
    assert stored_event("x", entry, name_of) == said
    talk = Talk("lobby", shown=0, keep_events=10)
    talk.show([entry, Entry("lobby", 2, AT_MS, "edited", "alice", "id of ada", "ho", 1)])
    assert stored_event("x", talk.recent[0], name_of) == msgspec.structs.replace(
        said, text="ho", edited=True
    )
    assert stored_event("x", entry, lambda id: None) == msgspec.structs.replace(said, account=None)


def test_no_kind_of_entry_is_left_without_an_event() -> None:
    for kind in get_args(EntryKind):
        assert stored_event("lobby", line(1, kind, 1), name_of).seq == 1


def seqs(talk: Talk) -> list[int]:
    return [line.seq for line in talk.recent]


def test_what_is_shown_is_what_a_newcomer_sees() -> None:
    talk = Talk("lobby", shown=0, keep_events=3)
    assert talk.loaded
    talk.show(lines(1, 2))
    assert (talk.shown, seqs(talk)) == (2, [1, 2])
    talk.show(lines(3, 5))
    assert (talk.shown, seqs(talk)) == (5, [3, 4, 5])


def test_older_lines_are_loaded_once() -> None:
    talk = Talk("lobby", shown=9, keep_events=3)
    assert not talk.loaded
    talk.load(lines(7, 9))
    talk.load(lines(1, 3))
    assert talk.loaded
    assert (talk.shown, seqs(talk)) == (9, [7, 8, 9])


@given(
    stored=st.integers(0, 12),
    keep=st.integers(1, 8),
    during=st.integers(0, 12),
    after=st.integers(0, 5),
)
def test_what_is_said_while_the_log_is_read_neither_doubles_nor_is_lost(
    stored: int, keep: int, during: int, after: int
) -> None:
    talk = Talk("lobby", shown=stored, keep_events=keep)
    read = lines(max(1, stored - keep + 1), stored)
    for seq in range(stored + 1, stored + during + 1):
        talk.show([line(seq)])
    talk.load(read)
    last = stored + during + after
    talk.show(lines(stored + during + 1, last))
    assert talk.shown == last
    assert seqs(talk) == list(range(max(1, last - keep + 1), last + 1))


# --- rooms


def test_joining_and_leaving_show_on_both_sides() -> None:
    room, alice = Room("Lobby"), Member("1", "alice")
    assert room.add(alice) == Joined(room="Lobby", nick="alice")
    assert room.members == {"1": alice}
    assert alice.rooms == {"lobby": room}
    assert room.remove(alice, "bye") == Left(room="Lobby", nick="alice", reason="bye")
    assert not room.members
    assert not alice.rooms


def test_a_room_one_is_not_in_cannot_be_left() -> None:
    room, alice = Room("Lobby"), Member("1", "alice")
    with pytest.raises(NotInRoom, match="you are not in #Lobby"):
        room.remove(alice, "")


def test_a_roster_names_some_and_counts_all() -> None:
    room = Room("lobby")
    room.change(topic="tea")
    for number in range(5):
        room.add(Member(str(number), f"m{number}"))
    expected = tuple(
        MemberInfo(nick=nick, account=None, role="guest", away=None) for nick in ("m0", "m1")
    )
    assert room.roster(2) == Members(room="lobby", members=expected, total=5, topic="tea")


# --- members


def test_each_role_may_do_what_the_ones_before_it_may() -> None:
    assert [role.title for role in sorted(Role)] == [
        "guest",
        "member",
        "moderator",
        "admin",
        "owner",
    ]


def test_whoever_is_ignored_is_not_heard_whatever_the_nick() -> None:
    alice, bob = Member("1", "alice"), Member("2", "Bob")
    assert alice.hears(bob.author)
    alice.ignores = {bob.author: "Bob"}
    assert not alice.hears(bob.author)
    bob.call("carol")
    assert not alice.hears(bob.author)
    assert alice.hears(Member("3", "Bob").author)


# --- conversations


IDENTITY = st.from_regex(r"(guest|account):[a-z0-9]{1,6}", fullmatch=True)


def conversation(one: Member, other: Member) -> Direct:
    direct = Direct((one.identity, one.nick), (other.identity, other.nick), shown=0)
    direct.link(one)
    direct.link(other)
    return direct


def test_each_side_sees_the_nick_of_the_other() -> None:
    alice, bob = Member("1", "alice"), Member("2", "bob")
    direct = conversation(alice, bob)
    assert (direct.label_for("1"), direct.label_for("2")) == ("@bob", "@alice")
    assert (direct.partner_of("1"), direct.partner_of("2")) == ("2", "1")
    assert {*direct} == {alice, bob}
    assert alice.directs == bob.directs == {direct.key: direct}


def test_a_partner_who_left_keeps_the_last_nick() -> None:
    alice, bob = Member("1", "alice"), Member("2", "bob")
    direct = conversation(alice, bob)
    bob.call("robert")
    assert direct.label_for("1") == "@robert"
    direct.unlink(bob)
    bob.call("rob")
    assert direct.label_for("1") == "@robert"
    assert {*direct} == {alice}
    assert not bob.directs


def test_a_reply_goes_to_the_last_one_who_was_heard() -> None:
    alice, bob, mallory = Member("1", "alice"), Member("2", "bob"), Member("3", "mallory")
    with_bob, with_mallory = conversation(alice, bob), conversation(alice, mallory)
    with_mallory.wrote(mallory)
    with_bob.wrote(bob)
    assert alice.last_partner is bob
    alice.ignores = {mallory.author: "mallory"}
    with_mallory.wrote(mallory)
    with_bob.wrote(alice)
    assert alice.last_partner is bob
    with_bob.unlink(alice)
    with_bob.wrote(bob)
    assert bob.last_partner is alice


def test_who_takes_a_nick_later_does_not_get_its_conversations() -> None:
    alice, bob = Member("1", "alice"), Member("2", "bob")
    other_bob = Member("3", "bob")
    assert conversation(alice, bob).key != conversation(alice, other_bob).key


@given(IDENTITY, IDENTITY, IDENTITY, IDENTITY)
def test_a_log_belongs_to_two_identities_in_either_order(
    one: str, other: str, third: str, fourth: str
) -> None:
    assert direct_key(one, other) == direct_key(other, one)
    assert (direct_key(one, other) == direct_key(third, fourth)) == (
        {one, other} == {third, fourth} and (one == other) == (third == fourth)
    )
    assert direct_key(one, other).startswith("@")
