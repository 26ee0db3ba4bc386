"""A program on a server that is killed again and again: nothing is lost, nothing comes twice."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio

from support_processes import free_port, running_server, until_there
from support_real_server import real_server
from trio_chat.client import Chat, open_chat
from trio_chat.events import Said

# The server is killed when so many lines were seen; the last one lives.
KILLED_AFTER = (30, 60, 90)
LINES = 120


class Reader:
    """Sees what is said, and tells when so much of it was."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.marks = {count: trio.Event() for count in (*KILLED_AFTER, LINES)}

    async def read(self, chat: Chat) -> None:
        async for event in chat.events():
            if isinstance(event, Said):
                self.seen.append(event.text)
                if len(self.seen) in self.marks:
                    self.marks[len(self.seen)].set()


@pytest.mark.parametrize("password", [None, "long enough"])
async def test_program_outlives_killed_servers(tmp_path: Path, password: str | None) -> None:
    said = [f"line {number}" for number in range(LINES)]
    address = f"127.0.0.1:{free_port()}"
    reader = Reader()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk, address, said, reader, password)
            for count, mark in reader.marks.items():
                async with running_server(tmp_path / "data", listen=(address,)) as server:
                    await mark.wait()
                    if count < LINES:
                        await server.end(signal.SIGKILL)
            nursery.cancel_scope.cancel()
    assert reader.seen == said


async def test_program_that_reads_nothing_for_long_gets_everything_in_order() -> None:
    """4 MB, which no buffer on the way can hold: the server lets it catch up from the log."""
    said = [f"{number} {'x' * 1000}" for number in range(4000)]
    seen: dict[int, str] = {}
    with trio.fail_after(60):
        async with (
            real_server("limits.flood=false") as address,
            open_chat(address, nick="reader", buffer_events=100) as reader,
            open_chat(address, nick="writer") as writer,
        ):
            events = reader.events()
            async with trio.open_nursery() as nursery:
                for text in said:
                    nursery.start_soon(writer.say, "lobby", text)
                    await trio.lowlevel.checkpoint()
            while len(seen) < len(said):
                event = await anext(events)
                if isinstance(event, Said):
                    assert event.seq > next(reversed(seen), 0)
                    seen[event.seq] = event.text
    assert sorted(seen.values()) == sorted(said)


async def talk(address: str, said: list[str], reader: Reader, password: str | None) -> None:
    """Say all; with a *password*: as the owner of an account."""
    await until_there(address)
    if password is not None:
        async with open_chat(address, nick="writer") as chat:
            await chat.command(f"/register writer {password}")
    account = "writer" if password else None
    async with (
        open_chat(address, nick="reader") as listening,
        open_chat(address, nick="writer", account=account, password=password) as writing,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(reader.read, listening)
        for text in said:
            await writing.say("lobby", text)
