"""Commands for a bot, from the usage line to the answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_chat.client import Bot, Call, CommandFailed
from trio_chat.testing import Person, TestServer

bot = Bot("!")


@bot.command("roll <sides> [bonus]")
def roll(call: Call, sides: int, bonus: float = 0.5) -> str:
    """Roll a die."""
    return f"{sides + bonus}"


@bot.command("poll <question>")
def poll(call: Call, question: str) -> str:
    """Ask something.

    Only the first line is shown in the help.
    """
    return f"{call.sender} asks in {call.room}: {question}"


@bot.command("fail")
def fail(call: Call) -> None:
    raise CommandFailed("that cannot be done today")


@bot.command("kick <nick>")
async def kick(call: Call, nick: str) -> None:
    await call.chat.command(f"/kick {nick}", room=call.room)


@pytest.fixture
async def alice(chat_server: TestServer) -> AsyncIterator[Person]:
    async with chat_server.open_chat("robo") as chat, trio.open_nursery() as bots:
        bots.start_soon(bot.run, chat)
        await wait_all_tasks_blocked()
        yield await chat_server.person("alice")
        bots.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("!roll 6", "6.5"),
        ("!ROLL  6   1.25", "7.25"),
        ("!poll tea  or coffee?", "alice asks in lobby: tea  or coffee?"),
        ("!fail", "that cannot be done today"),
        ("!roll", "usage: !roll <sides> [bonus]"),
        ("!roll many", "sides is a whole number, not 'many'; usage: !roll <sides> [bonus]"),
        ("!roll 1_0", "sides is a whole number, not '1_0'; usage: !roll <sides> [bonus]"),
        ("!roll 6 nan", "bonus is a number, not 'nan'; usage: !roll <sides> [bonus]"),
        ("!roll 6 1 2", "usage: !roll <sides> [bonus]"),
        ("!poll", "usage: !poll <question>"),
        ("!fail now", "usage: !fail"),
        ("!kick carol", "/kick needs the role moderator"),
    ],
)
async def test_command_is_answered_where_it_was_asked(
    alice: Person, said: str, answer: str
) -> None:
    await alice.say("lobby", said)
    assert answer in await alice.hears(sender="robo", room="lobby")


@pytest.mark.parametrize("said", ["!help", "!HELP", "!help roll"])
async def test_help_comes_as_a_direct_message(alice: Person, said: str) -> None:
    await alice.say("lobby", said)
    text = await alice.hears(sender="robo", room="@robo")
    assert "!roll <sides> [bonus]: Roll a die." in text.splitlines()
    assert ("!poll <question>: Ask something." in text.splitlines()) is ("roll" not in said)


@pytest.mark.parametrize("said", ["poll why?", "!poll why?", "/poll why?"])
async def test_conversation_needs_no_prefix(alice: Person, said: str) -> None:
    await alice.say("@robo", said)
    assert await alice.hears(room="@robo") == "alice asks in @alice: why?"


async def test_what_is_no_command_is_not_answered(alice: Person) -> None:
    """Two bots that answered each other's talk would never end."""
    await alice.say("lobby", "!nonsense may be meant for another bot")
    await alice.say("lobby", "roll 6")
    await alice.say("@robo", "hello robo")
    await alice.say("@robo", "!nonsense")
    assert await alice.hears() == "there is no command nonsense; !help lists them"


async def test_refused_answer_is_logged_and_the_bot_goes_on(
    alice: Person, caplog: pytest.LogCaptureFixture
) -> None:
    long = "x" * 4090  # with what is said before it, too long for a line
    with caplog.at_level(logging.WARNING):
        await alice.say("lobby", f"!poll {long[:4080]}")
        await alice.say("lobby", "!roll 6")
        assert await alice.hears(sender="robo") == "6.5"
    assert "the answer was refused" in caplog.text


async def test_bot_runs_until_the_chat_ends(
    chat_server: TestServer, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(60) as scope:
        async with chat_server.open_chat("robo") as chat:
            await bot.run(chat)
    assert scope.cancelled_caught


# --- mistakes of whoever writes the bot


async def takes_a_list(call: Call, words: list[str]) -> None: ...


async def takes_one(call: Call, one: str) -> None: ...


async def may_take_one(call: Call, one: str = "") -> None: ...


@pytest.mark.parametrize(
    ("usage", "function", "sentence"),
    [
        ("x", takes_one, "does not name what the function takes: one"),
        ("x <two>", takes_one, "does not name what the function takes: one"),
        ("x one", takes_one, "does not name"),
        ("x [one]", takes_one, "<needed> has no default"),
        ("x <one>", may_take_one, r"\[optional\] has"),
        ("x <words>", takes_a_list, "an argument is str, int or float"),
    ],
)
def test_usage_that_does_not_fit_its_function_is_told(
    usage: str, function: Any, sentence: str
) -> None:
    with pytest.raises(TypeError, match=sentence):
        Bot().command(usage)(function)


def test_prefix_and_names_that_cannot_work_are_told() -> None:
    with pytest.raises(ValueError, match="the server takes what begins with a slash"):
        Bot("/")
    with pytest.raises(ValueError, match="each has another one"):
        Bot().command("help [one]")(may_take_one)
