"""Ids: what is asked for again happens once, and is answered as the first time."""

from __future__ import annotations

from typing import Any

import pytest

from support_accounts import login, registered
from support_server import ChatServer, Event, Peer, seqs, stored, texts


async def again(server: ChatServer, peer: Peer) -> Peer:
    """The same session on another link."""
    peer.reset()
    other = Peer(server.dial())
    await other.resume(peer.token, lobby=0)
    return other


@pytest.mark.parametrize(
    "text",
    ["hello", "/me waves", "/topic work", "/join dev", "/nick alicia", "/away lunch", "/msg bob x"],
)
@pytest.mark.parametrize("resumed", [False, True], ids=["same link", "resumed"])
async def test_repeated_input_happens_once_and_is_answered_as_the_first_time(
    server: ChatServer, text: str, resumed: bool
) -> None:
    """
    > An `input` repeated with the same id by the same account, or in the same (also resumed)
    > session, happens once, and is answered as the first time.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.sync()
    first = await alice.input(text, id="1")
    seen = await bob.sync()
    if resumed:
        alice = await again(server, alice)
    second = await alice.input(text, id="1")
    assert second[-1] == {**first[-1], "repeated": True}
    assert results(second) == results(first)
    assert stored(second) == []
    assert await bob.sync() == []
    assert len(stored(seen)) <= 1


def results(events: list[Event]) -> list[Event]:
    return [event for event in events if event["type"] == "result"]


async def test_repeats_under_way_at_once_happen_once(server: ChatServer) -> None:
    """
    > happens once, and is answered as the first time.
    """
    alice = await server.native("alice")
    for _ in range(5):
        await alice.send(type="input", id="1", room="lobby", text="hello")
        await alice.send(type="input", id="2", room="lobby", text="/topic work")
    events = await alice.sync()
    assert seqs(events) == [1, 2]
    answers = [(event["id"], event["seq"]) for event in events if event["type"] == "done"]
    assert sorted(answers) == [("1", 1)] * 5 + [("2", 2)] * 5


async def test_command_that_reads_is_run_again(server: ChatServer) -> None:
    """
    > A command that only reads (`/who`, `/history`, ...) is run again when its id comes again, and
    > so gives a fresh answer.
    """
    alice = await server.native("alice")
    assert (await alice.input("/who", id="1"))[0]["data"]["total"] == 1
    await server.native("bob")
    await alice.sync()
    assert (await alice.input("/who", id="1"))[0]["data"]["total"] == 2


async def test_id_answered_by_error_may_be_sent_again(server: ChatServer) -> None:
    """
    > An id answered by `error` did not happen and may be sent again.
    """
    alice = await server.native("alice")
    assert (await alice.input("hi", "dev", id="1"))[-1]["code"] == "no_such_room"
    await alice.input("/join dev")
    assert (await alice.input("hi", "dev", id="1"))[-1] == {
        "type": "done",
        "id": "1",
        "room": "dev",
        "seq": 1,
    }


async def test_ids_of_others_do_not_count(server: ChatServer) -> None:
    """
    > a counter is good within one session
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.input("mine", id="1")
    assert texts(await bob.input("mine too", id="1")) == ["mine", "mine too"]


async def test_repeat_to_a_conversation_names_it_as_the_first_time(server: ChatServer) -> None:
    """
    > is answered as the first time
    """
    alice = await server.native("alice")
    await server.native("bob")
    first = (await alice.input("/msg bob psst", id="1"))[-1]
    assert (first["room"], first["seq"]) == ("@bob", 1)
    again = (await alice.input("/msg bob psst", id="1"))[-1]
    assert again == {**first, "repeated": True}


async def test_unanswered_ids_sent_again_after_a_cut_happen_once(server: ChatServer) -> None:
    """
    > So after a cut link send everything again that has no answer yet, with the ids it had; nothing
    > is lost and nothing is said twice.
    """
    bob = await server.native("bob")
    alice = await server.native("alice")
    await bob.sync()
    lines = [str(number) for number in range(40)]
    for id in lines:
        await alice.send(type="input", id=id, room="lobby", text=id)
        if int(id) % 9 == 8:
            alice = await again(server, alice)
            for before in lines[: int(id) + 1]:
                await alice.send(type="input", id=before, room="lobby", text=before)
    await alice.sync()
    heard = stored(await bob.sync())
    assert sorted(event["text"] for event in heard) == sorted(lines)
    assert [event["seq"] for event in heard] == list(range(1, 41))


async def test_what_has_happened_is_not_refused_because_its_room_was_left_since(
    server: ChatServer,
) -> None:
    """
    > An id answered by `error` did not happen and may be sent again.
    """
    alice = await server.native("alice")
    await alice.input("/join dev")
    first = (await alice.input("hello", "dev", id="1"))[-1]
    await alice.input("/leave dev")
    assert await alice.input("hello", "dev", id="1") == [{**first, "repeated": True}]
    refused = await alice.input("hello again", "dev", id="2")
    assert refused[-1]["code"] == "not_in_room"


async def test_what_has_happened_is_not_refused_because_its_addressee_has_left(
    server: ChatServer,
) -> None:
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.input("psst", "@bob", id="1")
    await alice.input("/msg bob psst", id="2")
    await bob.quit()
    await alice.expect("left", room="lobby", nick="bob")
    for text, room, id in (("psst", "@bob", "1"), ("/msg bob psst", "lobby", "2")):
        (answer,) = await alice.input(text, room, id=id)
        assert answer["type"] == "done"
        assert "guest:" not in str(answer), "nobody knows a conversation by its key in the store"


@pytest.mark.parametrize("text", ["hello", "/me waves", "/topic roses", "/away lunch"])
async def test_done_says_that_an_id_had_happened_before(server: ChatServer, text: str) -> None:
    """D7: two devices of an account that both count 1, 2, 3 lost lines with `done`."""
    alice = await registered(server, "alice")
    laptop = await login(server, "alice")
    first = (await alice.input(text, id="1"))[-1]
    again = (await laptop.input(text, id="1"))[-1]
    assert "repeated" not in first
    assert again == {**first, "repeated": True}
    assert "repeated" not in (await laptop.input("something new", id="2"))[-1]


async def test_an_empty_id_is_refused(server: ChatServer) -> None:
    """L12: it got no answer at all."""
    alice = await server.native("alice")
    await alice.send(type="input", id="", room="lobby", text="hi")
    refused = await alice.expect("error")
    assert refused["code"] == "bad_request"
    assert "id" in refused["message"]
    assert await alice.sync() == []


@pytest.mark.parametrize("fields", [{"limit": 0}, {"limit": -1}, {"before": 2, "after": 1}])
async def test_a_page_that_makes_no_sense_is_refused(
    server: ChatServer, fields: dict[str, Any]
) -> None:
    """L12: with both ends, or of nothing."""
    alice = await server.native("alice")
    answer = (await alice.ask("page", room="lobby", **fields))[-1]
    assert (answer["type"], answer["code"]) == ("error", "bad_request")


@pytest.mark.parametrize("number", [0, 2, 99])
async def test_another_protocol_has_a_code_of_its_own(server: ChatServer, number: int) -> None:
    """L12: and another hello on the same link is taken."""
    peer = Peer(server.dial())
    refused = (await peer.ask("hello", protocol=number, nick="alice"))[-1]
    assert refused["code"] == "unknown_protocol"
    assert "protocol 1" in refused["message"]
    assert (await peer.hello("alice"))[0]["type"] == "welcome"
