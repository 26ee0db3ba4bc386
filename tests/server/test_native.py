"""The native wire through the whole server; each test quotes the sentence that it checks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from support_server import ChatServer, Peer, seqs, stored, texts, types


async def test_hello_brings_the_rooms_and_then_done(server: ChatServer) -> None:
    """
    > A `hello` with an id gets its `done` after the last `backlog`.
    """
    peer = Peer(server.dial())
    answers = await peer.hello("alice")
    assert types(answers) == ["welcome", "joined", "members", "backlog", "done"]
    welcome, joined, members, backlog, _ = answers
    assert welcome["nick"] == "alice"
    assert welcome["resumed"] is False
    assert len(welcome["session"]) > 20
    assert "topic" in {command["name"] for command in welcome["commands"]}
    assert joined == {"type": "joined", "room": "lobby", "nick": "alice"}
    assert [row["nick"] for row in members["members"]] == ["alice"]
    assert backlog == {"type": "backlog", "room": "lobby", "events": [], "more": False}


async def test_newcomer_gets_the_newest_events_and_whether_there_are_older_ones(
    server: ChatServer,
) -> None:
    """
    > On entering a room the `backlog` holds the newest events, and `more` says whether there are
    > older ones.
    """
    alice = await server.native("alice")
    for number in range(60):
        await alice.send(type="input", room="lobby", text=f"line {number}")
    await alice.sync()
    bob = Peer(server.dial())
    backlog = (await bob.hello("bob"))[3]
    assert texts([backlog]) == [f"line {number}" for number in range(10, 60)]
    assert backlog["more"] is True
    assert seqs([backlog]) == list(range(11, 61))


async def test_everyone_gets_what_is_said_the_sender_too(server: ChatServer) -> None:
    """
    > Everyone in the room gets it, the sender too
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    answers = await alice.input("hello")
    assert types(answers) == ["joined", "said", "done"]
    said, done = answers[1:]
    assert (said["room"], said["seq"], said["from"]) == ("lobby", 1, "alice")
    assert (said["text"], said["kind"]) == ("hello", "message")
    assert done["seq"] == 1
    assert done["room"] == "lobby"
    assert await bob.sync() == [said]


async def test_seqs_of_a_room_have_no_holes_and_rooms_count_apart(server: ChatServer) -> None:
    """
    > they carry `seq`, which counts 1, 2, 3 ... in each room without holes
    """
    alice = await server.native("alice")
    await alice.input("/join dev")
    for room in ("lobby", "dev", "dev", "lobby", "dev"):
        await alice.send(type="input", room=room, text="x")
    events = await alice.sync()
    assert seqs(events, "lobby") == [1, 2]
    assert seqs(events, "dev") == [1, 2, 3]


async def test_room_may_be_left_out_and_is_where_one_last_went(server: ChatServer) -> None:
    """
    > where: `lobby`, or `@bob` for the conversation with bob; optional: where this session last
    > went
    """
    alice = await server.native("alice")
    await alice.input("/join dev")
    answers = await alice.ask("input", text="here")
    assert answers[0]["room"] == "dev"


async def test_two_slashes_say_one(server: ChatServer) -> None:
    """
    > `/command ...` is a command; `//` at the start says a slash; anything else is said
    """
    alice = await server.native("alice")
    assert texts(await alice.input("//me is a command")) == ["/me is a command"]
    said = (await alice.input("/me waves"))[0]
    assert (said["kind"], said["text"]) == ("action", "waves")


