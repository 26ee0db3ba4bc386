"""Thousands who come and go: what it costs is counted in lines and bytes, not in seconds."""

from __future__ import annotations

import trio
import trio.testing

from support_server import ChatServer, chat_config, open_server, pass_seconds, run_jumping
from trio_chat.server.net.links import Link, Taker

MEMBERS = 10_000
SHOWN = 100  # rooms.presence_members: above it joins and leaves are not shown
HELLO_LINES = 4  # welcome, joined, members, backlog


class CountingLink:
    """A link whose peer takes everything at once and remembers how much it was."""

    peer = "unix"

    def __init__(self) -> None:
        self.sends = self.lines = self.sent_bytes = 0
        self._say, self._hear = trio.open_memory_channel[bytes](10)

    def say(self, line: bytes) -> None:
        self._say.send_nowait(line)

    async def receive(self, taker: Taker) -> bool:
        while chunk := await self._hear.receive():
            if not taker.take(chunk):
                return True
        return False

    def send(self, data: bytes | memoryview) -> int:
        self.sends += 1
        self.lines += bytes(data).count(b"\n")
        self.sent_bytes += len(data)
        return len(data)

    async def send_some(self, data: bytes | memoryview) -> int:
        await trio.lowlevel.checkpoint()
        return self.send(data)

    async def end(self) -> None:
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        self.say(b"")

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def connect(server: ChatServer) -> CountingLink:
    link = CountingLink()
    as_link: Link = link
    server.hub.start_soon(server.parts.admission.admit(as_link).run)
    return link


async def storm() -> None:
    config = chat_config(f"rooms.presence_members={SHOWN}", "limits.connections=20000")
    async with open_server(config) as server:
        alice = await server.native("alice")
        links = []
        for number in range(MEMBERS):
            link = connect(server)
            link.say(b'{"type":"hello","nick":"n%d"}\n' % number)
            links.append(link)
            if number % 500 == 0:
                await trio.testing.wait_all_tasks_blocked()
        await trio.testing.wait_all_tasks_blocked()
        assert (await alice.input("/who"))[-2]["data"]["total"] == MEMBERS + 1
        # Each of the first hundred is shown to those before it; nobody after that.
        await pass_seconds(1)
        lines = sum(link.lines for link in links)
        assert MEMBERS * HELLO_LINES <= lines <= MEMBERS * HELLO_LINES + SHOWN**2
        # A roster names so many, so a join costs no more in a full room than in a large one.
        assert max(link.sent_bytes for link in links[-100:]) < 20_000
        before = [link.sends for link in links]
        await alice.input("hi")
        assert [link.sends - sent for link, sent in zip(links, before, strict=True)] == (
            [1] * MEMBERS
        )
        lines = sum(link.lines for link in links)
        for link in links:
            link.say(b'{"type":"input","text":"/quit"}\n')
        await trio.testing.wait_all_tasks_blocked()
        left = sum(link.lines for link in links) - lines
        assert MEMBERS <= left <= MEMBERS + SHOWN**2
        assert (await alice.input("/who"))[-2]["data"]["total"] == 1


def test_ten_thousand_come_and_go_at_a_bounded_cost() -> None:
    """
    > in a room of more than 500 members (`rooms.presence_members`) they are not shown at all
    """
    run_jumping(storm)
