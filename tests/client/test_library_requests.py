"""What a program asks for: ids, several results, both ways of the history, and its own facts. At
the real server, in memory."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from support_client import FakeServer
from support_library import bot_at, take
from trio_chat.client import Chat, History, Rewound, Stored
from trio_chat.client.program.own import OwnNames
from trio_chat.errors import NotInRoom
from trio_chat.events import Deleted, Edited, Joined, Renamed, Said
from trio_chat.requests import Input
from trio_chat.testing import TestServer, start_server
from trio_chat.testing.server import PASSWORD


@pytest.fixture
async def server(nursery: trio.Nursery, autojump_clock: MockClock) -> TestServer:
    return await start_server(nursery, "limits.page_events_max=50")


def texts(history: History) -> list[str]:
    return [event.text for event in history.events if isinstance(event, Said)]


# --- ids


async def test_line_with_an_id_is_said_once_over_the_death_of_the_program(
    server: TestServer,
) -> None:
    """Ids: the server remembers them for a day, for an account in any session."""
    alice = await server.person("alice")
    async with server.open_chat("bot") as chat:
        await chat.command(f"/register {PASSWORD}")
    places = []
    for _ in range(3):
        async with server.open_chat("bot", account="bot", password=PASSWORD) as chat:
            places.append(await chat.say("lobby", "item 17", id="item-17"))
    assert places == [places[0]] * 3
    async with server.open_chat("bot", account="bot", password=PASSWORD) as chat:
        await chat.say("lobby", "the end")
    assert await alice.hears() == "item 17"
    assert await alice.hears() == "the end"


async def test_command_with_an_id_happens_once(server: TestServer) -> None:
    alice = await server.person("alice")
    first = await alice.chat.command("/me waves", room="lobby", id="wave")
    again = await alice.chat.command("/me waves", room="lobby", id="wave")
    assert first.stored == again.stored
    assert texts(await alice.chat.history("lobby")) == ["waves"]


async def test_two_tasks_may_say_the_same_line_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Also when the first of them is cancelled on the way."""
    fake = FakeServer(nursery)
    async with bot_at(fake)() as chat, trio.open_nursery() as saying:
        fake.silent = True
        first = trio.CancelScope()

        async def say() -> None:
            with first:
                await chat.say("lobby", "once", id="x")

        saying.start_soon(say)
        await wait_all_tasks_blocked()
        saying.start_soon(chat.say, "lobby", "once")  # another line
        answers: list[Stored] = []

        async def say_again() -> None:
            answers.append(await chat.say("lobby", "once", id="x"))

        saying.start_soon(say_again)
        await wait_all_tasks_blocked()
        first.cancel()
        await wait_all_tasks_blocked()
        fake.silent = False
        await fake.cut()
    assert answers == [Stored("lobby", 1)]
    assert fake.said() == ["once", "once"]
    assert "x" in [request.id for request in fake.asked(Input)]


# --- answers


async def test_command_with_several_results_keeps_them_all(server: TestServer) -> None:
    """L4: `/export room` keeps all its parts, not only the last."""
    owner = await server.owner("olga")
    await owner.chat.command("/create garden")
    for number in range(40):
        await owner.say("garden", f"{number} {'x' * 3000}")
    answer = await owner.chat.command("/export room", room="garden")
    assert len(answer.parts) == answer.data["parts"] + 1 > 3
    assert [part.data["part"] for part in answer.parts[:-1]] == [*range(1, len(answer.parts))]
    exported = "\n".join(part.text for part in answer.parts[:-1])
    assert len(exported.splitlines()) == answer.data["lines"]
    assert answer.text == answer.parts[-1].text


async def test_history_goes_both_ways(server: TestServer) -> None:
    alice = await server.person("alice")
    for number in range(1, 121):
        await alice.say("lobby", str(number))
    chat = alice.chat
    forward: list[str] = []
    page = History((), more=True)
    while page.more:
        page = await chat.history("lobby", after=len(forward))
        forward += texts(page)
    assert forward == [str(number) for number in range(1, 121)]
    assert texts(await chat.history("lobby", before=3)) == ["1", "2"]
    assert texts(await chat.history("lobby", limit=1)) == ["120"]


async def test_history_goes_on_by_next_also_where_nothing_is_to_be_seen(
    server: TestServer,
) -> None:
    """Two pages of somebody whom one ignores: empty pages, and gaps that say why."""
    alice, bob = await server.person("alice"), await server.person("bob")
    await alice.say("lobby", "first")
    for number in range(120):
        await bob.say("lobby", str(number))
    await alice.say("lobby", "last")
    live = alice.chat.events()
    await alice.chat.command("/ignore bob")
    for way in ("before", "after"):
        seen, reasons, at = [], set(), {"before": None, "after": 0}[way]
        while True:
            page = await alice.chat.history("lobby", **{way: at})  # type: ignore[arg-type]
            seen += texts(page)
            reasons |= {gap.reason for gap in page.gaps}
            if (at := page.next) is None:
                break
        assert ({*seen}, reasons) == ({"first", "last"}, {"ignored"})
    stream = alice.chat.events(since={"lobby": 0})
    assert await take(stream, 2) == ["first", "last"]
    await alice.say("lobby", "live")
    assert await take(stream, 1) == ["live"]
    assert await take(live, 1) == ["live"]  # the gaps of pages are no events


