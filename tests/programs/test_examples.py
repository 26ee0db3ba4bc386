"""The bots of docs/examples, at the test server."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import archive_bot
import bridge_bot
import feed_bot
import moderation_bot
import poll_bot
from trio_chat.client import Chat
from trio_chat.errors import Muted
from trio_chat.testing import Person, TestServer, start_server
from trio_chat.testing.server import PASSWORD

EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples").glob("*.py"))
LINES = 80


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.name))
def test_example_can_be_read_in_a_minute(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < LINES


async def here(person: Person, nick: str, room: str = "lobby") -> None:
    """Wait until *nick* is in *room* with *person*."""
    with person.chat.events() as events, trio.fail_after(5):
        while nick not in [member.nick for member in person.chat.members(room)]:
            await anext(events)


async def test_poll_counts_the_last_vote_of_each(
    chat_server: TestServer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    alice, bob = await chat_server.person("alice"), await chat_server.person("bob")
    nursery.start_soon(partial(poll_bot.run_poll, "test", dial=chat_server.dial))
    await trio.sleep(1)  # the clock jumps when nobody has anything to do any more
    await alice.say("lobby", "!result")
    assert "nothing is asked here" in await alice.hears(sender="poll")
    await alice.say("lobby", "!poll tea or coffee?")
    assert await bob.hears(sender="poll", text="asks:") == "alice asks: tea or coffee? (!vote WORD)"
    for person, word in ((alice, "coffee"), (bob, "tea"), (alice, "Tea")):
        await person.say("lobby", f"!vote {word}")
    await bob.say("lobby", "!result")
    assert await alice.hears(sender="poll", text="tea:") == "tea or coffee? tea: 2"


async def test_moderation_deletes_warns_and_mutes(
    chat_server: TestServer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    olga, bob = await chat_server.owner("olga"), await chat_server.person("bob")
    async with chat_server.open_chat("guard") as guard:
        await guard.command(f"/register {PASSWORD}")
        await olga.chat.command("/role guard moderator")
    login = {"nick": "guard", "account": "guard", "password": PASSWORD, "dial": chat_server.dial}
    nursery.start_soon(partial(moderation_bot.moderate, "test", "lobby", {"spam"}, **login))
    await trio.sleep(1)
    events = olga.chat.events()
    said = [await bob.say("lobby", text) for text in ("buy SPAM now", "good morning", "spam", "ok")]
    await bob.chat.edit("lobby", said[3].seq, "spam again")
    deleted = [await next_deleted(events) for _ in range(3)]
    assert deleted == [said[0].seq, said[2].seq, said[3].seq]
    with pytest.raises(Muted, match="forbidden words"):
        await speak_on(bob)


async def speak_on(person: Person) -> None:
    with trio.fail_after(5):
        while True:
            await person.say("lobby", "may I?")


async def next_deleted(events: Any) -> int:
    while type(event := await anext(events)).__name__ != "Deleted":
        pass
    return int(event.target)


RSS = """<rss><channel>{}</channel></rss>"""


async def test_feed_says_each_item_once(
    chat_server: TestServer, nursery: trio.Nursery, tmp_path: Path, capsys: Any
) -> None:
    alice = await chat_server.person("alice")
    rss, seen = tmp_path / "feed.xml", tmp_path / "seen.txt"
    run = partial(feed_bot.run_feed, "test", "lobby", rss.as_uri(), seen, dial=chat_server.dial)

    async def until_said(*titles: str) -> None:
        items = "".join(f"<item><title>{title}</title></item>" for title in reversed(titles))
        rss.write_text(RSS.format(items))
        async with trio.open_nursery() as bots:
            bots.start_soon(run)
            await here(alice, "feed")
            assert await alice.hears(sender="feed") == titles[-1]
            bots.cancel_scope.cancel()

    await until_said("one")
    await until_said("one", "two")
    rss.write_text("no feed")
    assert feed_bot.fetch(rss.as_uri()) == []
    assert "syntax error" in capsys.readouterr().err


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


async def test_archive_goes_on_behind_its_last_whole_line(
    chat_server: TestServer, tmp_path: Path, autojump_clock: MockClock
) -> None:
    alice = await chat_server.person("alice")
    file = tmp_path / "lobby.jsonl"
    run = partial(archive_bot.archive, "test", "lobby", file, dial=chat_server.dial)
    for number in range(3):
        for part in range(2):
            await alice.say("lobby", f"{number}.{part} ☕")
        async with trio.open_nursery() as bots:
            bots.start_soon(run)
            await trio.sleep(1)
            bots.cancel_scope.cancel()
        with file.open("a") as torn:
            torn.write('{"type": "said", "seq": 99')
    archive_bot.open_archive(file)[0].close()
    assert [row["text"] for row in rows(file)] == [
        f"{n}.{p} ☕" for n in range(3) for p in range(2)
    ]


async def test_bridge_passes_on_what_others_say(
    nursery: trio.Nursery, tmp_path: Path, autojump_clock: MockClock
) -> None:
    servers = {"one": await start_server(nursery), "two": await start_server(nursery)}
    alice, bob = await servers["one"].person("alice"), await servers["two"].person("bob")
    await alice.say("lobby", "before the bridge")

    def opened(address: str, **options: Any) -> AbstractAsyncContextManager[Chat]:
        return servers[address].open_chat(**options)

    bridge: Callable[[], Awaitable[None]] = partial(
        bridge_bot.bridge, "one", "two", "lobby", tmp_path, opened
    )
    for number in range(2):
        async with trio.open_nursery() as bots:
            bots.start_soon(bridge)
            await here(alice, "bridge")
            await here(bob, "bridge")
            if number == 0:
                await trio.sleep(1)  # it has noted where it begins
            await alice.say("lobby", f"{number} hello there")
            assert await bob.hears() == f"<alice> {number} hello there"
            await bob.say("lobby", f"{number} hello")
            assert await alice.hears() == f"<bob> {number} hello"
            bots.cancel_scope.cancel()
        await alice.say("lobby", f"{number} missed")
        if number == 0:
            async with trio.open_nursery() as bots:
                bots.start_soon(bridge)
                assert await bob.hears() == "<alice> 0 missed"
                bots.cancel_scope.cancel()
    assert [line.text for line in alice.heard] == ["<bob> 0 hello", "<bob> 1 hello"]
