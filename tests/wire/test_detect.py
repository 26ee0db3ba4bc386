"""The first line decides."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_wire import converse, cut
from trio_chat.requests import Hello, Ping
from trio_chat.wire import Fault, Received, Refusal, Switch, Wire
from trio_chat.wire import detect as detect_module
from trio_chat.wire.detect import (
    IRC_VERBS,
    LANGUAGES,
    MAX_FIRST_LINE_BYTES,
    DetectingWire,
    Language,
    detect,
)
from trio_chat.wire.native import NativeWire
from trio_chat.wire.plain import PlainWire


@pytest.mark.parametrize(
    ("line", "language"),
    [
        (b'{"type":"hello","nick":"alice"}', "native"),
        (b"{", "native"),
        (b'  \t{"type":"ping"}', "native"),
        (b"alice", "plain"),
        (b"", "plain"),
        (b"   ", "plain"),
        ("Åsa".encode(), "plain"),
        (b"\xff\xfb\x1falice", "plain"),
        (b"who is here?", "plain"),
        (b"passenger 57", "plain"),
        (b"CAP LS 302", "IRC"),
        (b"NICK alice", "IRC"),
        (b"nick alice", "IRC"),
        (b"USER alice 0 * :Alice", "IRC"),
        (b"JOIN :", "IRC"),
        (b"PASS secret\r", "IRC"),
        (b"GET / HTTP/1.1", "HTTP"),
        (b"post /hook HTTP/1.0", "HTTP"),
        (b"PRI * HTTP/2.0", "HTTP"),
        (b"get / please", "plain"),
        (b"\x16\x03\x01\x02\x00\x01", "TLS"),
    ],
)
def test_the_first_line_decides(line: bytes, language: str) -> None:
    """
    > The first line a peer sends decides which one it speaks
    """
    assert detect(line).name == language


@pytest.mark.parametrize("verb", sorted(IRC_VERBS))
def test_a_verb_alone_may_be_a_nick_unless_it_is_in_capitals(verb: bytes) -> None:
    """
    > A verb of IRC counts in any case when something follows it; alone it counts only in capitals.
    """
    assert detect(verb).name == "IRC"
    assert detect(verb.title()).name == "plain"
    assert detect(verb.lower() + b" x").name == "IRC"


def test_a_tls_handshake_needs_no_line() -> None:
    """
    > A TLS handshake is recognised by its first byte and refused with an alert.
    """
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    said = outgoing.read()
    assert converse(DetectingWire("chat"), [said[:1]]) == [refusal_of("TLS")]
    assert converse(DetectingWire("chat"), [said]) == [refusal_of("TLS")]


def test_a_tls_client_understands_the_refusal() -> None:
    incoming = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="x")
    incoming.write(refusal_of("TLS").data)
    with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
        client.do_handshake()


@given(st.binary())
def test_any_first_line_is_of_some_language(line: bytes) -> None:
    assert detect(line) in LANGUAGES


def refusal_of(name: str) -> Refusal:
    refusal = next(language.answer for language in LANGUAGES if language.name == name)
    assert isinstance(refusal, Refusal)
    return refusal


def test_what_is_not_served_is_refused_in_its_own_language() -> None:
    """
    > HTTP: refused with `400`
    """
    head, body = refusal_of("HTTP").data.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    assert refusal_of("IRC").data.startswith(b"ERROR :")


@pytest.mark.parametrize(
    ("stream", "items"),
    [
        (b'{"type":"ping"}\n{"type":"ping","id":"2"}\n', [Ping(), Ping(id="2")]),
        (b'\r\n\n {"type":"ping"}', [Ping()]),
        (b"alice\r\n", [Hello(nick="alice")]),
        (b"\nalice", [Hello(nick="alice")]),
        (b"CAP LS 302\r\nNICK alice\r\n", [refusal_of("IRC")]),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", [refusal_of("HTTP")]),
        (b"\n", []),
        (b"", []),
    ],
)
def test_the_whole_stream_goes_to_the_wire_that_its_first_line_chose(
    stream: bytes, items: list[Received]
) -> None:
    for place in range(len(stream) + 1):
        assert converse(DetectingWire("chat"), cut(stream, [place])) == items


@pytest.mark.parametrize(
    ("first", "wire"), [(b"{", NativeWire), (b"x", PlainWire)], ids=["native", "plain"]
)
def test_a_first_line_without_end_is_decided_by_its_beginning(
    first: bytes, wire: type[Wire]
) -> None:
    (switch,) = DetectingWire("chat").receive(first * (MAX_FIRST_LINE_BYTES + 1))
    assert isinstance(switch, Switch)
    assert isinstance(switch.wire, wire)
    (fault,) = switch.wire.receive(switch.rest)
    assert isinstance(fault, Fault)
    assert fault.code == "too_long"


def test_a_request_that_is_too_long_for_a_first_line_is_decided_as_if_it_came_in_pieces() -> None:
    stream = b"GET /" + b"x" * MAX_FIRST_LINE_BYTES + b" HTTP/1.1\r\n"
    whole = converse(DetectingWire("chat"), [stream])
    assert converse(DetectingWire("chat"), cut(stream, [9000])) == whole


def test_one_row_makes_another_language_known(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Language("gopher", lambda line: line.startswith(b"/"), Refusal(b"3gone\r\n"))
    monkeypatch.setattr(detect_module, "LANGUAGES", [row, *LANGUAGES])
    assert converse(DetectingWire("chat"), [b"/", b"\r\n"]) == [Refusal(b"3gone\r\n")]
    assert converse(DetectingWire("chat"), [b"alice\n"]) == [Hello(nick="alice")]
