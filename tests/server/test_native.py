"""The native wire through the whole server; each test quotes the sentence that it checks."""

from __future__ import annotations

from support_server import ChatServer, types


async def test_hello_brings_the_rooms_and_then_done(server: ChatServer) -> None:
    """
    > A `hello` with an id gets its `done` after the last `backlog`.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    answers = await bob.input("hi")
    assert types(answers) == ["said", "done"]
    assert types(await alice.sync()) == ["joined", "said"]
