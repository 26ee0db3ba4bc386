"""`kill -9` while people talk: what was acknowledged is there, once, in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import trio

from support_processes import RunningServer, running_server
from support_server import Event, Peer, seqs, stored, texts

TALKERS = 4
LINES = 150
WINDOW = 10  # lines under way at once


class Talker:
    """Says its lines, comes back after each cut, and sends again what has no answer yet."""

    def __init__(self, nick: str) -> None:
        self.nick = nick
        self.lines = [f"{nick} {number}" for number in range(LINES)]
        self.unanswered: list[str] = []
        self.acknowledged: dict[str, int] = {}
        self.log: list[Event] = []
        self.token = ""

    @property
    def is_done(self) -> bool:
        return len(self.acknowledged) == LINES

    async def live(self, port: int, look: Callable[[], None] = lambda: None) -> None:
        """Talk until the link is cut, or everything is acknowledged; *look* at each event."""
        try:
            peer = Peer(await trio.open_tcp_stream("127.0.0.1", port))
        except OSError:
            return
        try:
            await self.enter(peer)
            while not self.is_done:
                await self.fill(peer)
                self.take(await peer.next())
                look()
            self.log += stored(await peer.sync())
        except (EOFError, trio.BrokenResourceError):
            pass
        finally:
            await trio.aclose_forcefully(peer.stream)

    async def enter(self, peer: Peer) -> None:
        if not self.token:
            await peer.hello(self.nick)
            self.token = peer.token
            return
        last = self.log[-1]["seq"] if self.log else 0
        await peer.send(
            type="hello", nick="?", resume={"session": self.token, "rooms": {"lobby": last}}
        )
        welcome = await peer.next()
        assert welcome["resumed"] is True
        for line in self.unanswered:
            await peer.send(type="input", id=line, room="lobby", text=line)

    async def fill(self, peer: Peer) -> None:
        while len(self.unanswered) < WINDOW and self.lines:
            line = self.lines.pop(0)
            self.unanswered.append(line)
            await peer.send(type="input", id=line, room="lobby", text=line)

    def take(self, event: Event) -> None:
        self.log += stored([event])
        assert event["type"] != "error", event
        if event["type"] == "done" and event["id"] in self.unanswered:
            self.unanswered.remove(event["id"])
            self.acknowledged[event["id"]] = event["seq"]


async def talk_until(server: RunningServer, talkers: list[Talker], acknowledged: int) -> None:
    """Let all talk; kill the server when so many lines are acknowledged."""

    def look() -> None:
        if sum(len(talker.acknowledged) for talker in talkers) >= acknowledged:
            server.process.kill()

    async with trio.open_nursery() as nursery:
        for talker in talkers:
            nursery.start_soon(talker.live, server.port, look)


async def test_what_was_acknowledged_outlives_kill_9_exactly_once(tmp_path: Path) -> None:
    """
    > So after a cut link send everything again that has no answer yet, with the ids it had; nothing
    > is lost and nothing is said twice.
    """
    talkers = [Talker(f"t{number}") for number in range(TALKERS)]
    total = TALKERS * LINES
    listen = "127.0.0.1:0"
    with trio.fail_after(120):
        for kills in range(1, 4):
            async with running_server(tmp_path / "data", listen=(listen,)) as server:
                listen = server.addresses[0]
                await talk_until(server, talkers, total * kills // 4)
        async with running_server(tmp_path / "data", listen=(listen,)) as server:
            async with trio.open_nursery() as nursery:
                for talker in talkers:
                    nursery.start_soon(talker.live, server.port)
            assert all(talker.is_done for talker in talkers)
            reader = await server.native("reader")
            log: list[Event] = []
            while len(log) < total:
                after = log[-1]["seq"] if log else 0
                log += stored(await reader.ask("page", room="lobby", after=after))
            await reader.stream.aclose()
    assert seqs(log) == list(range(1, total + 1))
    by_text = {event["text"]: event["seq"] for event in log}
    assert len(by_text) == total
    for talker in talkers:
        assert talker.acknowledged.items() <= by_text.items()
        own = [text for text in texts(log) if text.startswith(f"{talker.nick} ")]
        assert own == [f"{talker.nick} {number}" for number in range(LINES)]
        assert talker.log == log[: len(talker.log)]
