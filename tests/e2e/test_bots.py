"""The bots of docs/examples as processes of their own: whatever is killed, each line comes once and
in order."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
import trio

from support_processes import QUIET, free_port, running_server, until, until_there
from support_real_server import real_server
from trio_chat.client import Chat, open_chat
from trio_chat.events import Joined, Left, Said

EXAMPLES = Path(__file__).parents[2] / "docs/examples"
LINES = 160
# After so many lines that arrived one of the programs is killed.
KILL_EVERY = 32


class Kept:
    """A program that is started again whenever it has ended."""

    def __init__(self, start: Callable[[], AbstractAsyncContextManager[trio.Process]]) -> None:
        self._start = start
        self._process: trio.Process | None = None
        self.starts = 0

    async def run(self) -> None:
        while True:
            async with self._start() as process:
                self._process = process
                self.starts += 1
                await process.wait()

    def kill(self) -> None:
        """As by `kill -9`."""
        if self._process is not None:
            self._process.kill()


@asynccontextmanager
async def server(folder: Path, address: str) -> AsyncIterator[trio.Process]:
    async with running_server(folder, listen=(address,)) as running:
        yield running.process


@asynccontextmanager
async def bot(name: str, *arguments: str) -> AsyncIterator[trio.Process]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    process = await trio.lowlevel.open_process(command, env=QUIET)
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def speak(chat: Chat, texts: list[str]) -> None:
    for text in texts:
        await chat.say("lobby", text)


async def repeat(chat: Chat, text: str) -> None:
    while True:
        await chat.say("lobby", text)
        await trio.sleep(0.2)


async def until_joined(chat: Chat, nick: str) -> None:
    with chat.events() as events:
        while nick not in [member.nick for member in chat.members("lobby")]:
            await anext(events)


async def hear(chat: Chat, count: int, victims: Iterator[Kept]) -> list[str]:
    """What the bridge says, until there is nothing more to come; kill on the way."""
    heard: list[str] = []
    with chat.events() as events:
        while len(heard) < count:
            event = await anext(events)
            if isinstance(event, Said) and event.sender == "bridge":
                heard.append(event.text)
                if len(heard) % KILL_EVERY == 0 and len(heard) < count:
                    next(victims).kill()
    return heard


async def test_bridge_passes_on_each_line_once_and_in_order(tmp_path: Path) -> None:
    """Exactly once over `kill -9` of both servers and of the bridge itself."""
    one, two = (f"127.0.0.1:{free_port()}" for _ in range(2))
    kept = [
        Kept(partial(server, tmp_path / "one", one)),
        Kept(partial(server, tmp_path / "two", two)),
        Kept(partial(bot, "bridge_bot.py", one, two, "lobby", str(tmp_path / "bridge"))),
    ]
    (tmp_path / "bridge").mkdir()
    texts = [f"line {number}" for number in range(LINES)]
    heard: dict[str, list[str]] = {}
    with trio.fail_after(110):
        async with trio.open_nursery() as programs:
            for program in kept:
                programs.start_soon(program.run)
            await until_there(one)
            await until_there(two)
            async with (
                open_chat(one, nick="alice") as alice,
                open_chat(two, nick="bob") as bob,
                trio.open_nursery() as people,
            ):
                await until(lambda: has_noted(tmp_path / "bridge" / "cursors.json"))

                async def listen(name: str, chat: Chat, victims: Iterator[Kept]) -> None:
                    heard[name] = await hear(chat, LINES, victims)

                killed = cycle([kept[2], kept[0], kept[2], kept[1]])
                people.start_soon(listen, "bob", bob, killed)
                people.start_soon(listen, "alice", alice, cycle([kept[2]]))
                await trio.lowlevel.checkpoint()
                people.start_soon(speak, alice, texts)
                people.start_soon(speak, bob, texts)
            programs.cancel_scope.cancel()
    assert heard["bob"] == [f"<alice> {text}" for text in texts]
    assert heard["alice"] == [f"<bob> {text}" for text in texts]
    assert [program.starts > 1 for program in kept] == [True, True, True]


def has_noted(file: Path) -> bool:
    """Return whether the bridge has noted, for both sides, from where on it passes on."""
    return file.exists() and len(json.loads(file.read_text())) == 2


async def test_archive_holds_each_line_once_and_in_order(tmp_path: Path) -> None:
    """Exactly once over `kill -9` of the server and of the archive itself."""
    address, file = f"127.0.0.1:{free_port()}", tmp_path / "lobby.jsonl"
    kept = [
        Kept(partial(server, tmp_path / "data", address)),
        Kept(partial(bot, "archive_bot.py", address, "lobby", str(file))),
    ]
    texts = [f"line {number}" for number in range(LINES)]
    with trio.fail_after(60):
        async with trio.open_nursery() as programs:
            for program in kept:
                programs.start_soon(program.run)
            await until_there(address)
            victims = cycle(reversed(kept))
            async with open_chat(address, nick="alice") as alice:
                await until_joined(alice, "archive")
                for begin in range(0, LINES, KILL_EVERY):
                    await speak(alice, texts[begin : begin + KILL_EVERY])
                    next(victims).kill()
                await until(lambda: len(archived(file)) >= LINES)
            programs.cancel_scope.cancel()
    assert archived(file) == texts
    assert [program.starts > 1 for program in kept] == [True, True]


def archived(file: Path) -> list[str]:
    rows = map(json.loads, file.read_bytes().split(b"\n")[:-1] if file.exists() else [])
    return [row["text"] for row in rows if row["type"] == "said"]


async def test_bot_inside_asyncio_hears_answers_and_leaves(tmp_path: Path) -> None:
    """L13: asyncio: trio as the guest of its loop."""
    with trio.fail_after(30):
        async with real_server() as address, open_chat(address, nick="alice") as alice:
            events = alice.events()
            command = [sys.executable, str(EXAMPLES / "asyncio_bot.py"), address]
            process = await trio.lowlevel.open_process(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=QUIET
            )
            assert process.stdout is not None
            while await anext(events) != Joined(room="lobby", nick="notary"):
                pass
            async with trio.open_nursery() as nursery:
                nursery.start_soon(repeat, alice, "hello notary")  # it may not listen yet
                while not isinstance(event := await anext(events), Said) or alice.is_own(event):
                    pass
                nursery.cancel_scope.cancel()
            assert (event.sender, event.text) == ("notary", "alice: noted")
            assert b"hello notary\n" in await process.stdout.receive_some()
            process.send_signal(signal.SIGINT)
            while not isinstance(left := await anext(events), Left):
                pass
            assert left.nick == "notary"
            await process.wait()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")
async def test_client_in_another_language_says_each_line_once(tmp_path: Path) -> None:
    """A client in JavaScript, from docs/protocol.md and the schema alone, over `kill -9`."""
    schema = tmp_path / "schema.json"
    with schema.open("wb") as file:
        await trio.run_process([sys.executable, "-m", "trio_chat", "schema"], stdout=file)
    address = f"127.0.0.1:{free_port()}"
    kept = Kept(partial(server, tmp_path / "data", address))
    texts = [f"line {number} ☕" for number in range(60)]
    with trio.fail_after(60):
        async with trio.open_nursery() as programs:
            programs.start_soon(kept.run)
            await until_there(address)
            process = await trio.lowlevel.open_process(
                ["node", str(EXAMPLES / "client.mjs"), *address.split(":"), "nora", str(schema)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ},
            )
            assert process.stdin is not None
            assert process.stdout is not None
            async with open_chat(address, nick="alice") as alice:
                await until_joined(alice, "nora")
                stream = alice.events()
                seen: list[str] = []
                await alice.say("lobby", "hello nora")
                for number, text in enumerate(texts):
                    await process.stdin.send_all(f"{text}\n".encode())
                    if number in (20, 40):
                        kept.kill()
                await process.stdin.aclose()
                while len(seen) < len(texts):
                    event = await anext(stream)
                    if isinstance(event, Said) and event.sender == "nora":
                        seen.append(event.text)
                assert await process.wait() == 0
            programs.cancel_scope.cancel()
    output = b""
    while chunk := await process.stdout.receive_some():
        output += chunk
    assert seen == texts
    printed = output.decode().splitlines()
    assert printed[0] == "lobby <alice> hello nora"
    assert printed[1:] == [f"lobby <nora> {text}" for text in texts]
