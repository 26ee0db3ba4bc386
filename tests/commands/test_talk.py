"""Talking to a room or to one person, and finding what was said."""

from __future__ import annotations

from typing import Any

import pytest

from support_commands import Chat, Person, open_chat
from trio_chat.config import LimitsSection
from trio_chat.errors import (
    BadRequest,
    ChatError,
    NoSuchMember,
    NoSuchRoom,
    NotInRoom,
    NotPermitted,
    TooLong,
    UsageError,
)
from trio_chat.events import Result
from trio_chat.store.api import Entry, Write
from trio_chat.wire.fitting import MAX_SERVER_LINE_BYTES
from trio_chat.wire.native import encode_event

DAY_MS = 86_400_000


async def log(chat: Chat, key: str) -> list[tuple[str, str, str]]:
    page = await chat.store.page(key, limit=1000)
    return [(entry.kind, entry.sender, entry.text) for entry in page]


def texts(data: Any) -> list[str]:
    return [event["text"] for event in data["events"]]


# --- saying


async def test_what_is_no_command_is_said_and_two_slashes_say_one() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        for line in ("hello", "//me is a command", "  indented"):
            await alice.type(line)
        assert await log(chat, "lobby") == [
            ("message", "alice", "hello"),
            ("message", "alice", "/me is a command"),
            ("message", "alice", "  indented"),
        ]


@pytest.mark.parametrize(
    "line", ["/nikc secret", "/ msg bob secret", "/MSGbob secret", "/usr/bin", " /who"]
)
async def test_a_mistyped_command_never_reaches_the_room(line: str) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        with pytest.raises(ChatError):
            await alice.type(line)
        assert await log(chat, "lobby") == []


async def test_me_says_what_one_does() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        await alice.type("/me waves  twice")
        assert await log(chat, "lobby") == [("action", "alice", "waves  twice")]
        assert alice.place is not None
        assert [line.text for line in alice.place.recent] == ["waves  twice"]


@pytest.mark.parametrize("line", ["/me waves", "/history"])
async def test_without_a_room_one_is_told_how_to_get_into_one(line: str) -> None:
    async with open_chat() as chat:
        with pytest.raises(NotInRoom, match="/join ROOM"):
            await chat.enter("alice").type(line)


async def test_what_is_said_by_a_command_has_the_limits_of_what_is_said() -> None:
    async with open_chat(limits=LimitsSection(text_bytes=5)) as chat:
        alice = chat.enter("alice", "lobby")
        with pytest.raises(TooLong, match="at most 5 bytes; this one has 6"):
            await alice.type("/me waves!")
        with pytest.raises(TooLong, match="at most 5 bytes; this one has 6"):
            await alice.type("hello!")


# --- conversations


async def test_a_message_is_between_two() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice", "lobby"), chat.enter("bob")
        outcome = await alice.type("/msg Bob  hi  there")
        assert outcome.text is None
        (direct,) = bob.member.directs.values()
        assert await log(chat, direct.key) == [("message", "alice", "hi  there")]
        assert direct.label_for(bob.member.identity) == "@alice"
        assert await log(chat, "lobby") == []


async def test_a_message_to_somebody_away_says_so() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        await bob.type("/away lunch")
        assert await alice.read("/w @bob hungry?") == "bob is away: lunch"
        assert len(bob.member.directs) == 1


async def test_a_message_goes_to_somebody_else_who_is_here() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        with pytest.raises(NoSuchMember, match="nobody here is called bob"):
            await alice.type("/msg bob hi")
        with pytest.raises(NotPermitted, match="that is yourself"):
            await alice.type("/msg ALICE hi")
        with pytest.raises(UsageError, match=r"^usage: /msg NICK TEXT$"):
            await alice.type("/msg bob")


@pytest.mark.parametrize("text", ["x" * 5000, "\u3000"])
async def test_a_message_that_cannot_be_sent_begins_no_conversation(text: str) -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        with pytest.raises((TooLong, BadRequest, UsageError)):
            await alice.type(f"/msg bob {text}")
        assert not alice.member.directs
        assert not bob.member.directs
        assert bob.member.last_partner is None


async def test_reply_answers_the_last_who_wrote_whatever_the_nick_is_now() -> None:
    async with open_chat() as chat:
        alice, bob, carol = chat.enter("alice"), chat.enter("bob"), chat.enter("carol")
        with pytest.raises(NoSuchMember, match="nobody has written to you yet"):
            await bob.type("/reply hi")
        await carol.type("/msg bob one")
        await alice.type("/msg bob two")
        await alice.type("/nick alicia")
        await bob.type("/r three")
        direct = chat.directory.find_direct(bob.member, "alicia")
        assert direct is not None
        assert [text for _, _, text in await log(chat, direct.key)] == ["two", "three"]


