"""A language that the server has never heard of: its wire and one row are all it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support_server import ChatServer, PlainPeer, pass_seconds, texts, types
from support_wire import toy_wire
from trio_chat.events import Shown
from trio_chat.wire import Received, Reply, Wire, detect
from trio_chat.wire.detect import LANGUAGES, Language

ToyWire = type(toy_wire())


class LoudWire(ToyWire):  # type: ignore[misc, valid-type]
    """Each PING makes it show everything in capitals, or as it is again: two flavours."""

    def __init__(self) -> None:
        super().__init__()
        self.flavour = "toy"

    def receive(self, chunk: bytes) -> Iterator[Received]:
        for item in super().receive(chunk):
            yield item
            if isinstance(item, Reply):
                self.flavour = "loud" if self.flavour == "toy" else "toy"

    def show(self, event: Shown) -> bytes:
        shown: bytes = super().show(event)
        return shown.upper() if self.flavour == "loud" else shown


CONTRIBUTING = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
[ROW] = re.findall(r"^```python\n(Language\(.*\))\n```$", CONTRIBUTING, re.MULTILINE)


def have_spoken(monkeypatch: pytest.MonkeyPatch, wire: type[Wire]) -> None:
    """Add the row of CONTRIBUTING.md, with this wire as its `ToyWire`."""
    row = eval(ROW, {"Language": Language, "ToyWire": wire})
    monkeypatch.setattr(detect, "LANGUAGES", [row, *LANGUAGES])


@pytest.fixture(autouse=True)
def toy_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    have_spoken(monkeypatch, ToyWire)


async def toy(server: ChatServer, nick: str) -> PlainPeer:
    peer = PlainPeer(server.dial())
    await peer.send(f"NAME {nick}", f"SAY I am {nick}")
    await peer.until(f"HEARD {nick} I am {nick}")
    return peer


async def test_toy_peers_talk_with_all_others(server: ChatServer) -> None:
    alice, plain = await server.native("alice"), await server.plain("plain")
    bob = await toy(server, "bob")
    assert texts(await alice.sync()) == ["I am bob"]
    await alice.input("hi\nall")
    await plain.send("//hello")
    await bob.send("SAY /me is said as it is")
    assert await bob.until("as it is") == [
        "HEARD alice hi",
        "HEARD alice all",
        "HEARD plain /hello",
        "HEARD bob /me is said as it is",
    ]
    assert (await plain.until("as it is"))[-1].endswith("<bob> /me is said as it is")
    assert texts(await alice.sync()) == ["/hello", "/me is said as it is"]


async def test_ping_is_answered_after_all_that_came_before(server: ChatServer) -> None:
    bob = await toy(server, "bob")
    await bob.peer.send_raw(b"SAY one\r\nSAY two\r\nPING\r\nSAY three\r\n")
    said = [await bob.next() for _ in range(4)]
    assert said == ["HEARD bob one", "HEARD bob two", "PONG", "HEARD bob three"]


async def test_toy_peer_is_told_what_it_does_wrong(server: ChatServer) -> None:
    await server.native("alice")
    peer = PlainPeer(server.dial())
    await peer.send("NAME alice", "NAME a b", "SAY hi", "NAME bob", "NAME carol", "SAY x" * 300)
    sorry = [await peer.next() for _ in range(5)]
    assert sorry == [
        "SORRY the nick alice is taken",
        "SORRY a nick cannot contain a blank",
        "SORRY say hello first",
        "SORRY you have said hello already",
        "SORRY a line has at most 1024 bytes",
    ]
    await peer.send(*["WHAT"] * 10)
    assert await peer.to_end() == [
        *["SORRY the words are NAME, SAY and PING"] * 10,
        "SORRY 10 lines in a row were no requests",
    ]


async def test_toy_peer_that_drops_out_leaves_at_once(server: ChatServer) -> None:
    alice = await server.native("alice")
    bob = await toy(server, "bob")
    bob.peer.reset()
    assert types(await alice.until("left", nick="bob"))[-1] == "left"


async def test_last_line_of_a_toy_peer_needs_no_end(server: ChatServer) -> None:
    alice = await server.native("alice")
    peer = PlainPeer(server.dial())
    await peer.peer.send_raw(b"NAME bob\nSAY hello")
    await peer.peer.stream.send_eof()
    assert await peer.to_end() == ["HEARD bob hello"]
    assert texts(await alice.sync()) == ["hello"]


async def test_toy_peer_is_given_no_greeting_once_it_has_spoken(server: ChatServer) -> None:
    peer = PlainPeer(server.dial())
    await peer.send("NAME a b")
    assert await peer.next() == "SORRY a nick cannot contain a blank"
    await pass_seconds(10)
    await peer.send("NAME bob", "SAY hi")
    assert await peer.next() == "HEARD bob hi"


async def test_server_that_ends_says_so_in_the_toy_language(server: ChatServer) -> None:
    bob = await toy(server, "bob")
    server.stop.set()
    assert (await bob.to_end())[-1].startswith("SORRY ")


async def test_wire_may_change_its_flavour_while_it_talks(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown to many is encoded once for each flavour, so everybody has to be found in
    the one that it has now."""
    have_spoken(monkeypatch, LoudWire)
    alice = await server.native("alice")
    bob, carol = await toy(server, "bob"), await toy(server, "carol")
    heard = {"toy": "HEARD alice hi", "loud": "HEARD ALICE HI"}
    for flavour in ("loud", "toy", "loud"):
        await bob.send("PING")
        await bob.until("PONG")
        await alice.input("hi")
        assert await bob.next() == heard[flavour]
        assert (await carol.until("hi"))[-1] == heard["toy"]
    await bob.peer.stream.aclose()
    await alice.until("left", nick="bob")
    hearers = server.hub.audience.of("lobby")
    assert hearers is not None
    assert {one.member.nick for one in hearers if one.member} == {"alice", "carol"}