async def test_cursor_behind_the_end_of_the_log_is_told(server: TestServer) -> None:
    """L6: history rewound, at the real server."""
    alice = await server.person("alice")
    await alice.say("lobby", "one")
    page = await alice.chat.history("lobby", after=24)
    assert [(gap.first, gap.last, gap.reason) for gap in page.gaps] == [(2, 24, "rewound")]
    stream = alice.chat.events(since={"lobby": 24})
    assert await anext(stream) == Rewound(room="lobby", last=1, was=24)
    await alice.say("lobby", "two")
    assert await take(stream, 1) == ["two"]


# --- facts


async def test_rooms_members_limits_and_account_are_known(server: TestServer) -> None:
    alice, bob = await server.person("alice"), await server.person("bob")
    chat = alice.chat
    await chat.join("#dev")
    await chat.join("dev")  # nothing happens
    await bob.chat.join("dev")
    await bob.say("dev", "here I am")
    await alice.hears("here I am")
    assert list(chat.rooms) == ["lobby", "dev"]
    assert {member.nick for member in chat.members("#dev")} == {"alice", "bob"}
    assert chat.limits["page_events"] == 50
    assert (chat.account, chat.role) == (None, "guest")
    await chat.command(f"/register {PASSWORD}")
    assert (chat.account, chat.role) == ("alice", "member")
    await chat.command("/leave dev")
    assert list(chat.rooms) == ["lobby"]
    with pytest.raises(NotInRoom, match="you are not in #dev"):
        chat.members("dev")


async def test_lines_are_edited_and_deleted(server: TestServer) -> None:
    alice, bob = await server.person("alice"), await server.person("bob")
    events = bob.chat.events()
    first = await alice.say("lobby", "helo")
    second = await alice.say("lobby", "secret")
    edited = await alice.chat.edit("lobby", first.seq, "hello  again")
    deleted = await alice.chat.delete("lobby", second.seq, "a slip")
    assert (edited.seq, deleted.seq) == (3, 4)
    seen = [await anext(events) for _ in range(4)]
    assert isinstance(seen[2], Edited)
    assert (seen[2].target, seen[2].text) == (1, "hello  again")
    assert isinstance(seen[3], Deleted)
    assert (seen[3].target, seen[3].text) == (2, "a slip")


async def own_lines(chat: Chat, count: int) -> list[bool]:
    lines: list[bool] = []
    stream = chat.events(since={"lobby": 0})
    while len(lines) < count:
        event = await anext(stream)
        if isinstance(event, Said):
            lines.append(chat.is_own(event))
    return lines


async def test_own_lines_are_own_after_a_rename(server: TestServer) -> None:
    """L7: `Said.sender` is the old nick."""
    alice, bob = await server.person("alice"), await server.person("bob")
    await alice.say("lobby", "as alice")
    await bob.say("lobby", "as bob")
    await alice.chat.command("/nick alicia")
    await alice.say("lobby", "as alicia")
    assert await own_lines(alice.chat, 3) == [True, False, True]
    assert await own_lines(bob.chat, 3) == [False, True, False]


async def test_nick_that_somebody_else_took_is_not_own_any_more(server: TestServer) -> None:
    """L7: what the other one says is not taken for our own."""
    alice, bob = await server.person("alice"), await server.person("bob")
    events = alice.chat.events()
    await alice.chat.command("/nick alicia")
    await bob.chat.command("/nick alice")
    await bob.say("lobby", "I am another alice")
    while not isinstance(event := await anext(events), Said):
        pass
    assert not alice.chat.is_own(event)
    assert bob.chat.is_own(event)


def test_account_decides_where_both_have_one() -> None:
    """L7: the wire names the account of whoever said it."""

    def line(sender: str, account: str | None) -> Said:
        return Said(
            room="lobby", seq=1, at="", sender=sender, text="", kind="message", account=account
        )

    names = OwnNames()
    names.note([], "bot")
    assert names.is_own(line("old-bot", "Bot"), "bot")
    assert not names.is_own(line("bot", "somebody"), "bot")
    assert not names.is_own(line("bot", "somebody"), None)
    assert names.is_own(line("bot", None), None)
    names.note([Renamed(old="bot", new="robot")], "robot")
    names.note([Joined(room="lobby", nick="robot"), Joined(room="lobby", nick="bot")], "robot")
    assert names.is_own(line("robot", None), None)
    assert not names.is_own(line("bot", None), None)


async def test_events_of_one_who_says_much_are_all_there(server: TestServer) -> None:
    """since: at the real server, with pages of 50."""
    alice = await server.person("alice")
    for number in range(130):
        await alice.say("lobby", str(number))
    async with server.open_chat("bot") as chat:
        stream = chat.events(since={"lobby": 10})
        got = await take(stream, 60)
        await alice.say("lobby", "130")
        await server.cut()
        await alice.say("lobby", "131")
        got += await take(stream, 62)
    assert got == [str(number) for number in range(10, 132)]