async def test_mistyped_command_never_reaches_the_room(server: ChatServer) -> None:
    """
    > A mistyped command is an error and never reaches the room.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.sync()
    answers = await alice.input("/tpoic secret")
    assert types(answers) == ["error"]
    assert answers[0]["code"] == "unknown_command"
    assert "/topic" in answers[0]["message"]
    assert await bob.sync() == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/topic " + "x" * 391, "too_long"),
        ("x" * 4097, "too_long"),
        ("\n" * 100 + "x", "too_long"),
        (" ", "bad_request"),
        ("/msg", "usage"),
        ("/msg nobody hi", "no_such_member"),
        ("/nick {}", "nick_invalid"),
        ("/join a/b", "bad_request"),
        ("/unignore bob", "no_such_member"),
    ],
)
async def test_refusal_names_its_code_and_the_session_goes_on(
    server: ChatServer, text: str, code: str
) -> None:
    """
    > refused, see [Errors](#errors)
    """
    alice = await server.native("alice")
    answers = await alice.input(text)
    assert types(answers) == ["error"]
    assert answers[0]["code"] == code
    assert answers[0]["message"]
    assert texts(await alice.input("still here")) == ["still here"]


async def test_one_must_be_in_a_room_to_talk_or_read_there(server: ChatServer) -> None:
    """
    > one has to be in the room for that
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await bob.input("/join dev")
    await bob.input("secret", "dev")
    for answers in (
        await alice.input("hi", "dev"),
        await alice.ask("page", room="dev"),
        await alice.ask("read", room="dev", seq=1),
    ):
        assert answers[-1]["code"] == "not_in_room"
    assert (await alice.input("hi", "nowhere"))[-1]["code"] == "no_such_room"


# --- hello


@pytest.mark.parametrize("type", ["input", "page", "read"])
async def test_hello_comes_first(server: ChatServer, type: str) -> None:
    """
    > something else came before `hello` was answered by `welcome`
    """
    peer = Peer(server.dial())
    answers = await peer.ask(type, room="lobby", text="hi", seq=1)
    assert [(event["type"], event["code"]) for event in answers] == [("error", "hello_first")]
    assert (await peer.hello("alice"))[0]["type"] == "welcome"


async def test_refused_hello_may_be_followed_by_another(server: ChatServer) -> None:
    """
    > If it is refused (`nick_taken`, say), send another one on the same link.
    """
    await server.native("alice")
    peer = Peer(server.dial())
    for nick, code in (("Alice", "nick_taken"), ("a b", "nick_invalid"), ("", "nick_invalid")):
        answers = await peer.hello(nick)
        assert [event.get("code") for event in answers] == [code]
    assert (await peer.hello("bob"))[0]["nick"] == "bob"


async def test_other_protocols_and_accounts_are_refused(server: ChatServer) -> None:
    """
    > account, password or token are wrong
    """
    peer = Peer(server.dial())
    answers = await peer.ask("hello", protocol=2, nick="alice")
    assert answers[-1]["code"] == "unknown_protocol"
    answers = await peer.hello("alice", account="alice", password="secret")
    assert answers[-1]["code"] == "login_failed"


async def test_second_hello_is_refused(server: ChatServer) -> None:
    alice = await server.native("alice")
    assert (await alice.ask("hello", nick="bob"))[-1]["code"] == "bad_request"
    assert (await alice.input("/whois alice"))[-1]["type"] == "done"


# --- page and read


async def ten_lines(server: ChatServer) -> Peer:
    alice = await server.native("alice")
    for number in range(1, 11):
        await alice.send(type="input", room="lobby", text=f"line {number}")
    await alice.sync()
    return alice


@pytest.mark.parametrize(
    ("asked", "wanted", "more"),
    [
        ({"before": 4}, [1, 2, 3], False),
        ({"before": 11, "limit": 2}, [9, 10], True),
        ({"before": 99, "limit": 2}, [9, 10], True),
        ({"before": 3, "limit": 2}, [1, 2], False),
        ({"before": 1}, [], False),
        ({"before": 0}, [], False),
        ({"after": 7}, [8, 9, 10], False),
        ({"after": 0, "limit": 3}, [1, 2, 3], True),
        ({"after": 7, "limit": 3}, [8, 9, 10], False),
        ({"after": 10}, [], False),
        ({"limit": 3}, [8, 9, 10], True),
        ({}, list(range(1, 11)), False),
    ],
)
async def test_page_is_one_backlog_in_the_direction_asked_for(
    server: ChatServer, asked: dict[str, Any], wanted: list[int], more: bool
) -> None:
    """
    > A page is one `backlog`. Less than `limit` may come, because a line has an end: `more` says
    > whether more remain in the direction asked for.
    """
    alice = await ten_lines(server)
    answers = await alice.ask("page", room="lobby", **asked)
    assert types(answers) == ["backlog", "done"]
    assert seqs(answers) == wanted
    assert answers[0]["more"] is more


async def test_page_is_cut_where_the_line_ends_and_says_so(server: ChatServer) -> None:
    """
    > a server's at most 64 KiB
    """
    alice = await server.native("alice")
    for _ in range(20):
        await alice.send(type="input", room="lobby", text="x" * 4096)
    await alice.sync()
    seen: list[int] = []
    more, before = True, 21
    while more:
        backlog = (await alice.ask("page", room="lobby", before=before))[0]
        more, before = backlog["more"], backlog["events"][0]["seq"]
        seen = seqs([backlog]) + seen
    assert seen == list(range(1, 21))


async def test_page_takes_before_or_after_not_both(server: ChatServer) -> None:
    alice = await ten_lines(server)
    answers = await alice.ask("page", room="lobby", before=5, after=2)
    assert answers[-1]["code"] == "bad_request"


async def test_read_is_answered_and_cannot_be_ahead_of_the_log(server: ChatServer) -> None:
    """
    > "I have read this room up to here": `room`, `seq`.
    """
    alice = await ten_lines(server)
    assert types(await alice.ask("read", room="lobby", seq=10)) == ["done"]
    assert types(await alice.ask("read", room="lobby", seq=3)) == ["done"]
    assert (await alice.ask("read", room="lobby", seq=11))[-1]["code"] == "bad_request"


# --- order


async def test_pong_comes_after_all_earlier_output(server: ChatServer) -> None:
    """
    > Answered by `pong` with the same id, after all earlier output.
    """
    alice = await server.native("alice")
    lines = [{"type": "input", "room": "lobby", "text": str(number)} for number in range(100)]
    burst = [*lines, {"type": "ping", "id": "p"}]
    await alice.send_raw("".join(json.dumps(line) + "\n" for line in burst).encode())
    events = await alice.until("pong", id="p")
    assert texts(events) == [str(number) for number in range(100)]


async def test_requests_are_handled_in_the_order_in_which_they_arrive(server: ChatServer) -> None:
    """
    > Requests of one session are handled in the order in which they arrive.
    """
    alice = await server.native("alice")
    for id, text in enumerate(["one", "/join dev", "two", "/topic t", "/me acts", "/who", "three"]):
        await alice.send(type="input", id=str(id), text=text)
    events = await alice.answer("6")
    assert [event["id"] for event in events if event["type"] == "done"] == list("0123456")
    assert seqs(events, "dev") == [1, 2, 3, 4]
    assert texts(events) == ["one", "two", "acts", "three"]


async def test_each_id_gets_one_answer_after_whatever_it_causes(server: ChatServer) -> None:
    """
    > A request with an id gets exactly one `done` or `error` with that id, after whatever else it
    > causes.
    """
    alice = await server.native("alice")
    asked = ["hi", "/join dev", "/who", "/topic x", "/nick bob", "/nope", "", "/away", "/leave"]
    events = []
    for id, text in enumerate(asked):
        events += await alice.input(text, id=str(id))
    events += await alice.ask("page", id="page", room="lobby")
    events += await alice.sync()
    answered = [event["id"] for event in events if event["type"] in ("done", "error")]
    assert answered == [*map(str, range(len(asked))), "page"]
    caused = types(events)[: types(events).index("done")]
    assert caused == ["said"]


async def test_without_an_id_there_is_no_done(server: ChatServer) -> None:
    """
    > Without an id there is no `done`, and an `error` does not say which request it is about.
    """
    alice = await server.native("alice")
    await alice.send(type="input", room="lobby", text="hi")
    await alice.send(type="input", room="lobby", text="/join dev")
    await alice.send(type="input", room="lobby", text="/nope")
    events = await alice.sync()
    assert types(events) == ["said", "joined", "members", "backlog", "error"]
    assert "id" not in events[-1]


async def test_result_comes_before_its_done(server: ChatServer) -> None:
    """
    > what a command found out: `data` for programs, `text` the same for people; before its `done`
    """
    alice = await server.native("alice")
    result, done = await alice.input("/who", id="w")
    assert (result["type"], result["id"], result["command"]) == ("result", "w", "who")
    assert result["data"]["total"] == 1
    assert "alice" in result["text"]
    assert done == {"type": "done", "id": "w"}


# --- lines that are no requests


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "bad_json"),
        (b'["type"]', "bad_json"),
        (b"hello", "bad_json"),
        (b'{"type":"input","text":"\xff"}', "bad_json"),
        (b'{"type":"dance"}', "unknown_type"),
        (b'{"text":"hi"}', "unknown_type"),
        (b'{"type":"input"}', "bad_request"),
        (b'{"type":"input","text":7}', "bad_request"),
        (b'{"type":"page","room":"lobby","limit":0}', "bad_request"),
        (b'{"type":"page","room":"lobby","before":-1}', "bad_request"),
        (b'{"type":"input","text":"x","id":"' + b"i" * 65 + b'"}', "bad_request"),
    ],
)
async def test_bad_line_is_an_error_and_the_session_goes_on(
    server: ChatServer, line: bytes, code: str
) -> None:
    """
    > A line that is no JSON object, or of an unknown type, is answered by an `error`; the session
    > goes on
    """
    alice = await server.native("alice")
    await alice.send_raw(line + b"\n")
    events = await alice.sync()
    assert [event["code"] for event in events] == [code]


