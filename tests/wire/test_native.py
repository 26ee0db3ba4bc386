"""The native wire, both of its sides."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_wire import CLEAN_TEXTS, NASTY_TEXTS, converse, events, is_unsafe, read, requests
from trio_chat.errors import ProtocolError, TooLong
from trio_chat.events import (
    Backlog,
    Done,
    Event,
    Joined,
    Left,
    MemberInfo,
    Members,
    Notice,
    Quit,
    Result,
    Said,
    StoredEvent,
)
from trio_chat.requests import Hello, Input, Page, Ping, Read, Request, Resume
from trio_chat.wire import Fault, Wire
from trio_chat.wire.fitting import MAX_SERVER_LINE_BYTES, fit_backlog, fits, split_backlog
from trio_chat.wire.native import (
    MAX_CLIENT_LINE_BYTES,
    NativeWire,
    decode_event,
    encode_request,
)

wire: Wire = NativeWire()

SAID = Said(
    room="lobby",
    seq=1,
    at="2026-11-22T12:00:00.123Z",
    sender="alice",
    text="hello",
    kind="message",
)


def test_encoding_keeps_no_memory() -> None:
    many = 10_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(many):
            wire.show(SAID)
            wire.show_shared((SAID, SAID))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < many


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b'{"type":"hello","protocol":1,"nick":"alice"}', Hello(nick="alice")),
        (
            b'{"type":"hello","id":"h","nick":"a","resume":{"session":"Zp0","rooms":{"lobby":41}}}',
            Hello(id="h", nick="a", resume=Resume(session="Zp0", rooms={"lobby": 41})),
        ),
        (
            b'{"type":"input","id":"1","room":"lobby","text":"/me waves"}',
            Input(id="1", room="lobby", text="/me waves"),
        ),
        (b'{"text":"hi","type":"input"}', Input(text="hi")),
        (b'{"type":"page","room":"lobby","before":12}', Page(room="lobby", before=12)),
        (b'{"type":"read","room":"lobby","seq":12}', Read(room="lobby", seq=12)),
        (b' {"type":"ping","id":"p1"}', Ping(id="p1")),
    ],
)
def test_a_request_is_read_as_documented(line: bytes, request_: Request) -> None:
    assert read(wire, line) == request_


@pytest.mark.parametrize("line", [b"", b"  ", b"\t"])
def test_an_empty_line_is_ignored(line: bytes) -> None:
    """
    > an empty line is ignored
    """
    assert read(wire, line) is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"ping","colour":"red","deep":{"a":[1,{}]}}',
        b'{"type":"ping","id":null}',
        b'{"type":"ping","far":1e999}',
    ],
)
def test_unknown_fields_are_ignored(line: bytes) -> None:
    """
    > Unknown fields are ignored, in both directions: expect new ones.
    """
    assert read(wire, line) == Ping()


@pytest.mark.parametrize(
    ("line", "code", "id"),
    [
        (b"hello", "bad_json", None),
        (b"{", "bad_json", None),
        (b"[]", "bad_json", None),
        (b'"ping"', "bad_json", None),
        (b'{"type":"ping","id":"1"} {}', "bad_json", None),
        (b'{"type":"ping","id":"1","x":"\xff"}', "bad_json", None),
        (b'{"type":"input","text":"\xff"}', "bad_json", None),
        (b'{"type":"ping","x":' + b"[" * 16_000, "bad_json", None),
        (b'{"type":"ping","x":' + b'{"x":' * 3_000, "bad_json", None),
        (b"{}", "unknown_type", None),
        (b'{"id":"7"}', "unknown_type", "7"),
        (b'{"type":"inptu","id":"7"}', "unknown_type", "7"),
        (b'{"type":"said","id":"7"}', "unknown_type", "7"),
        (b'{"type":["ping"],"id":"7"}', "unknown_type", "7"),
        (b'{"type":null,"id":7}', "unknown_type", None),
    ],
)
def test_a_line_that_is_no_request_breaks_the_rules(line: bytes, code: str, id: str | None) -> None:
    """
    > A line that is no JSON object, or of an unknown type, is answered by an `error`
    """
    fault = read(wire, line)
    assert isinstance(fault, Fault)
    assert fault.counts
    assert (fault.code, fault.id) == (code, id)


@pytest.mark.parametrize(
    ("line", "field", "id"),
    [
        (b'{"type":"input","id":"7"}', "text", "7"),
        (b'{"type":"input","id":"7","text":5}', "text", "7"),
        (b'{"type":"input","id":"7","text":null}', "text", "7"),
        (b'{"type":"input","id":"7","room":[],"text":"x"}', "room", "7"),
        (b'{"type":"input","id":7,"text":"x"}', "id", None),
        (b'{"type":"input","id":1e999,"text":"x"}', "id", None),
        (b'{"type":"input","id":"%s","text":"x"}' % (b"x" * 65), "id", None),
        (b'{"type":"page","id":"7","room":"lobby","limit":0}', "limit", "7"),
        (b'{"type":"read","id":"7","room":"lobby","seq":-1}', "seq", "7"),
        (b'{"type":"read","id":"7","room":"lobby","seq":1e999}', "seq", "7"),
        (b'{"type":"read","id":"7","room":"lobby","seq":%s}' % (b"9" * 5000), "seq", "7"),
        (
            b'{"type":"hello","id":"7","nick":"a","resume":{"session":"x","rooms":{"a":""}}}',
            "",
            "7",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_the_id_is_kept(
    line: bytes, field: str, id: str | None
) -> None:
    """
    > a field is missing or does not fit; the message names it
    """
    fault = read(wire, line)
    assert isinstance(fault, Fault)
    assert not fault.counts
    assert (fault.code, fault.id) == ("bad_request", id)
    assert field in fault.message
    assert "\n" not in fault.message


def test_an_id_of_64_characters_is_the_longest() -> None:
    """
    > a string of 1 to 64 characters
    """
    assert read(wire, b'{"type":"ping","id":"%s"}' % (b"x" * 64)) == Ping(id="x" * 64)


@pytest.mark.parametrize(
    ("spelt", "text"),
    [
        (r"\ud800", "\ufffd"),
        (r"\udc00\ud800", "\ufffd\ufffd"),
        (r"\ud800\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\\ud800", r"\ud800"),
        (r"\\\ud800", "\\\ufffd"),
        (r"\u001b[31m", "\ufffd[31m"),
        ("\u202ex", "\ufffdx"),
        (r"one\r\ntwo\tx", "one\ntwo\tx"),
    ],
)
def test_texts_arrive_clean(spelt: str, text: str) -> None:
    """
    > In texts, control characters (but LF and tab), bidi overrides and the escapes of lone
    > surrogates are replaced by U+FFFD.
    """
    line = '{"type":"input","text":"' + spelt + '"}'
    assert read(wire, line.encode()) == Input(text=text)


@given(st.one_of(st.binary(), st.binary().map(lambda junk: b'{"type":"input","text":"%s"}' % junk)))
def test_any_bytes_are_requests_or_faults(stream: bytes) -> None:
    for item in converse(NativeWire(), [stream]):
        assert isinstance(item, Request | Fault)
        if isinstance(item, Input):
            assert not any(
                is_unsafe(character) for character in item.text if character not in "\n\t"
            )
        if isinstance(item, Fault):
            assert wire.show(item.error()).count(b"\n") == 1


@given(st.recursive(st.none() | st.integers() | CLEAN_TEXTS, lambda inner: st.lists(inner)))
def test_any_value_of_any_field_is_a_request_or_a_fault(value: object) -> None:
    for field in ("type", "id", "text", "room", "resume", "limit"):
        for kind in ("hello", "input", "page"):
            line = json.dumps({"type": kind, "nick": "x", "text": "x", "room": "x", field: value})
            assert isinstance(read(wire, line.encode()), Request | Fault)


@given(requests())
def test_what_a_client_asks_is_what_the_server_reads(request: Request) -> None:
    decoded = read(wire, encode_request(request).removesuffix(b"\n"))
    if isinstance(request, Input):
        assert isinstance(decoded, Input)
        assert (decoded.id, decoded.room) == (request.id, request.room)
    else:
        assert decoded == request


@given(events(CLEAN_TEXTS))
def test_what_a_server_says_is_what_the_client_reads(event: Event) -> None:
    assert decode_event(wire.show(event).removesuffix(b"\n")) == event


@given(events())
def test_any_event_is_one_line_of_json(event: Event) -> None:
    """
    > A line is one JSON object in UTF-8
    """
    line = wire.show(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line.decode())["type"] == type(event).__name__.lower()


@given(st.lists(events(), max_size=5))
def test_shared_events_are_their_lines_in_order(several: list[Event]) -> None:
    assert wire.show_shared(several) == b"".join(map(wire.show, several))


@pytest.mark.parametrize("text", NASTY_TEXTS)
def test_a_text_never_breaks_a_line(text: str) -> None:
    assert wire.show(Notice(text=text)).count(b"\n") == 1


def test_events_look_as_documented() -> None:
    assert wire.show(SAID) == (
        b'{"type":"said","room":"lobby","seq":1,"at":"2026-11-22T12:00:00.123Z",'
        b'"from":"alice","text":"hello","kind":"message"}\n'
    )
    assert wire.show(Done(id="1")) == b'{"type":"done","id":"1"}\n'
    assert wire.show(Joined(room="lobby", nick="a")) == (
        b'{"type":"joined","room":"lobby","nick":"a"}\n'
    )
    assert wire.show(Backlog(room="lobby", events=(), more=False)) == (
        b'{"type":"backlog","room":"lobby","events":[],"more":false}\n'
    )


def test_who_quits_leaves_every_room() -> None:
    """
    > Somebody who leaves the chat leaves each room
    """
    quit = Quit(nick="bob", account="bob", reason="tea", rooms=("lobby", "dev"))
    lefts = [Left(room=room, nick="bob", reason="tea") for room in ("lobby", "dev")]
    assert wire.show(quit) == b"".join(map(wire.show, lefts))
    assert wire.show_shared((SAID, quit, SAID)) == wire.show_shared((SAID, *lefts, SAID))


def test_an_event_ends_where_a_surrogate_was() -> None:
    result = Result(command="x", data={"\ud800": ["\udfff"]}, text="\ud83d")
    line = wire.show(result).removesuffix(b"\n")
    assert decode_event(line) == Result(command="x", data={"\ufffd": ["\ufffd"]}, text="\ufffd")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "bad_json"),
        (b"Welcome to trio-chat. Choose a nick:", "bad_json"),
        (b"\xff", "bad_json"),
        (b'{"type":"hologram","room":"lobby"}', "unknown_type"),
        (b'{"type":"said","room":"lobby"}', "bad_request"),
    ],
)
def test_a_client_is_told_what_is_wrong_with_a_servers_line(line: bytes, code: str) -> None:
    """
    > A client ignores events of a type it does not know, too.
    """
    with pytest.raises(ProtocolError) as caught:
        decode_event(line)
    assert caught.value.code == code


@given(st.binary())
def test_no_bytes_of_a_server_raise_anything_but_a_protocol_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_event(line)


def test_a_client_learns_before_sending_that_a_line_is_too_long() -> None:
    """
    > A client's line has at most 16 KiB, a server's at most 64 KiB, its end not counted.
    """
    around = len(encode_request(Input(text=""))) - 1
    longest = encode_request(Input(text="x" * (MAX_CLIENT_LINE_BYTES - around)))
    assert len(longest) == MAX_CLIENT_LINE_BYTES + 1
    with pytest.raises(TooLong):
        encode_request(Input(text="x" * (MAX_CLIENT_LINE_BYTES - around + 1)))


# --- what does not fit in one line


def backlog(count: int, *, more: bool = False) -> Backlog:
    """Events of very different sizes, all of them together too much for one line."""
    stored: list[StoredEvent] = []
    for seq in range(1, count + 1):
        text = "\n" * (seq * 37 % 4096)
        stored.append(
            Said(room="lobby", seq=seq, at=SAID.at, sender="alice", text=text, kind="message")
        )
    return Backlog(room="lobby", events=tuple(stored), more=more)


def seqs(piece: Backlog) -> list[int]:
    return [event.seq for event in piece.events]


@pytest.mark.parametrize("more", [False, True])
def test_a_long_backlog_is_cut_into_lines_that_fit(more: bool) -> None:
    """
    > in several lines if need be: `more` is true on all but the last
    """
    whole = backlog(500, more=more)
    pieces = split_backlog(whole)
    assert all(fits(piece) for piece in pieces)
    assert [seq for piece in pieces for seq in seqs(piece)] == seqs(whole)
    assert [piece.more for piece in pieces] == [True] * (len(pieces) - 1) + [more]
    # No line is cut much earlier than it had to be.
    sizes = [len(wire.show(piece)) for piece in pieces]
    assert all(size > MAX_SERVER_LINE_BYTES - 8500 for size in sizes[:-1])
    assert wire.show(whole) == b"".join(map(wire.show, pieces))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_short_backlog_stays_whole(count: int) -> None:
    whole = backlog(count)
    assert split_backlog(whole) == [whole]
    assert fit_backlog(whole, "oldest") == fit_backlog(whole, "newest") == whole


def test_a_page_that_does_not_fit_says_that_more_remain() -> None:
    """
    > Less than `limit` may come, because a line has an end: `more` says whether more remain in the
    > direction asked for.
    """
    whole = backlog(500)
    newer, older = fit_backlog(whole, "oldest"), fit_backlog(whole, "newest")
    assert newer.more
    assert older.more
    assert fits(newer)
    assert fits(older)
    assert seqs(newer) == seqs(whole)[: len(newer.events)]
    assert seqs(older) == seqs(whole)[-len(older.events) :]
    assert not fits(backlog(len(newer.events) + 1))


def test_no_answer_is_lost_for_being_long() -> None:
    """A command that finds out that much is cut by its handler, not by the wire."""
    result = Result(command="x", data=None, text="x" * MAX_SERVER_LINE_BYTES)
    assert not fits(result)
    assert decode_event(wire.show(result)) == result


def test_a_huge_room_shows_as_many_members_as_fit() -> None:
    """
    > In a large room it holds only some of the `total` members.
    """
    infos = tuple(
        MemberInfo(nick=f"nick{number}", account=None, role="guest", away=None)
        for number in range(10_000)
    )
    line = wire.show(Members(room="lobby", members=infos, total=len(infos), topic="x" * 390))
    assert MAX_SERVER_LINE_BYTES - 100 < len(line) - 1 <= MAX_SERVER_LINE_BYTES
    shown = decode_event(line)
    assert isinstance(shown, Members)
    assert shown.members == infos[: len(shown.members)]
    assert (shown.total, shown.topic) == (10_000, "x" * 390)
