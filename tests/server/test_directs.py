"""Direct messages through the whole server: who gets them, and who never does."""

from __future__ import annotations

from support_server import ChatServer, Peer, seqs, stored, texts


async def test_conversation_ends_when_its_partner_leaves(server: ChatServer) -> None:
    """
    > When the other one leaves the server, the conversation ends with `left` in its room; whoever
    > takes the nick later is somebody else, and begins at seq 1.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.input("for the old bob", "@bob")
    await bob.quit()
    left = await alice.expect("left", room="@bob")
    assert left["nick"] == "bob"
    refused = await alice.input("too late", "@bob")
    assert refused[-1]["code"] == "no_such_member"

    impostor = Peer(server.dial())
    events = await impostor.hello("bob")
    assert "for the old bob" not in texts(events)
    assert (await impostor.ask("page", room="@alice"))[-1]["code"] == "no_such_member"
    assert seqs(await alice.input("for the new bob", "@bob"), "@bob") == [1]
    assert texts(await impostor.sync()) == ["for the new bob"]
    assert texts(await impostor.ask("page", room="@alice")) == ["for the new bob"]


async def test_partner_whose_link_dropped_gets_what_was_written_meanwhile(
    server: ChatServer,
) -> None:
    alice = await server.native("alice")
    bob = Peer(server.dial())
    token = (await bob.hello("bob"))[0]["session"]
    bob.reset()
    await alice.input("are you there?", "@bob")
    bob = Peer(server.dial())
    events = await bob.resume(token)
    assert texts(stored(events, "@alice")) == ["are you there?"]


async def test_reply_answers_who_was_heard_last(server: ChatServer) -> None:
    """A conversation that is only opened, or one that is not heard, changes nothing."""
    alice = await server.native("alice")
    bob = await server.native("bob")
    carol = await server.native("carol")
    await bob.input("from bob", "@alice")
    await alice.input("/ignore carol")
    await carol.input("from carol", "@alice")
    assert seqs(await alice.input("/reply hello bob"), "@bob") == [2]
    assert texts(stored(await bob.sync(), "@alice"))[-1] == "hello bob"
    assert "hello bob" not in texts(await carol.sync())


async def test_what_was_told_before_its_author_left_is_not_lost_with_the_link(
    server: ChatServer,
) -> None:
    """The message had been sent to alice, but her link broke before she read it."""
    alice = Peer(server.dial())
    token = (await alice.hello("alice"))[0]["session"]
    bob = await server.native("bob")
    await bob.input("remember the milk", "@alice")
    await bob.quit()
    alice.reset()
    alice = Peer(server.dial())
    events = await alice.resume(token, lobby=0)
    assert texts(stored(events, "@bob")) == ["remember the milk"]
    assert (await alice.expect("left", room="@bob"))["nick"] == "bob"