async def test_session_ends_after_ten_bad_lines_in_a_row(server: ChatServer) -> None:
    """
    > and ends after 10 such lines in a row
    """
    alice = await server.native("alice")
    await alice.send_raw(b"nonsense\n" * 9)
    assert types(await alice.sync()) == ["error"] * 9
    await alice.send_raw(b'nonsense\n{"type":"dance"}\n' * 5 + b'{"type":"ping","id":"late"}\n')
    events = await alice.to_end()
    assert types(events) == ["error"] * 10 + ["bye"]


async def test_empty_line_between_bad_ones_changes_nothing(server: ChatServer) -> None:
    """
    > an empty line is ignored.
    """
    alice = await server.native("alice")
    await alice.send_raw(b"nonsense\n\n" * 10)
    assert types(await alice.to_end()) == ["error"] * 10 + ["bye"]


async def test_good_line_between_bad_ones_begins_the_count_anew(server: ChatServer) -> None:
    """
    > and ends after 10 such lines in a row
    """
    alice = await server.native("alice")
    for _ in range(3):
        await alice.send_raw(b"nonsense\n" * 9)
        assert types(await alice.sync()) == ["error"] * 9


async def test_too_long_line_is_an_error_and_is_not_kept(server: ChatServer) -> None:
    """
    > A longer line of a client is answered by an `error` with code `too_long`, and skipped.
    """
    alice = await server.native("alice")
    for _ in range(64):
        await alice.send_raw(b"x" * 65_536)
    assert (await alice.next())["code"] == "too_long"
    await alice.send_raw(b"\n")
    assert await alice.sync() == []
    fits = {"type": "input", "room": "lobby", "text": "hi", "padding": "x" * 16_000}
    await alice.send(**fits)
    assert texts(await alice.sync()) == ["hi"]


