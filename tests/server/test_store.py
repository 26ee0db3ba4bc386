"""What talkers notice of the store: that it is slow, that it fails, that it is back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from support_server import (
    ChatServer,
    Links,
    Peer,
    chat_config,
    open_server,
    seqs,
    texts,
    types,
)
from trio_chat.errors import Unavailable
from trio_chat.store.api import Write
from trio_chat.store.memory import MemoryStore


@pytest.mark.parametrize(
    "tight",
    ["limits.pipeline=1", "limits.pipeline=3", "store.queue_writes=1", "store.batch_writes=1"],
)
async def test_order_is_kept_however_little_is_under_way(
    autojump_clock: MockClock, links: Links, tight: str
) -> None:
    """
    > Requests of one session are handled in the order in which they arrive.
    """
    async with open_server(chat_config(tight), links) as server:
        alice, bob = await server.native("alice"), await server.native("bob")
        for number in range(50):
            await alice.send(type="input", id=f"a{number}", room="lobby", text=f"alice {number}")
            await bob.send(type="input", id=f"b{number}", room="lobby", text=f"bob {number}")
        events = await bob.answer("b49") + await alice.answer("a49") + await alice.sync()
        log = texts(await alice.ask("page", room="lobby"))
        for nick in ("alice", "bob"):
            own = [text for text in log if text.startswith(nick)]
            assert own == [f"{nick} {number}" for number in range(50)]
        assert sum(event["type"] == "done" for event in events) == 100


async def test_line_that_cannot_be_stored_is_shown_to_nobody_and_may_be_sent_again(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    > the same id again: it happens once
    """
    alice, bob = await server.native("alice"), await server.native("bob")
    await alice.sync()

    def fail(_: MemoryStore, write: Write, now_ms: int) -> None:
        write.error = Unavailable("the disk is full", retry_after=2.0)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "_append", fail)
        for text in ("hello", "/topic work", "/join dev"):
            (*_, refusal) = await alice.input(text, id=text)
            assert (refusal["type"], refusal["code"]) == ("error", "unavailable")
            assert refusal["retry_after"] == 2.0
        assert await bob.sync() == []
    for text in ("hello", "/topic work", "/join dev", "hello"):
        assert (await alice.input(text, id=text))[-1]["type"] == "done"
    assert types(await bob.sync()) == ["said", "topic"]
    who = (await alice.input("/who dev"))[-2]["data"]
    assert who["total"] == 1


async def test_log_that_cannot_be_read_delays_a_resume_and_loses_nothing(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    > get exactly what you missed
    """
    alice, bob = await server.native("alice"), await server.native("bob")
    bob.reset()
    await alice.input("one")
    failures = [Unavailable("the disk is away")] * 3
    page = MemoryStore.page

    async def fail_at_first(store: MemoryStore, room: str, **wanted: Any) -> object:
        if failures:
            raise failures.pop()
        return await page(store, room, **wanted)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "page", fail_at_first)
        answers = await Peer(server.dial()).resume(bob.token, lobby=0)
    assert texts(answers) == ["one"]


async def test_page_that_cannot_be_read_is_refused(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    > the store cannot take it now
    """
    alice = await server.native("alice")

    async def fail(_: MemoryStore, room: str, **wanted: Any) -> object:
        await trio.lowlevel.checkpoint()
        raise Unavailable("the disk is away", retry_after=2.0)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "page", fail)
        assert (await alice.ask("page", room="lobby"))[-1]["code"] == "unavailable"
        assert (await alice.input("/history"))[-1]["code"] == "unavailable"
    assert (await alice.ask("page", room="lobby"))[-1]["type"] == "done"


async def test_rooms_and_topics_outlive_the_server(tmp_path: Path) -> None:
    """
    > A `done` means stored: it survives whatever happens to the server.
    """
    config = chat_config("timeouts.linger_seconds=0.01", data=tmp_path)
    async with open_server(config) as server:
        alice = await server.native("alice")
        await alice.input("/join Dev")
        await alice.input("/topic be kind", "dev")
        for number in range(60):
            await alice.input(str(number), "dev")
        await alice.quit()
    async with open_server(config) as server:
        bob = await server.native("bob")
        assert "#Dev (0) be kind" in (await bob.input("/rooms"))[0]["text"]
        joined, members, backlog, _ = await bob.input("/join dev")
        assert (joined["room"], members["topic"]) == ("Dev", "be kind")
        assert seqs([backlog]) == list(range(12, 62))
        assert backlog["more"] is True
        assert seqs(await bob.input("on we go", "dev")) == [62]
