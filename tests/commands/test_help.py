"""What the server tells about itself, and the way out."""

from __future__ import annotations

import pytest

from support_commands import START_MS, open_chat
from trio_chat.chat.roles import Role
from trio_chat.config import ServerSection
from trio_chat.errors import TooLong, UnknownCommand, UsageError


async def test_help_lists_every_command_once() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        lines = (await alice.read("/help")).splitlines()
        commands = chat.table.for_role(Role.GUEST)
        assert len(lines) == len(commands) + 1
        for command, line in zip(commands, lines, strict=False):
            assert line.startswith(command.synopsis)
            assert line.endswith(command.summary)
        assert lines[-1] == "Anything else you type is said; // at its start says a slash."
        data = await alice.data("/help")
        assert [row["name"] for row in data["commands"]] == [command.name for command in commands]


async def test_help_leaves_out_what_one_may_not_do() -> None:
    async with open_chat() as chat:
        alice, bob = chat.enter("alice"), chat.enter("bob")
        bob.member.role = Role.ADMIN
        assert "/defcon" not in await alice.read("/help")
        assert "/defcon [LEVEL]" in await bob.read("/help")


@pytest.mark.parametrize("line", ["/help msg", "/h /msg", "/? MSG", "/help w"])
async def test_help_explains_one_command(line: str) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        assert await alice.read(line) == (
            "/msg NICK TEXT: Write to one person. Also: /w, /dm, /tell, /whisper."
        )
        (row,) = (await alice.data(line))["commands"]
        assert row["name"] == "msg"


async def test_help_names_the_nearest_command() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        assert await alice.read("/help time") == "/time: Show the server's time."
        with pytest.raises(UnknownCommand, match=r"unknown command /serach; did you mean /search"):
            await alice.type("/help serach")


async def test_the_message_of_the_day() -> None:
    async with open_chat() as chat:
        assert await chat.enter("alice").read("/motd") == "there is no message of the day"
    async with open_chat(server=ServerSection(motd="be kind")) as chat:
        alice = chat.enter("alice")
        assert await alice.read("/motd") == "be kind"
        assert await alice.data("/motd") == {"motd": "be kind"}


async def test_ping_time_and_version() -> None:
    async with open_chat() as chat:
        chat.now_ms = START_MS
        alice = chat.enter("alice")
        at = {"at": "2026-11-22T12:00:00.000Z"}
        assert (await alice.read("/ping"), await alice.data("/ping")) == ("pong", at)
        assert await alice.read("/time") == "it is 2026-11-22 12:00:00 UTC"
        assert await alice.data("/time") == at
        assert await alice.read("/version") == "trio-chat 1.2.3"
        assert await alice.data("/version") == {"version": "1.2.3"}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "up for 0:00:00"), (3725, "up for 1:02:05"), (90_000, "up for 1 day, 1:00:00")],
)
async def test_uptime(seconds: int, shown: str) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        chat.now_ms = START_MS + seconds * 1000 + 999
        assert await alice.read("/uptime") == shown
        assert await alice.data("/uptime") == {"seconds": seconds}


@pytest.mark.parametrize(
    ("line", "reason"), [("/quit", ""), ("/exit see\nyou", "see you"), ("/QUIT  tea ", "tea")]
)
async def test_quit_says_goodbye(line: str, reason: str) -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice", "lobby")
        assert (await alice.type(line)).text is None
        assert alice.goodbye == reason


async def test_a_goodbye_has_a_limit() -> None:
    async with open_chat() as chat:
        alice = chat.enter("alice")
        with pytest.raises(TooLong, match="a reason has at most 200 characters"):
            await alice.type("/quit " + "x" * 201)
        assert alice.goodbye is None


@pytest.mark.parametrize("name", ["ping", "time", "uptime", "version", "back"])
async def test_what_takes_no_argument_says_so(name: str) -> None:
    async with open_chat() as chat:
        with pytest.raises(UsageError, match=rf"^usage: /{name}$"):
            await chat.enter("alice").type(f"/{name} now")
