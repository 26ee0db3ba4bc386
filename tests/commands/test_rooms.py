"""Going from room to room, who is there, and what a room is about."""

from __future__ import annotations

import pytest

from support_commands import open_chat
from trio_chat.chat.rooms import Member, RoomRecord
from trio_chat.config import LimitsSection
from trio_chat.errors import BadRequest, NoSuchRoom, NotInRoom, NotPermitted, TooLong, UsageError
from trio_chat.events import Result
from trio_chat.wire.fitting import MAX_SERVER_LINE_BYTES
from trio_chat.wire.native import encode_event


async def test_join_makes_a_room_or_enters_the_one_there_is() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        await alice.type("/join #Tea")
        await bob.type("/j ｔｅａ")
        assert alice.place is bob.place is chat.directory.find_room("tea")
        assert len(chat.directory.rooms["tea"].members) == 2


@pytest.mark.parametrize("name", ["@bob", "a,b", "#", "x" * 65])
async def test_join_says_why_there_cannot_be_such_a_room(name: str) -> None:
    async with open_chat() as chat:
        with pytest.raises(BadRequest, match="a room name"):
            await chat.enter("alice").type(f"/join {name}")
        assert not chat.directory.rooms


async def test_one_can_be_in_a_limited_number_of_rooms_and_go_between_them() -> None:
    async with open_chat(limits=LimitsSection(rooms_per_session=2)) as chat:
        alice = chat.enter("alice", "lobby", "dev")
        with pytest.raises(NotPermitted, match="at most 2 rooms; /leave one first"):
            await alice.type("/join ops")
        await alice.type("/join #Lobby")
        assert alice.place is chat.directory.rooms["lobby"]
        await alice.type("/leave")
        await alice.type("/join ops")
        assert [*alice.member.rooms] == ["dev", "ops"]


async def test_leave_is_for_the_room_one_is_in_or_the_one_named() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby", "dev", "ops")
        await alice.type("/leave")
        await alice.type("/part #LOBBY see you")
        assert [*alice.member.rooms] == ["dev"]
        chat.enter("bob", "lobby")
        with pytest.raises(NotInRoom, match="you are not in #lobby"):
            await alice.type("/leave lobby")
        with pytest.raises(NoSuchRoom, match="there is no room #attic"):
            await alice.type("/leave attic")


async def test_a_reason_that_is_too_long_is_refused_before_one_has_left() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        with pytest.raises(TooLong, match="a reason has at most 200 characters"):
            await alice.type("/leave lobby " + "x" * 201)
        assert [*alice.member.rooms] == ["lobby"]


@pytest.mark.parametrize("line", ["/leave", "/who", "/topic", "/topic tea"])
async def test_a_command_for_a_room_asks_for_one_where_there_is_none(line: str) -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        with pytest.raises(NotInRoom):
            await alice.type(line)
        await bob.type("/msg alice hi")
        alice.place = chat.directory.find_direct(alice.member, "bob")
        with pytest.raises(NotInRoom, match="you are in no room here; name one"):
            await alice.type(line)


# --- who


async def test_who_shows_everybody_in_the_room_by_name() -> None:
    async with open_chat() as chat:
        bob = chat.enter("bob", "lobby")
        await bob.type("/away lunch")
        alice = chat.enter("Alice", "lobby")
        chat.enter("carol", "dev")
        assert await alice.read("/who") == "#lobby, 2 here: Alice, bob (away)"
        assert await alice.read("/names #DEV") == "#dev, 1 here: carol"
        assert await alice.data("/who lobby") == {
            "room": "lobby",
            "total": 2,
            "members": [
                {"nick": "Alice", "account": None, "role": "guest", "away": None},
                {"nick": "bob", "account": None, "role": "guest", "away": "lunch"},
            ],
        }
        with pytest.raises(NoSuchRoom, match=r"there is no room #loby; did you mean lobby\?"):
            await alice.type("/who loby")


@pytest.mark.parametrize("letter", ["x", "日"])
async def test_a_crowd_is_shown_in_part_and_counted_in_full(letter: str) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        room = chat.directory.rooms["lobby"]
        for number in range(2000):
            member = Member(str(number), f"{number}".ljust(32, letter))
            member.away = letter * 200
            room.add(member)
        outcome = await alice.type("/who")
        assert outcome.text is not None
        shown = len(outcome.data["members"])
        assert outcome.data["total"] == 2001
        assert 0 < shown < 2001
        assert outcome.text.startswith("#lobby, 2001 here: ")
        assert outcome.text.endswith(f" and {2001 - shown} more")
        result = Result(id="x" * 64, command="who", data=outcome.data, text=outcome.text)
        assert len(encode_event(result)) <= MAX_SERVER_LINE_BYTES


# --- rooms


async def test_rooms_are_listed_with_the_fullest_first() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "Büro", "lobby")
        chat.enter("bob", "lobby")
        await alice.type("/topic tea and cake")
        assert await alice.read("/rooms") == "#lobby (2) tea and cake\n#Büro (1)"
        assert await alice.data("/list") == {
            "total": 2,
            "rooms": [
                {"room": "lobby", "members": 2, "topic": "tea and cake"},
                {"room": "Büro", "members": 1, "topic": ""},
            ],
        }
        for part in ("#BÜ", "bu\u0308"):
            assert await alice.read(f"/rooms {part}") == "#Büro (1)"
        assert await alice.read("/rooms attic") == "no such rooms"


@pytest.mark.parametrize("letter", ["x", "日"])
async def test_many_rooms_are_listed_in_part_and_counted_in_full(letter: str) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        for number in range(500):
            chat.directory.open_room(f"r{number}").change(topic=letter * 390)
        outcome = await alice.type("/rooms")
        assert outcome.text is not None
        shown = len(outcome.data["rooms"])
        assert outcome.data["total"] == 500
        assert 0 < shown < 500
        assert outcome.text.endswith(f"\nand {500 - shown} more; /rooms PART finds them")
        result = Result(id="x" * 64, command="rooms", data=outcome.data, text=outcome.text)
        assert len(encode_event(result)) <= MAX_SERVER_LINE_BYTES


# --- topic


async def test_a_topic_is_set_shown_and_removed() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        assert await alice.read("/topic") == "#lobby has no topic"
        await alice.type("/topic tea\nand \x1b cake")
        assert await alice.read("/topic") == "#lobby: tea and \ufffd cake"
        assert await alice.data("/topic") == {"room": "lobby", "topic": "tea and \ufffd cake"}
        await alice.type("/topic -")
        assert await alice.read("/topic") == "#lobby has no topic"


async def test_a_topic_is_a_line_of_the_log_and_kept_with_the_room() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "Lobby")
        await alice.type("/topic tea")
        (entry,) = await chat.store.page("lobby", limit=10)
        assert (entry.kind, entry.sender, entry.text) == ("topic", "alice", "tea")
        assert chat.state.current("room", "lobby") == RoomRecord("Lobby", "tea")


async def test_a_topic_that_is_too_long_is_refused() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        with pytest.raises(TooLong, match="a topic has at most 390 characters; this one has 391"):
            await alice.type("/topic " + "x" * 391)
        assert await chat.store.page("lobby", limit=10) == []


async def test_join_wants_a_room() -> None:
    async with open_chat() as chat:
        with pytest.raises(UsageError, match=r"^usage: /join ROOM \[KEY\]$"):
            await chat.enter("alice").type("/join")
