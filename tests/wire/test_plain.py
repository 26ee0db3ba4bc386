"""The plain wire, as somebody with `nc` or telnet uses it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_wire import WELCOME, converse, cut, is_unsafe, read, shown, welcomed
from trio_chat.events import Done, Error, Said, Shown
from trio_chat.requests import Hello, Input
from trio_chat.wire import Fault
from trio_chat.wire.detect import DetectingWire
from trio_chat.wire.plain import PlainWire, greeting


def refused(code: str, message: str = "no") -> Error:
    return Error(code=code, message=message)


def test_the_greeting_asks_for_a_nick() -> None:
    """
    > `Welcome to NAME. Choose a nick:`
    """
    assert greeting("our chat") == b"Welcome to our chat. Choose a nick:\n"
    assert DetectingWire("our chat").greeting == greeting("our chat")
    assert greeting("a\nb\x1b").count(b"\n") == 1


def test_the_first_line_is_the_nick_and_the_next_ones_are_typed() -> None:
    """
    > The first line is your nick.
    """
    wire = PlainWire()
    assert read(wire, b" alice ") == Hello(nick="alice")
    assert wire.show(WELCOME) == (
        b"* welcome to trio-chat, alice: type and press Enter, /help lists the commands\n"
    )
    assert read(wire, b"hello") == Input(text="hello")
    assert read(wire, b"/me waves") == Input(text="/me waves")


def test_a_nick_that_cannot_be_had_is_asked_for_again() -> None:
    """
    > If it cannot be had, you are told why, and asked: `Choose another nick:`.
    """
    wire = PlainWire()
    read(wire, b"alice")
    taken = Error(code="nick_taken", message="the nick alice is taken", retry_after=3.0)
    assert wire.show(taken) == (b"* the nick alice is taken (retry in 3 s)\nChoose another nick:\n")
    assert read(wire, b"bob") == Hello(nick="bob")
    wire.show(WELCOME)
    assert wire.show(taken) == b"* the nick alice is taken (retry in 3 s)\n"


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("/login bob hunter2hunter2", "hunter2hunter2"),
        ("/Login bob hunter2hunter2", "hunter2hunter2"),
        ("/LOGIN bob hunter2hunter2", "hunter2hunter2"),
        ("/identify bob hunter2hunter2", "hunter2hunter2"),
        ("/Identify  bob  hunter2hunter2 ", "hunter2hunter2"),
        ("/login\tbob\thunter2hunter2", "hunter2hunter2"),
        ("/login bob two words", "two words"),
        ("/identify bob a  pass phrase / of words", "a  pass phrase / of words"),
        ("  /login bob two words", "two words"),
        ("\u200b/login bob two words", "two words"),
        ("\uff0flogin bob two words", "two words"),
    ],
)
def test_the_first_line_may_log_in(line: str, password: str) -> None:
    """S2

    In any case, by either name, and with a password of several words.
    """
    hello = Hello(nick="bob", account="bob", password=password)
    assert read(PlainWire(), line.encode()) == hello
    wire = PlainWire()
    wire.show(refused("login_failed"))
    assert read(wire, line.encode()) == hello


@pytest.mark.parametrize("line", ["/login", "/login bob", "/IDENTIFY bob", " /login bob "])
def test_a_login_that_lacks_something_is_told_how_it_is_used(line: str) -> None:
    """S2"""
    assert read(PlainWire(), line.encode()) == Fault("usage", "usage: /login NAME PASSWORD")


@pytest.mark.parametrize(
    "line",
    [
        "/logn bob hunter2",
        "/register hunter2",
        "/",
        "//bob",
        "\u2044logn hunter2",
        "\u200b/hunter2",
    ],
)
def test_no_command_is_taken_for_a_nick(line: str) -> None:
    """S2"""
    fault = read(PlainWire(), line.encode())
    assert isinstance(fault, Fault)
    assert not fault.counts
    assert "hunter2" not in PlainWire().show(fault.error()).decode()
    assert (
        PlainWire()
        .show(fault.error())
        .endswith(b"\nChoose a nick, or log in with /login NAME PASSWORD:\n")
    )


def test_who_cannot_come_in_as_a_guest_is_asked_to_log_in() -> None:
    """
    > Where guests are not let in, you are asked to log in instead.
    """
    log_in = b"Log in with /login NAME PASSWORD:\n"
    assert greeting("our chat", guests=False) == b"Welcome to our chat. " + log_in
    wire = PlainWire()
    for code in ("not_permitted", "login_failed", "too_fast", "usage", "banned"):
        assert wire.show(refused(code)) == b"* no\n" + log_in
    assert wire.show(refused("nick_taken")) == b"* no\nChoose another nick:\n"
    wire.show(WELCOME)
    assert wire.show(refused("not_permitted")) == b"* no\n"


@pytest.mark.parametrize("line", [b"", b"  ", b"\t", b"\xff\xfd\x01"])
def test_a_line_of_blanks_is_nothing(line: bytes) -> None:
    """
    > A line of blanks is nothing at all.
    """
    assert read(PlainWire(), line) is None
    assert read(welcomed(), line) is None


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
    assert read(welcomed(), line) == Input(text=text)


@given(st.binary())
def test_whatever_is_typed_is_clean(stream: bytes) -> None:
    for item in converse(welcomed(), cut(stream, range(len(stream)))):
        assert isinstance(item, Input)
        assert not any(is_unsafe(character) for character in item.text.replace("\t", ""))


@given(st.lists(shown(), max_size=4))
def test_a_plain_peer_sees_neither_control_characters_nor_bidi_overrides(
    several: list[Shown],
) -> None:
    """
    > A plain peer sees neither control characters nor bidi overrides
    """
    text = welcomed().show_shared(several).decode()
    assert not any(is_unsafe(character) for character in text.replace("\n", ""))
    assert all(line.startswith(("* ", "[")) for line in text.splitlines())


def test_what_only_programs_need_is_not_shown() -> None:
    assert welcomed().show(Done(id="1", room="lobby", seq=1)) == b""


def test_shared_events_look_like_single_ones() -> None:
    said = Said(
        room="lobby", seq=1, at="2026-11-22T12:00:00.123Z", sender="bob", text="a", kind="message"
    )
    wire = welcomed()
    assert wire.show_shared((said, said)) == wire.show(said) * 2
    assert not wire.resumable
