"""A bug in one wire, or in taking somebody in, costs the sessions concerned; the others chat on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from support_server import (
    ChatServer,
    Links,
    MemoryListener,
    Peer,
    PlainPeer,
    chat_config,
    open_server,
    texts,
    types,
)
from support_wire import WELCOME
from trio_chat.events import Done, Joined, Left, Quit, Renamed, Said, Shown
from trio_chat.wire.native import NativeWire
from trio_chat.wire.plain import PlainWire


class BrokenPlain(PlainWire):
    """Cannot show events of some kinds. A flavour of its own."""

    flavour = "broken"

    def __init__(self, *kinds: type) -> None:
        super().__init__()
        self._kinds = kinds
        self.show(WELCOME)

    def show(self, event: Shown) -> bytes:
        if type(event) in self._kinds:
            raise RuntimeError("a bug in a renderer")
        return super().show(event)


class BrokenNative(NativeWire):
    """Cannot say `done`."""

    flavour = "broken"

    def show_shared(self, events: Sequence[Shown]) -> bytes:
        if any(type(event) is Done for event in events):
            raise RuntimeError("a bug in a renderer")
        return super().show_shared(events)


async def broken(server: ChatServer, nick: str, *kinds: type) -> PlainPeer:
    """A peer in the lobby whose wire cannot show events of this kind any more."""
    peer = await server.plain(nick)
    session = server.session_of(nick)
    session.speak(BrokenPlain(*kinds))
    return peer


async def assert_chat_goes_on(server: ChatServer, *peers: Peer) -> None:
    await peers[0].input("still here")
    for peer in peers[1:]:
        assert "still here" in texts(await peer.sync())
    assert (await Peer(server.dial()).hello("newcomer"))[0]["type"] == "welcome"


@pytest.mark.parametrize("filtered", [False, True])
async def test_wire_that_cannot_show_what_is_said_ends_its_own_session(
    server: ChatServer, filtered: bool
) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    zoe = await broken(server, "zoe", Said)
    if filtered:
        await zoe.send("/ignore bob")
        await zoe.until("bob")
    server.expected_bugs = 2  # when it was shown, and when it was read from the log
    assert types(await alice.input("hi"))[-2:] == ["said", "done"]
    await zoe.to_end()
    assert texts(await bob.sync()) == ["hi"]
    await assert_chat_goes_on(server, alice, bob)


async def test_wire_that_cannot_show_a_conversation_ends_its_own_session(
    server: ChatServer,
) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    zoe = await broken(server, "zoe", Said)
    server.expected_bugs = 2
    assert types(await alice.input("/msg zoe psst"))[-1] == "done"
    await zoe.to_end()
    await assert_chat_goes_on(server, alice, bob)


async def test_wire_that_cannot_answer_its_speaker_ends_its_own_session(
    server: ChatServer,
) -> None:
    alice, bob = await server.native("alice"), await server.native("bob")
    server.session_of("bob").wire = BrokenNative()
    server.expected_bugs = 1
    await bob.send(type="input", id="1", room="lobby", text="hi")
    assert types(await bob.to_end())[-2:] == ["error", "bye"]
    assert texts(await alice.sync()) == ["hi"]
    await assert_chat_goes_on(server, alice)


@pytest.mark.parametrize("kind", [Joined, Renamed])
async def test_wire_that_cannot_show_who_comes_reads_on(server: ChatServer, kind: type) -> None:
    """What is not stored is missed by the sessions of that wire, and nothing else is."""
    alice, bob = await server.native("alice"), await server.native("bob")
    zoe = await broken(server, "zoe", kind)
    server.expected_bugs = 1
    assert types(await bob.input("/nick bobby"))[-1] == "done"
    dora = await server.native("dora")
    assert types(await dora.input("hi"))[-1] == "done"
    assert "hi" in (await zoe.until("hi"))[-1]
    assert texts(await bob.sync()) == ["hi"]
    assert texts(await alice.sync()) == ["hi"]


async def test_wire_that_cannot_show_an_end_does_not_hold_up_who_leaves(
    server: ChatServer,
) -> None:
    """Somebody else's deed is shown to one session alone: its wire's bug is not the doer's."""
    alice, bob = await server.native("alice"), await server.native("bob")
    zoe = await broken(server, "zoe", Left, Quit)
    await zoe.send("/msg alice psst")
    await alice.until("said")
    server.expected_bugs = 2  # that alice leaves the conversation, and that she leaves the room
    await alice.send(type="input", text="/quit")
    assert types(await alice.to_end())[-1] == "bye"
    await zoe.to_end()
    await assert_chat_goes_on(server, bob)


# --- taking somebody in


class PoisonedListener(MemoryListener):
    """At first it raises *poison*, or accepts it as if it were a stream."""

    def __init__(self, poison: object) -> None:
        super().__init__()
        self._poison = poison

    async def accept(self) -> Any:
        poison, self._poison = self._poison, None
        if poison is None:
            return await super().accept()
        await trio.lowlevel.checkpoint()
        if isinstance(poison, OSError):
            raise poison
        return poison


class NoStream:
    """Of no use, and cannot even be closed."""

    async def aclose(self) -> None:
        await trio.lowlevel.cancel_shielded_checkpoint()
        raise RuntimeError("a bug in closing")


@pytest.mark.parametrize(
    ("poison", "bugs"),
    [(NoStream(), 2), (OSError(5, "input/output error"), 1)],
    ids=["useless", "refused"],
)
async def test_accept_that_raises_keeps_nobody_else_out(
    autojump_clock: MockClock, links: Links, poison: object, bugs: int
) -> None:
    async with open_server(chat_config(), links, listener=PoisonedListener(poison)) as server:
        server.expected_bugs = bugs
        await assert_chat_goes_on(server, await server.native("alice"), await server.native("bob"))
