"""The streams of `Chat.events`: no silent hole, one task each, and cursors into the log."""

from __future__ import annotations

import gc

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support_client import FakeServer
from support_library import Bot, take, take_events
from trio_chat.client import EventsLost, EventStream, Rewound
from trio_chat.errors import NotInRoom
from trio_chat.events import Error, Gap, Said


def said(number: int) -> Said:
    return Said(room="lobby", seq=number, at="", sender="bob", text=str(number), kind="message")


# --- holes


async def test_what_comes_after_a_hole_is_not_given_before_the_hole_is_told() -> None:
    """L1: bound 2, put 1-4, put 5 (lost), read one, put 6: 6 is not given as if it followed 4."""
    stream = EventStream(2, lambda: None)
    stream.put([said(number) for number in (1, 2, 3, 4)])
    stream.put([said(5)])
    assert await take(stream, 1) == ["1"]
    stream.put([said(6)])
    assert await take(stream, 3) == ["2", "3", "4"]
    with pytest.raises(EventsLost, match="2 events") as caught:
        await anext(stream)
    assert caught.value.count == 2


async def test_stream_goes_on_behind_a_hole_that_was_told() -> None:
    """L1: the hole is told once; what comes afterwards is given."""
    stream = EventStream(1, lambda: None)
    stream.put([said(1), said(2)])
    stream.put([said(3)])
    await take(stream, 2)
    with pytest.raises(EventsLost):
        await anext(stream)
    stream.put([said(4)])
    assert await take(stream, 1) == ["4"]


# --- readers


