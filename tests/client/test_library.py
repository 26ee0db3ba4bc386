"""`open_chat` for programs: lines said once, events seen once, errors by their names."""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support_client import FakeServer
from support_library import Bot, take
from trio_chat.client import (
    EventsLost,
    Refused,
    Stored,
    Unreachable,
    open_chat,
)
from trio_chat.errors import ChatError, NameTaken, TooLong, Unavailable, UnknownCommand
from trio_chat.events import Bye, Error, Left, Said
from trio_chat.requests import Hello, Input, Page


async def test_say_returns_where_it_is_stored(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat:
        assert chat.nick == "bot"
        assert await chat.say("lobby", "one") == Stored("lobby", 1)
        assert await chat.say("#lobby", "/me is no command here") == Stored("lobby", 2)
    assert server.said() == ["one", "/me is no command here"]
    assert server.asked(Input)[-1].text == "/quit"


async def test_what_is_refused_is_raised_by_its_name(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat:
        with pytest.raises(UnknownCommand, match="unknown command /nope"):
            await chat.command("/nope")
        server.input_errors = [Error(code="brand_new", message="not today", retry_after=7)]
        with pytest.raises(ChatError, match=r"not today \(brand_new\)") as caught:
            await chat.say("lobby", "hello")
        assert caught.value.retry_after == 7
        with pytest.raises(TooLong):
            await chat.say("lobby", "x" * 20_000)
        with pytest.raises(ValueError, match="is no command"):
            await chat.command("//help")
    assert server.said() == []


async def test_lines_that_are_given_up_wait_but_not_without_end(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat:
        server.is_down = True
        await server.cut()
        for number in range(1000):
            with trio.move_on_after(0.001):
                await chat.say("lobby", str(number))
        with pytest.raises(Unavailable, match="1000 lines wait"):
            await chat.say("lobby", "one too many")
        server.is_down = False
        await server.wait_until(lambda: len(server.said()) == 1000)
        await chat.say("lobby", "again")
    assert server.said() == [*map(str, range(1000)), "again"]


async def test_what_is_refused_for_now_is_said_later(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.flood = True
    async with bot() as chat:
        for number in range(20):
            await chat.say("lobby", str(number))
    assert server.said() == [str(number) for number in range(20)]


async def test_command_returns_what_it_found_out(bot: Bot, autojump_clock: MockClock) -> None:
    async with bot() as chat:
        answer = await chat.command("/help", room="lobby")
        assert "/join ROOM: enter a room" in answer.text
        assert (answer.data, answer.stored) == (None, None)
        assert [part.text for part in answer.parts] == [answer.text]


async def test_many_tasks_speak_at_once(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat, trio.open_nursery() as talking:
        for number in range(500):
            talking.start_soon(chat.say, "lobby", str(number))
    assert sorted(server.said(), key=int) == [str(number) for number in range(500)]


# --- events


async def test_events_begin_when_they_are_asked_for(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.store("lobby", "bob", "before the bot came")
    async with bot() as chat:
        await server.say("before it listened")
        await chat.say("lobby", "ready")
        stream = chat.events()
        await server.say("now")
        await chat.say("lobby", "mine")
        assert await take(stream, 2) == ["now", "mine"]


@pytest.mark.parametrize("resumes", [True, False])
async def test_no_event_is_lost_or_repeated_over_broken_links(
    server: FakeServer, bot: Bot, resumes: bool, autojump_clock: MockClock
) -> None:
    server.resumes = resumes
    async with bot() as chat:
        stream = chat.events()
        said = []
        for number in range(10):
            await server.say(f"{number} live")
            await server.cut()
            server.store("lobby", "bob", f"{number} missed")
            said += [f"{number} live", f"{number} missed"]
            await chat.say("lobby", f"{number} own")
            said.append(f"{number} own")
        assert await take(stream, len(said)) == said


async def test_backlog_of_a_room_that_is_entered_is_no_event(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.store("dev", "bob", "old")
    async with bot() as chat:
        stream = chat.events()
        await chat.command("/join dev")
        await server.say("new", room="dev")
        assert await take(stream, 1) == ["new"]
        await server.cut()
        server.store("dev", "bob", "missed")
        assert await take(stream, 1) == ["missed"]


async def test_first_words_of_a_person_are_an_event_even_if_missed(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat:
        stream = chat.events()
        server.sessions["token-1"].rooms.append("@bob")
        server.store("@bob", "bob", "are you there?")
        await server.cut()
        assert await take(stream, 1) == ["are you there?"]


async def test_comings_and_goings_are_events(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat:
        stream = chat.events()
        await server.tell(Left(room="lobby", nick="bob", reason=""))
        assert await anext(stream) == Left(room="lobby", nick="bob", reason="")


async def test_slow_program_loses_nothing(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """The server is kept waiting while the buffer is full."""
    said = [str(number) for number in range(200)]
    async with bot(buffer_events=10) as chat, trio.open_nursery() as talking:

        async def talk() -> None:
            for text in said:
                await server.say(text)

        stream = chat.events()
        talking.start_soon(talk)
        await wait_all_tasks_blocked()
        assert await take(stream, 200) == said


async def test_program_that_answers_while_its_buffer_is_full_is_answered(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot(buffer_events=2) as chat:
        stream = chat.events()
        for text in ("1", "2", "3"):
            await server.say(text)
        assert await take(stream, 1) == ["1"]
        with trio.fail_after(60):
            await chat.say("lobby", "4")
        assert await take(stream, 3) == ["2", "3", "4"]


async def test_lost_events_are_told(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot(buffer_events=2) as chat:
        stream = chat.events()
        for number in range(6):
            await chat.say("lobby", str(number))
        assert await take(stream, 4) == ["0", "1", "2", "3"]
        with pytest.raises(EventsLost, match="2 events"):
            await anext(stream)


# --- history


async def test_history_is_read_page_by_page(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    for number in range(1, 251):
        server.store("lobby", "bob", str(number))
    async with bot() as chat:
        stream = chat.events()
        seen: list[str] = []
        before, more = None, True
        while more:
            page = await chat.history("lobby", before=before, limit=100)
            seen = [e.text for e in page.events if isinstance(e, Said)] + seen
            before, more = page.events[0].seq, page.more
        assert seen == [str(number) for number in range(1, 251)]
        await server.say("new")
        assert await take(stream, 1) == ["new"]


async def test_history_outlives_the_link(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.store("lobby", "bob", "old")
    async with bot() as chat:
        server.silent = True
        async with trio.open_nursery() as asking:

            async def ask() -> None:
                page = await chat.history("#lobby")
                assert [e.text for e in page.events if isinstance(e, Said)] == ["old"]

            asking.start_soon(ask)
            await server.wait_until(lambda: bool(server.asked(Page)))
            server.silent = False
            await server.cut()
    assert len(server.asked(Page)) == 2


async def test_history_that_is_refused_is_an_error(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.page_errors = [
        Error(code="unavailable", message="later", retry_after=5),
        Error(code="not_in_room", message="join it first"),
    ]
    async with bot() as chat:
        with pytest.raises(ChatError, match="join it first"):
            await chat.history("dev")


# --- beginning and end


async def test_name_that_is_taken_is_told_at_the_start(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.hello_errors = [Error(code="nick_taken", message="bot is taken", retry_after=3)]
    with pytest.raises(NameTaken, match="bot is taken") as caught:
        async with bot():
            pytest.fail("it was let in")
    assert caught.value.retry_after == 3


async def test_no_server_is_told_at_the_start(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.is_down = True
    with pytest.raises(Unreachable, match="connection refused"):
        async with bot():
            pytest.fail("there is no server")


async def test_being_told_to_go_ends_the_block(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async def listen() -> None:
        async with bot() as chat:
            await server.tell(Bye(reason="you are banned"))
            await server.cut()
            await anext(chat.events())

    with pytest.raises(Refused, match="you are banned"):
        await listen()


async def test_error_of_the_block_comes_out_as_it_is_and_the_nick_is_free(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with bot():
            raise KeyError("mine")
    assert server.asked(Input)[-1].text == "/quit"


async def test_block_can_be_cancelled(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(5) as scope:
        async with bot():
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert server.asked(Input)[-1].text == "/quit"


async def test_quit_ends_the_block(server: FakeServer, bot: Bot, autojump_clock: MockClock) -> None:
    with trio.fail_after(60):
        async with bot() as chat:
            await chat.command("/quit")
            await trio.sleep_forever()
    assert len(server.asked(Input)) == 1


async def test_login_is_said(server: FakeServer, autojump_clock: MockClock) -> None:
    async with open_chat("fake", nick="bot", token="tc_1", dial=server.dial):
        pass
    assert server.asked(Hello)[0].token == "tc_1"


async def test_line_whose_answer_was_lost_with_the_session_is_found_in_the_history(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.resumes = False
    server.lost_answers = 1
    async with bot() as chat:
        assert await chat.say("lobby", "hello") == Stored("lobby", 1)
    assert server.said() == ["hello"]


async def test_command_whose_answer_was_lost_with_the_session_is_in_doubt(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.resumes = False
    server.lost_answers = 1
    async with bot() as chat:
        with pytest.raises(Unavailable, match="not known whether this happened"):
            await chat.command("/part", room="lobby")


def test_programs_do_not_pay_for_the_terminal() -> None:
    code = "import sys, trio_chat.client; assert not [m for m in sys.modules if 'prompt_' in m]"
    subprocess.run([sys.executable, "-c", code], check=True)