async def test_reply_answers_who_wrote_last_by_whatever_way() -> None:
    async with open_chat() as chat:
        alice, bob, carol = chat.enter("alice"), chat.enter("bob"), chat.enter("carol")
        await alice.type("/msg bob one")
        await carol.type("/msg bob two")
        alice.place = chat.directory.find_direct(alice.member, "bob")
        await alice.type("/me waves")
        assert bob.member.last_partner is alice.member
        await bob.type("/ignore carol")
        await carol.type("/msg bob three")
        await bob.type("/reply four")
        assert alice.place is not None
        assert [text for _, _, text in await log(chat, alice.place.key)] == ["one", "waves", "four"]


async def test_a_reply_never_reaches_who_took_the_nick_of_the_one_it_is_meant_for() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        await bob.type("/msg alice hi")
        bob.exit()
        other = chat.enter("bob")
        with pytest.raises(NoSuchMember, match=r"^bob has left$"):
            await alice.type("/reply our secret")
        assert not other.member.directs


async def test_the_next_owner_of_a_nick_reads_nothing_of_what_was_said_to_the_last() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        await alice.type("/msg bob our secret")
        bob.exit()
        other = chat.enter("bob")
        await alice.type("/msg bob hello")
        assert texts(await other.data("/search se*")) == []
        assert texts(await other.data("/search room:@alice after:1w")) == ["hello"]


# --- history


async def test_history_shows_the_last_lines_oldest_first() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        for line in ("one", "/me waves", "/topic tea", "two\nlines"):
            await alice.type(line)
        shown = (await alice.read("/history")).splitlines()
        assert [line.partition("] ")[2] for line in shown] == [
            "#lobby <alice> one",
            "#lobby * alice waves",
            "#lobby * alice topic tea",
            "#lobby <alice> two",
            "#lobby lines",
        ]
        data = await alice.data("/history 2")
        assert [(event["type"], event["seq"]) for event in data["events"]] == [
            ("topic", 3),
            ("said", 4),
        ]
        assert data["more"] is False


async def test_history_of_an_empty_room_says_so() -> None:
    async with open_chat() as chat:
        assert await chat.enter("alice", "lobby").read("/history") == "nothing was said here yet"


@pytest.mark.parametrize("count", ["0", "-1", "many", "1.5", "²", "1234567"])
async def test_history_takes_a_number(count: str) -> None:
    async with open_chat() as chat:
        with pytest.raises(UsageError, match=r"^usage: /history \[COUNT\]$"):
            await chat.enter("alice", "lobby").type(f"/history {count}")


async def test_history_has_an_upper_limit() -> None:
    async with open_chat(limits=LimitsSection(page_events_max=3)) as chat:
        alice = chat.enter("alice", "lobby")
        for number in range(5):
            await alice.type(f"line {number}")
        assert texts(await alice.data("/history 100")) == ["line 2", "line 3", "line 4"]


async def test_history_of_a_conversation_is_called_by_the_partners_nick() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        await alice.type("/msg bob hi")
        bob.place = chat.directory.find_direct(bob.member, "alice")
        assert (await bob.read("/history")).endswith("@alice <alice> hi")


async def test_who_is_ignored_is_seen_neither_in_history_nor_in_search() -> None:
    async with open_chat() as chat:
        alice, mallory = chat.enter("alice", "lobby"), chat.enter("mallory", "lobby")
        await mallory.type("buy tea")
        await alice.type("drink tea")
        await alice.type("/ignore mallory")
        assert texts(await alice.data("/history")) == ["drink tea"]
        assert texts(await alice.data("/search tea")) == ["drink tea"]


# --- search


async def talk(chat: Chat) -> tuple[Person, Person]:
    """Alice in lobby and dev, bob in lobby and ops, and a conversation of the two."""
    alice, bob = chat.enter("alice", "lobby", "dev"), chat.enter("bob", "ops", "lobby")
    await alice.type("Tea in dev")
    await alice.type("/join lobby")
    await alice.type("tea in lobby")
    await bob.type("more TEA in lobby")
    await bob.type("/join ops")
    await bob.type("tea in ops")
    await bob.type("/msg alice tea for two")
    return alice, bob


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tea", ["Tea in dev", "tea in lobby", "more TEA in lobby", "tea for two"]),
        ("TEA lobby", ["tea in lobby", "more TEA in lobby"]),
        ("tea room:dev", ["Tea in dev"]),
        ("tea room:#DEV", ["Tea in dev"]),
        ("room:@bob tea", ["tea for two"]),
        ("from:bob tea", ["more TEA in lobby", "tea for two"]),
        ("From:@BOB tea room:lobby", ["more TEA in lobby"]),
        ("from:bob", ["more TEA in lobby", "tea for two"]),
        ("tea from:carol", []),
        ("coffee", []),
    ],
)
async def test_search_finds_what_was_said_where_one_is(query: str, found: list[str]) -> None:
    async with open_chat() as chat:
        alice, _ = await talk(chat)
        # What was said in one millisecond in several rooms comes in any order.
        assert sorted(texts(await alice.data(f"/search {query}"))) == sorted(found)