async def test_each_stream_gives_every_event(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """L2: two tasks in `chat.events()` have a buffer each."""
    async with bot() as chat, trio.open_nursery() as reading:
        heard: list[list[str]] = []

        async def read() -> None:
            heard.append(await take(chat.events(), 2))

        reading.start_soon(read)
        reading.start_soon(read)
        await wait_all_tasks_blocked()
        await server.say("one")
        await server.say("two")
    assert heard == [["one", "two"], ["one", "two"]]


async def test_second_task_in_one_stream_is_refused_with_a_sentence(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """L2: the first one goes on."""
    async with bot() as chat, trio.open_nursery() as reading:
        stream = chat.events()
        reading.start_soon(take, stream, 1)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match=r"another task is reading this stream"):
            await anext(stream)
        await server.say("for the first one")


@pytest.mark.parametrize("way", ["closed", "forgotten"])
async def test_stream_that_nobody_reads_any_more_holds_up_no_other(
    server: FakeServer, bot: Bot, way: str, autojump_clock: MockClock
) -> None:
    async with bot(buffer_events=2) as chat:
        with chat.events() as other:
            await server.say("to both")
            assert await take(other, 1) == ["to both"]
        if way == "forgotten":
            del other
            chat.events()
            gc.collect()
        stream = chat.events()
        for number in range(20):
            await server.say(str(number))
        assert await take(stream, 20) == [str(number) for number in range(20)]


async def test_closed_stream_has_no_events() -> None:
    stream = EventStream(2, lambda: None)
    stream.put([said(1)])
    stream.close()
    stream.put([said(2)])
    assert [event async for event in stream] == []


# --- since


async def test_since_gives_the_past_and_then_what_happens(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    for number in range(1, 251):
        server.store("lobby", "bob", str(number))
    async with bot() as chat:
        stream = chat.events(since={"lobby": 100})
        await server.say("251")
        assert await take(stream, 151) == [str(number) for number in range(101, 252)]
        await server.say("252")
        assert await take(stream, 1) == ["252"]


async def test_since_has_no_hole_and_no_double_over_broken_links(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    expected = []
    for number in range(300):
        server.store("lobby", "bob", f"old {number}")
        expected.append(f"old {number}")
    async with bot() as chat:
        stream = chat.events(since={"lobby": 0})
        got = await take(stream, 150)
        for number in range(10):
            await server.say(f"{number} live")
            await server.cut()
            server.store("lobby", "bob", f"{number} missed")
            expected += [f"{number} live", f"{number} missed"]
            got += await take(stream, 15)
        got += await take(stream, len(expected) - len(got))
    assert got == expected


async def test_since_never_loses_what_its_buffer_cannot_take(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot(buffer_events=2) as chat:
        stream = chat.events(since={"lobby": 0})
        for number in range(50):
            await chat.say("lobby", str(number))
        assert await take(stream, 50) == [str(number) for number in range(50)]
        await server.say("live again")
        assert await take(stream, 1) == ["live again"]


async def test_since_of_a_room_one_is_not_in_is_refused(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.page_errors = [Error(code="not_in_room", message="join it first")]
    async with bot() as chat:
        with pytest.raises(NotInRoom, match="join it first"):
            await anext(chat.events(since={"dev": 0}))


async def test_what_the_log_has_no_longer_is_told_as_a_gap(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    for number in range(1, 6):
        server.store("lobby", "bob", str(number))
    del server.logs["lobby"][1:3]
    async with bot() as chat:
        one, gap, four, five = await take_events(chat.events(since={"lobby": 0}), 4)
        assert gap == Gap(room="lobby", first=2, last=3)
        assert [event.seq for event in (one, four, five) if isinstance(event, Said)] == [1, 4, 5]


# --- a log that began anew


async def test_gap_over_what_was_given_is_told_as_a_log_that_was_rewound(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """L6: Gap(4..24) though 4 was given, then new events 4-8."""
    async with bot() as chat:
        stream = chat.events()
        for number in range(1, 25):
            await server.say(str(number))
        await take(stream, 24)
        await server.cut()
        del server.logs["lobby"][3:]
        for number in range(4, 9):
            server.store("lobby", "bob", f"new {number}")
        server.rewound_to = 3
        assert await take_events(stream, 1) == [Rewound(room="lobby", last=3, was=24)]
        assert await take(stream, 5) == [f"new {number}" for number in range(4, 9)]


@pytest.mark.parametrize("reason", ["", "rewound"])
async def test_server_may_say_so_itself(
    server: FakeServer, bot: Bot, reason: str, autojump_clock: MockClock
) -> None:
    """L6: `gap.reason` "rewound" is the same event of the library."""
    async with bot() as chat:
        stream = chat.events()
        for number in range(1, 6):
            await server.say(str(number))
        await take(stream, 5)
        await server.tell(Gap(room="lobby", first=3, last=5, reason=reason))
        assert await take_events(stream, 1) == [Rewound(room="lobby", last=2, was=5)]


async def test_seqs_from_1_again_are_not_given_without_a_word(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """L6: a server with `--memory` was restarted: seqs from 1, and no gap tells it."""
    async with bot() as chat:
        stream = chat.events()
        for number in range(1, 6):
            await server.say(str(number))
        await take(stream, 5)
        server.logs["lobby"].clear()
        server.resumes = False
        await server.cut()
        server.minutes_later()
        server.store("lobby", "bob", "first of the new log")
        assert await take_events(stream, 1) == [Rewound(room="lobby", last=0, was=5)]
        assert await take(stream, 1) == ["first of the new log"]


async def test_cursor_that_is_too_high_is_told(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """L6: the program has seen more than the server holds now."""
    for number in range(1, 4):
        server.store("lobby", "bob", str(number))
    async with bot() as chat:
        stream = chat.events(since={"lobby": 24})
        assert await take_events(stream, 1) == [Rewound(room="lobby", last=3, was=24)]
        await server.say("new 4")
        assert await take(stream, 1) == ["new 4"]


async def test_conversation_with_another_person_of_the_same_nick_is_not_rewound(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat:
        stream = chat.events()
        await server.say("hello", room="@bob")
        await server.say("are you there?", room="@bob")
        await server.tell(server.leaves("@bob", "bob"))
        server.logs["@bob"].clear()
        server.minutes_later()
        await server.say("I am another bob", room="@bob")
        kinds = [type(event).__name__ for event in await take_events(stream, 4)]
        assert kinds == ["Said", "Said", "Left", "Said"]