async def test_lines_may_come_in_pieces_and_end_with_cr_lf(server: ChatServer) -> None:
    """
    > A line is one JSON object in UTF-8, ended by LF; a CR before the LF is accepted, an empty line
    > is ignored.
    """
    alice = await server.native("alice")
    line = json.dumps({"type": "input", "room": "lobby", "text": "grüß dich"}, ensure_ascii=False)
    for byte in line.encode() + b"\r\n\r\n\n":
        await alice.send_raw(bytes([byte]))
    assert texts(await alice.sync()) == ["grüß dich"]


async def test_texts_are_clean_for_everybody(server: ChatServer) -> None:
    """
    > In texts, control characters (but LF and tab), bidi overrides and the escapes of lone
    > surrogates are replaced by U+FFFD.
    """
    alice = await server.native("alice")
    await alice.send_raw(
        b'{"type":"input","room":"lobby","text":"a\\u001b[31m\\u202eb\\ud800\\tc\\nd"}\n'
    )
    assert texts(await alice.sync()) == ["a\ufffd[31m\ufffdb\ufffd\tc\nd"]


# --- persons


async def test_direct_message_is_seen_in_the_room_of_the_other(server: ChatServer) -> None:
    """
    > what alice writes to bob is in `@bob` for alice and in `@alice` for bob, with the same seq.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    carol = await server.native("carol")
    for peer in (alice, bob, carol):
        await peer.sync()
    answers = await alice.input("/msg bob psst")
    assert types(answers) == ["said", "done"]
    assert (answers[0]["room"], answers[0]["from"], answers[0]["seq"]) == ("@bob", "alice", 1)
    assert (answers[1]["room"], answers[1]["seq"]) == ("@bob", 1)
    (heard,) = await bob.sync()
    assert (heard["room"], heard["seq"], heard["text"]) == ("@alice", 1, "psst")
    answers = await bob.input("yes?", "@alice")
    assert seqs(answers, "@alice") == [2]
    assert seqs(await alice.sync(), "@bob") == [2]
    assert texts(await alice.ask("page", room="@bob")) == ["psst", "yes?"]
    assert await carol.sync() == []


async def test_conversation_follows_a_rename(server: ChatServer) -> None:
    """
    > sent once to each session, without a room, however many rooms are shared
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    for peer in (alice, bob):
        await peer.input("/join dev")
    await alice.input("/msg bob hi")
    await bob.sync()
    await alice.sync()
    await bob.input("/nick robert")
    assert await alice.sync() == [{"type": "renamed", "old": "bob", "new": "robert"}]
    assert seqs(await alice.input("again", "@robert"), "@robert") == [2]


