"""The plain wire, as somebody with `nc` or telnet uses it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_wire import events, is_unsafe
from trio_chat.events import Done, Error, Event, Said, Welcome
from trio_chat.requests import Hello, Input
from trio_chat.wire import Wire
from trio_chat.wire.lines import LineBuffer
from trio_chat.wire.plain import PlainWire, greeting

WELCOME = Welcome(
    protocol=1,
    server="trio-chat",
    version="1",
    session="",
    nick="alice",
    account=None,
    role="guest",
    resumed=False,
    commands=(),
    limits={},
    motd="",
)


def welcomed() -> Wire:
    wire = PlainWire()
    wire.encode(WELCOME)
    return wire


def test_the_greeting_asks_for_a_nick() -> None:
    """
    > `Welcome to NAME. Choose a nick:`
    """
    assert greeting("our chat") == b"Welcome to our chat. Choose a nick:\n"
    assert greeting("a\nb\x1b").count(b"\n") == 1


def test_the_first_line_is_the_nick_and_the_next_ones_are_typed() -> None:
    """
    > The first line is your nick.
    """
    wire = PlainWire()
    assert wire.decode(b" alice ") == Hello(nick="alice")
    assert wire.encode(WELCOME) == (
        b"* welcome to trio-chat, alice: type and press Enter, /help lists the commands\n"
    )
    assert wire.decode(b"hello") == Input(text="hello")
    assert wire.decode(b"/me waves") == Input(text="/me waves")


def test_a_nick_that_cannot_be_had_is_asked_for_again() -> None:
    """
    > If it cannot be had, you are told why, and asked: `Choose another nick:`.
    """
    wire = PlainWire()
    wire.decode(b"alice")
    taken = Error(code="nick_taken", message="the nick alice is taken", retry_after=3.0)
    assert wire.encode(taken) == (
        b"* the nick alice is taken (retry in 3 s)\nChoose another nick:\n"
    )
    assert wire.decode(b"bob") == Hello(nick="bob")
    wire.encode(WELCOME)
    assert wire.encode(taken) == b"* the nick alice is taken (retry in 3 s)\n"


@pytest.mark.parametrize("line", [b"", b"  ", b"\t", b"\xff\xfd\x01"])
def test_a_line_of_blanks_is_nothing(line: bytes) -> None:
    """
    > A line of blanks is nothing at all.
    """
    assert PlainWire().decode(line) is None
    assert welcomed().decode(line) is None


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"\xff\xfb\x1f\xff\xfd\x03hi", "hi"),
        (b"h\xff\xf1i", "hi"),
        (b"\xff\xfa\x18\x00xterm\xff\xf0hi", "hi"),
        (b"hi\xff\xfa\x18\x00never ended", "hi"),
        (b"hi\xff", "hi"),
        (b"hi\xff\xfd", "hi"),
        (b"h\xc3(i", "h\ufffd(i"),
        (b"\x1b[2Jhi\x07", "\ufffd[2Jhi\ufffd"),
        ("\u202ehi".encode(), "\ufffdhi"),
        (b"  indented", "  indented"),
    ],
)
def test_what_is_no_text_is_skipped_or_replaced(line: bytes, text: str) -> None:
    """
    > Bytes that are not UTF-8 are replaced by U+FFFD. What telnet says about its options is
    > skipped, and not answered.
    """
    assert welcomed().decode(line) == Input(text=text)


@given(st.binary())
def test_any_stream_is_read_byte_by_byte_without_an_error(stream: bytes) -> None:
    buffer = LineBuffer(PlainWire.line_limit_bytes)
    wire = welcomed()
    for byte in stream + b"\n":
        for line in buffer.feed(bytes([byte])):
            assert isinstance(line, bytes)
            request = wire.decode(line)
            if isinstance(request, Input):
                assert not any(is_unsafe(character) for character in request.text.replace("\t", ""))


@given(st.lists(events(), max_size=4))
def test_a_plain_peer_sees_neither_control_characters_nor_bidi_overrides(
    several: list[Event],
) -> None:
    """
    > A plain peer sees neither control characters nor bidi overrides
    """
    shown = PlainWire().encode_shared(several).decode()
    assert not any(is_unsafe(character) for character in shown.replace("\n", ""))
    assert all(line.startswith(("* ", "[")) for line in shown.splitlines())


def test_what_only_programs_need_is_not_shown() -> None:
    assert welcomed().encode(Done(id="1", room="lobby", seq=1)) == b""


def test_shared_events_look_like_single_ones() -> None:
    said = Said(
        room="lobby", seq=1, at="2026-11-22T12:00:00.123Z", sender="bob", text="a", kind="message"
    )
    wire = welcomed()
    assert wire.encode_shared((said, said)) == wire.encode(said) * 2
    assert not wire.resumable
