"""A chat has a beginning, an end, and reasons for both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support_client import FakeServer
from support_library import Bot, take
from trio_chat.client import Chat, ChatEnded, Refused, Stored, Unreachable, open_chat
from trio_chat.errors import ChatError, ConfigError, LoginFailed, NameTaken
from trio_chat.events import Bye, Error
from trio_chat.requests import Hello, Input

CALLS: dict[str, Callable[[Chat], Awaitable[Any]]] = {
    "say": lambda chat: chat.say("lobby", "hello"),
    "command": lambda chat: chat.command("/who"),
    "history": lambda chat: chat.history("lobby"),
    "events": lambda chat: anext(chat.events()),
    "events since": lambda chat: anext(chat.events(since={"lobby": 0})),
    "join": lambda chat: chat.join("dev"),
    "edit": lambda chat: chat.edit("lobby", 1, "hello"),
    "delete": lambda chat: chat.delete("lobby", 1),
}


# --- the end


@pytest.mark.parametrize("call", CALLS)
async def test_whoever_asks_after_the_block_is_told_that_it_has_ended(
    bot: Bot, call: str, autojump_clock: MockClock
) -> None:
    """L3: they raise what ended the chat, instead of hanging for ever."""
    async with bot() as chat:
        pass
    with trio.fail_after(60), pytest.raises(ChatEnded):
        await CALLS[call](chat)


@pytest.mark.parametrize("call", CALLS)
async def test_whoever_waits_when_the_server_sends_us_away_is_told_why(
    server: FakeServer, bot: Bot, call: str, autojump_clock: MockClock
) -> None:
    """L3: also a task outside of the block."""
    told: list[BaseException] = []

    async def outside(chat: Chat) -> None:
        try:
            await CALLS[call](chat)
        except Refused as exc:
            told.append(exc)

    async def listen(tasks: trio.Nursery) -> None:
        async with bot() as chat:
            if "events" not in call:
                server.silent = True
            tasks.start_soon(outside, chat)
            await wait_all_tasks_blocked()
            await server.tell(Bye(reason="you are banned", code="banned"))
            await server.cut()
            await trio.sleep_forever()

    with trio.fail_after(60):
        async with trio.open_nursery() as tasks:
            with pytest.raises(Refused, match="you are banned"):
                await listen(tasks)
    assert len(told) == 1


async def test_what_came_before_the_end_is_given_first(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    async with bot() as chat:
        stream = chat.events()
        await chat.say("lobby", "last words")
    assert await take(stream, 1) == ["last words"]
    with pytest.raises(ChatEnded):
        await anext(stream)


async def test_reason_has_a_code(server: FakeServer, bot: Bot, autojump_clock: MockClock) -> None:
    """L10: a revoked token, a kill and an ended session differ."""
    codes = []
    for code in ("token_revoked", "killed", "session_ended", ""):

        async def listen(code: str = code) -> None:
            async with bot():
                await server.tell(Bye(reason="it is over", code=code))
                await server.cut()
                await trio.sleep_forever()

        with pytest.raises(Refused) as caught:
            await listen()
        codes.append(caught.value.code)
    assert codes == ["token_revoked", "killed", "session_ended", ""]


@pytest.mark.parametrize("where", ["hello", "input", "page"])
async def test_code_that_is_not_known_is_kept(
    server: FakeServer, bot: Bot, where: str, autojump_clock: MockClock
) -> None:
    """L10: unknown codes do not become `internal`."""
    error = Error(code="brand_new", message="not today")
    getattr(server, f"{where}_errors").append(error)

    async def ask() -> None:
        async with bot() as chat:
            await (chat.history("lobby") if where == "page" else chat.say("lobby", "x"))

    with pytest.raises(ChatError, match="not today") as caught:
        await ask()
    assert caught.value.code == "brand_new"


# --- the beginning


async def opened(bot: Bot, **options: Any) -> str:
    async with bot(**options) as chat:
        return chat.nick


async def test_nick_that_is_kept_is_waited_for(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """L9: a guest bot killed and restarted at once."""
    taken = Error(code="nick_taken", message="bot is taken", retry_after=20)
    server.hello_errors = [taken, taken]
    assert await opened(bot, wait_seconds=60) == "bot"
    server.hello_errors = [taken, taken]
    with pytest.raises(NameTaken, match="bot is taken"):
        await opened(bot, wait_seconds=30)


async def test_nick_that_somebody_has_is_not_waited_for(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.hello_errors = [Error(code="nick_taken", message="bot is taken")]
    began = trio.current_time()
    with pytest.raises(NameTaken):
        await opened(bot, wait_seconds=60)
    assert trio.current_time() == began


@pytest.mark.parametrize("option", ["wait_seconds", "give_up_seconds"])
async def test_server_that_is_not_there_yet_is_waited_for(
    server: FakeServer, bot: Bot, option: str, autojump_clock: MockClock
) -> None:
    """L9: `give_up_seconds` holds at the start, too."""
    server.is_down = True
    began = trio.current_time()
    with pytest.raises(Unreachable, match="connection refused; gave up"):
        await opened(bot, **{option: 30})
    assert 10 < trio.current_time() - began <= 30
    async with trio.open_nursery() as starting:
        starting.start_soon(opened, bot)
        server.is_down = False


@pytest.mark.parametrize("option", ["wait_seconds", "give_up_seconds"])
async def test_server_that_never_answers_is_not_waited_for_any_longer(
    server: FakeServer, bot: Bot, option: str, autojump_clock: MockClock
) -> None:
    """L9: it takes the hello and says nothing; one try alone may last 20 seconds."""
    server.silent = True
    began = trio.current_time()
    with pytest.raises(Unreachable, match="does not answer"):
        await opened(bot, **{option: 5})
    assert trio.current_time() - began <= 5


async def test_guest_that_was_killed_goes_on_with_its_session(
    server: FakeServer, bot: Bot, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """L9: a session file for guests, so that a killed and restarted guest bot resumes."""
    file = tmp_path / "session"
    with trio.CancelScope() as killed:
        async with bot(session_file=file) as chat:
            assert await chat.say("lobby", "once", id="line-1") == Stored("lobby", 1)
            server.is_down = True  # no /quit gets through
            await server.cut()
            killed.cancel()
    assert file.stat().st_mode & 0o777 == 0o600
    server.is_down = False
    async with bot(session_file=str(file)) as chat:
        assert await chat.say("lobby", "once", id="line-1") == Stored("lobby", 1)
        assert chat.rooms == ("lobby",)
    assert server.said() == ["once"]
    tokens = [hello.resume.session for hello in server.asked(Hello) if hello.resume]
    assert tokens == ["token-1"]


async def test_line_that_was_cancelled_is_said_once_by_the_next_run(
    server: FakeServer, bot: Bot, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The end of the block is no end of the session: the ids of its lines are still known."""
    for _ in range(3):
        async with bot(session_file=tmp_path / "session") as chat:
            with trio.CancelScope() as scope:
                scope.cancel()
                await chat.say("lobby", "once", id="line-1")
            await chat.say("lobby", "once", id="line-1")
    assert server.said() == ["once"]
    assert [text for text in server.asked(Input) if text.text == "/quit"] == []


