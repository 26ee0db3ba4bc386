"""One link: who deals with what arrives, and in whose language."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support_server import ChatServer, Peer, chat_config, open_server, texts
from support_wire import toy_wire
from trio_chat.requests import Ping
from trio_chat.server.net.links import WatchedLink
from trio_chat.wire import Received, Refusal, Switch
from trio_chat.wire.native import NativeWire

needs_epoll = pytest.mark.skipif(not hasattr(select, "epoll"), reason="Linux only")

HELLO = b'{"type":"hello","protocol":1,"nick":"bob"}'


def said(text: str) -> bytes:
    return json.dumps({"type": "input", "room": "lobby", "text": text}).encode()


class Turns(trio.abc.Instrument):
    """Counts the turns of the tasks that read from a link."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task.name.endswith("Connection.run")


async def turns_for(theirs: socket.socket, *chunks: bytes) -> int:
    """How many turns reading takes when these *chunks* arrive one after the other."""
    turns = Turns()
    trio.lowlevel.add_instrument(turns)
    try:
        for chunk in chunks:
            theirs.send(chunk)
            await wait_all_tasks_blocked()
            await wait_all_tasks_blocked(0.01)
    finally:
        trio.lowlevel.remove_instrument(turns)
    return turns.count


@needs_epoll
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
async def test_no_task_is_woken_for_a_line_of_talk(end: bytes) -> None:
    from trio_chat.server.net.readiness import Readiness

    ours, theirs = socket.socketpair()
    readiness = Readiness()
    async with open_server(chat_config()) as server, trio.open_nursery() as nursery:
        nursery.start_soon(readiness.run)
        link = WatchedLink(ours, "unix", readiness)
        server.hub.start_soon(server.parts.admission.admit(link).run)
        assert await turns_for(theirs, HELLO + end) > 0
        alice = await server.native("alice")
        lines = [said(text) + end for text in ("one", "two", "three", "four", "five")]
        assert await turns_for(theirs, lines[0], lines[1] + lines[2]) == 0
        middle = len(lines[3]) // 2
        assert await turns_for(theirs, lines[3][:middle], lines[3][middle:] + lines[4]) == 0
        assert await turns_for(theirs, lines[0][:-1], lines[0][-1:] + lines[1]) == 0
        heard = texts(await alice.sync())
        assert heard == ["one", "two", "three", "four", "five", "one", "two"]
        assert await turns_for(theirs, said("/who") + end) == 1
        assert await turns_for(theirs, said("six") + end) == 0
        assert texts(await alice.sync()) == ["six"]
        theirs.close()
        await wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()


# --- wires that give way and refuse


class UpgradingWire(NativeWire):
    """On a ping it begins another language, or has had enough."""

    flavour = "upgrading"

    def receive(self, chunk: bytes) -> Iterator[Received]:
        for item in super().receive(chunk):
            if isinstance(item, Ping) and item.id == "toy":
                yield Switch(toy_wire(), b"SAY with the rest of the chunk\n")
            elif isinstance(item, Ping) and item.id == "enough":
                yield Refusal(b"{}\n")
            else:
                yield item


async def upgrading(server: ChatServer, nick: str) -> Peer:
    peer = await server.native(nick)
    server.session_of(nick).speak(UpgradingWire())
    return peer


async def test_session_goes_on_in_the_language_that_its_wire_gives_way_to(
    server: ChatServer,
) -> None:
    alice, bob = await server.native("alice"), await upgrading(server, "bob")
    await bob.send(type="ping", id="toy")
    assert await bob.line() == b"HEARD bob with the rest of the chunk"
    await bob.send_raw(b"PING\nSAY hello\n")
    assert await bob.line() == b"PONG"
    assert await bob.line() == b"HEARD bob hello"
    heard = texts(await alice.input("hi"))
    assert await bob.line() == b"HEARD alice hi"
    assert heard == ["with the rest of the chunk", "hello", "hi"]


async def test_refusal_is_the_last_that_a_peer_is_told(server: ChatServer) -> None:
    alice, bob = await server.native("alice"), await upgrading(server, "bob")
    await bob.send_raw(said("before") + b"\n")
    await bob.send(type="ping", id="enough")
    await bob.send_raw(said("never") + b"\n")
    await bob.until("said", text="before")
    heard = texts(await alice.input("hi"))
    assert await bob.to_end() == [{}]
    assert heard == ["before", "hi"]