async def test_search_shows_where_and_by_whom() -> None:
    async with open_chat() as chat:
        alice, _ = await talk(chat)
        shown = (await alice.read("/find tea from:bob")).splitlines()
        assert {line.partition("] ")[2] for line in shown} == {
            "#lobby <bob> more TEA in lobby",
            "@bob <bob> tea for two",
        }
        assert await alice.read("/search coffee") == "nothing found"


async def test_search_reads_no_room_one_is_not_in() -> None:
    async with open_chat() as chat:
        alice, _ = await talk(chat)
        with pytest.raises(NotInRoom, match="you are not in #ops"):
            await alice.type("/search tea room:ops")
        with pytest.raises(NoSuchRoom, match="there is no room #attic"):
            await alice.type("/search tea room:attic")


async def test_search_reads_no_conversation_of_others() -> None:
    async with open_chat() as chat:
        await talk(chat)
        carol = chat.enter("carol", "lobby")
        assert "tea for two" not in texts(await carol.data("/search tea"))
        with pytest.raises(NoSuchMember, match="there is no conversation with bob"):
            await carol.type("/search tea room:@bob")


async def test_search_reads_the_conversation_with_somebody_who_left() -> None:
    async with open_chat() as chat:
        alice, bob = await talk(chat)
        bob.exit()
        assert texts(await alice.data("/search tea room:@bob")) == ["tea for two"]


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ("after:1d", []),
        ("after:3d", ["now"]),
        ("after:1w", ["now"]),
        ("after:999999w", ["now"]),
        ("before:1d", ["now"]),
        ("before:3d", []),
        ("before:4000m", []),
        ("before:9999-01-01", ["now"]),
        ("after:0001-01-01", ["now"]),
        ("after:2001-01-01T12:00", ["now"]),
        ("after:2001-01-01T12:00+02:00 before:9999-12-31", ["now"]),
    ],
)
async def test_search_within_a_time(when: str, found: list[str]) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        await alice.type("now")
        assert alice.said is not None
        chat.now_ms = alice.said.at_ms + 2 * DAY_MS
        assert texts(await alice.data(f"/search now {when}")) == found


@pytest.mark.parametrize("time", ["yesterday", "3y", "d", "2026-13-01", "1234567d", "12:00"])
async def test_search_says_how_to_write_a_time(time: str) -> None:
    async with open_chat() as chat:
        with pytest.raises(UsageError, match="is no time; write 2026-11-22, 2026-11-22T12:00"):
            await chat.enter("alice", "lobby").type(f"/search tea before:{time}")


@pytest.mark.parametrize("query", ["", " ", "!!!", '""', "-"])
async def test_a_search_for_nothing_is_told_the_usage(query: str) -> None:
    async with open_chat() as chat:
        with pytest.raises(UsageError, match=r"^usage: /search WORDS"):
            await chat.enter("alice", "lobby").type(f"/search {query}")


# --- the end of a line


@pytest.mark.parametrize("letter", ["x", "日", '"', "\\", "\n"])
@pytest.mark.parametrize("line", ["/history 1000", "/search aab"])
async def test_an_answer_too_large_for_a_line_keeps_the_newest_and_says_so(
    letter: str, line: str
) -> None:
    limits = LimitsSection(search_results=1000)
    async with open_chat(limits=limits) as chat:
        alice = chat.enter("alice", "lobby")
        body = letter * (99 if letter == "\n" else 3900 // len(letter.encode()))
        for number in range(80):
            await chat.commit(Write(room="lobby", sender="alice", text=f"aab {number}{body}"))
        outcome = await alice.type(line)
        assert outcome.text is not None
        result = Result(id="x" * 64, command="history", data=outcome.data, text=outcome.text)
        encoded = encode_event(result)
        assert 30_000 < len(encoded) <= MAX_SERVER_LINE_BYTES
        assert outcome.text.startswith("(older ones did not fit; /search before:TIME finds them)")
        events = outcome.data["events"]
        assert outcome.data["more"] is True
        assert [event.seq for event in events] == list(range(81 - len(events), 81))


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (Entry("lobby", 1, 0, "kicked", "alice", "", "spam", "bob"), "* alice kicked bob spam"),
        (Entry("lobby", 1, 0, "kicked", "alice", "", "", "bob"), "* alice kicked bob"),
        (Entry("lobby", 1, 0, "topic", "alice", "", ""), "* alice topic"),
        (Entry("lobby", 1, 0, "edited", "alice", "", "better", 1), "* alice edited 1 better"),
        (Entry("lobby", 1, 0, "notice", "alice", "", "hear"), "<alice> hear"),
    ],
)
async def test_history_shows_every_kind_of_entry(entry: Entry, shown: str) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        await alice.type("good")
        write = Write(room="lobby", kind=entry.kind, sender="alice", text=entry.text)
        await chat.commit(replace_target(write, entry))
        assert (await alice.read("/history")).endswith(f"#lobby {shown}")


def replace_target(write: Write, entry: Entry) -> Write:
    write.target = entry.target
    return write
