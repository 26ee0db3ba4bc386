"""docs/administration.md against a server: each transcript goes as it says."""

from __future__ import annotations

import re
from pathlib import Path

from trio.testing import MockClock

from support_accounts import hold
from support_server import ChatServer, PlainPeer, chat_config, open_server
from trio_chat.chat import records

DOCUMENT = (Path(__file__).parents[2] / "docs/administration.md").read_text(encoding="utf-8")
LINES = [
    line
    for block in re.findall(r"^```\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if re.match(r"\w+[<>] ", line)
]
TIME = re.compile(r"\[?(\d{4}-\d\d-\d\d )?\d\d:\d\d\]?")


class Person:
    """Somebody with `nc`, and the lines that were shown and not looked at yet."""

    def __init__(self, peer: PlainPeer) -> None:
        self._peer = peer
        self._shown: list[str] = []
        self._asked = 0

    async def type(self, line: str) -> None:
        await self._peer.send(line)
        await self._catch_up()

    async def _catch_up(self) -> None:
        """Everything up to an answer that nothing else can be."""
        self._asked += 1
        mark = f"nobody-{self._asked}"
        await self._peer.send(f"/whois {mark}")
        self._shown += (await self._peer.until(mark))[:-1]

    async def sees(self, expected: str) -> None:
        await self._catch_up()
        for place, line in enumerate(self._shown):
            if TIME.sub("", line) == TIME.sub("", expected):
                del self._shown[: place + 1]
                return
        raise AssertionError(f"not shown: {expected!r}; shown were {self._shown}")


async def come(server: ChatServer, nick: str) -> Person:
    return Person(await server.plain(nick))


async def test_a_day_in_the_life_of_a_room_goes_as_it_is_told(autojump_clock: MockClock) -> None:
    people: dict[str, Person] = {}
    async with open_server(chat_config()) as server:
        now_ms = server.now_ms()  # what is told in a moment happens in one
        server.now_ms = lambda: now_ms
        owner_code = re.findall(r"/claim (\S+)", DOCUMENT)[0]
        hold(server, server.state.fact_changed(records.OWNER_CODE, owner_code))
        for line in LINES:
            nick, mark, text = re.fullmatch(r"(\w+)([<>]) (.*)", line).groups()  # type: ignore[union-attr]
            if nick not in people:
                people[nick] = await come(server, nick)
            if mark == ">":
                await people[nick].type(text)
            else:
                await people[nick].sees(text)
    assert len(LINES) > 60