async def test_joining_and_leaving_is_shown_to_the_others(server: ChatServer) -> None:
    """
    > In a large room it holds only some of the `total` members.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await alice.sync()
    await bob.input("/leave lobby lunch")
    assert await alice.sync() == [
        {"type": "left", "room": "lobby", "nick": "bob", "reason": "lunch"}
    ]
    answers = await bob.input("/join lobby")
    assert types(answers) == ["joined", "members", "backlog", "done"]
    assert answers[1]["total"] == 2
    assert types(await alice.sync()) == ["joined"]


async def test_topic_is_stored_and_shown_on_joining(server: ChatServer) -> None:
    """
    > the room's topic; empty: it has none
    """
    alice = await server.native("alice")
    topic, done = await alice.input("/topic be kind")
    assert (topic["type"], topic["seq"], topic["by"], topic["text"]) == (
        "topic",
        1,
        "alice",
        "be kind",
    )
    assert done["seq"] == 1
    bob = Peer(server.dial())
    answers = await bob.hello("bob")
    assert answers[2]["topic"] == "be kind"
    assert types(stored(answers)) == ["topic"]


async def test_quit_says_bye_and_frees_the_nick_at_once(server: ChatServer) -> None:
    """
    > A client that leaves on purpose says `/quit` first, so its nick is free at once.
    """
    alice = await server.native("alice")
    bob = await server.native("bob")
    await bob.input("/quit see you tomorrow", id="q")
    assert [(event["type"], event.get("reason")) for event in await bob.to_end()] == [
        ("bye", "see you tomorrow")
    ]
    assert (await alice.until("left"))[-1]["reason"] == "see you tomorrow"
    assert (await Peer(server.dial()).hello("bob"))[0]["type"] == "welcome"


async def test_bye_comes_although_the_peer_ended_its_side_at_once(server: ChatServer) -> None:
    """
    > the last line before the server closes
    """
    for _ in range(10):  # which of two tasks runs first is chance
        alice = Peer(server.dial())
        await alice.send(type="hello", nick="alice")
        await alice.send(type="input", text="/quit")
        await alice.stream.send_eof()
        assert types(await alice.to_end())[-1] == "bye"


async def test_nothing_comes_after_bye(server: ChatServer) -> None:
    """
    > the last line before the server closes
    """
    alice = await server.native("alice")
    slow = Peer(server.dial(capacity_bytes=2000))
    await slow.send(type="hello", nick="slow")
    for _ in range(3):
        await alice.input("x" * 3000)
    await slow.send_raw(b"junk\n" * 10)
    await wait_all_tasks_blocked()
    await alice.input("/nick alicia")
    events = types(await slow.to_end())
    assert events[-1] == "bye"
    assert events.count("said") == 3