async def test_session_file_follows_a_session_that_is_lost(
    server: FakeServer, bot: Bot, tmp_path: Path, autojump_clock: MockClock
) -> None:
    file = tmp_path / "session"
    file.write_text("a token of long ago\n")
    assert await opened(bot, session_file=file) == "bot"
    assert file.read_text() == "token-1\n"


async def test_session_file_that_cannot_be_used_is_told(
    server: FakeServer, bot: Bot, tmp_path: Path, autojump_clock: MockClock
) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        await opened(bot, session_file=tmp_path)
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        await opened(bot, session_file=tmp_path / "none" / "session")


# --- mistakes


def test_asyncio_is_told_what_to_do() -> None:
    """L11: under asyncio one sentence that says what to do."""

    async def main() -> None:
        async with open_chat("127.0.0.1:1", nick="bot"):
            pytest.fail("there is no trio")

    with pytest.raises(RuntimeError, match=r"open_chat needs trio: .*trio\.run.*docs/bots\.md"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"password": "x"}, "password= needs account="),
        ({"account": "bot"}, "account= needs password= or token="),
        ({"password": "x", "account": "bot", "token": "t"}, "not with both"),
        ({"password": "x", "token": "t"}, "not with both"),
    ],
)
async def test_half_a_login_is_told_in_a_sentence(
    bot: Bot, options: dict[str, str], sentence: str, autojump_clock: MockClock
) -> None:
    """L11: `password=` without `account=` is no LoginFailed of the server."""
    with pytest.raises(ValueError, match=sentence):
        await opened(bot, **options)


@pytest.mark.parametrize("room", ["", "#", "@", " ", "a room", "lobby\n"])
@pytest.mark.parametrize("call", ["say", "command", "history", "events", "join", "edit", "delete"])
async def test_what_can_be_no_room_is_told_in_a_sentence(
    server: FakeServer, bot: Bot, room: str, call: str, autojump_clock: MockClock
) -> None:
    """L11: `say("", "x")` is not said wherever the session last was."""
    calls: dict[str, Callable[[Chat], Awaitable[Any]]] = {
        "say": lambda chat: chat.say(room, "x"),
        "command": lambda chat: chat.command("/who", room=room),
        "history": lambda chat: chat.history(room),
        "events": lambda chat: anext(chat.events(since={room: 0})),
        "join": lambda chat: chat.join(room),
        "edit": lambda chat: chat.edit(room, 1, "x"),
        "delete": lambda chat: chat.delete(room, 1),
    }
    async with bot() as chat:
        with pytest.raises(ValueError, match="is no room: write 'lobby', or '@nick'"):
            await calls[call](chat)
    assert server.said() == []


async def test_other_arguments_that_cannot_be_right_are_told(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    """L11: one sentence each."""
    async with bot() as chat:
        with pytest.raises(ValueError, match="is no id: it has 1 to 64 characters"):
            await chat.say("lobby", "x", id="")
        with pytest.raises(ValueError, match="is no id"):
            await chat.command("/who", id="x" * 65)
        with pytest.raises(ValueError, match="not both"):
            await chat.history("lobby", before=3, after=1)
        with pytest.raises(ValueError, match="at least 1 event"):
            await chat.history("lobby", limit=0)


async def test_refused_login_is_told_by_its_name(
    server: FakeServer, bot: Bot, autojump_clock: MockClock
) -> None:
    server.hello_errors = [Error(code="login_failed", message="wrong")]
    with pytest.raises(LoginFailed) as caught:
        await opened(bot, token="t", wait_seconds=60)
    assert caught.value.code == "login_failed"
