"""The plain wire through the whole server, and what other languages are told on this port."""

from __future__ import annotations

import re

import pytest
from trio.testing import MockClock

from support_server import (
    ChatServer,
    Links,
    Peer,
    PlainPeer,
    chat_config,
    open_server,
    pass_seconds,
    texts,
    types,
)

CLOCK = re.compile(r"^\[\d\d:\d\d\] ")


def without_time(lines: list[str]) -> list[str]:
    return [CLOCK.sub("[12:00] ", line) for line in lines]


async def test_plain_chat_looks_as_documented(server: ChatServer) -> None:
    """
    > The first line is your nick.
    """
    alice = PlainPeer(server.dial())
    await alice.send("alice")
    lines = await alice.until("* in #lobby")
    assert lines == [
        "* welcome to trio-chat, alice: type and press Enter, /help lists the commands",
        "* alice joined #lobby",
        "* in #lobby: alice",
    ]
    bob = await server.native("bob")
    await bob.input("good morning")
    await alice.send("hello", "/me waves", "/msg bob are you there?", "//quit", "  ", "/xyz")
    lines = await alice.until("/xyz")
    assert without_time(lines) == [
        "* bob joined #lobby",
        "[12:00] #lobby <bob> good morning",
        "[12:00] #lobby <alice> hello",
        "[12:00] #lobby * alice waves",
        "[12:00] @bob <alice> are you there?",
        "[12:00] #lobby <alice> /quit",
        "* unknown command /xyz; /help lists them",
    ]
    await alice.send("/quit see you tomorrow")
    assert await alice.to_end() == ["* bye: see you tomorrow"]
    assert types(await bob.sync())[-1] == "left"


async def test_nick_that_cannot_be_had_is_asked_for_again(server: ChatServer) -> None:
    """
    > If it cannot be had, you are told why, and asked: `Choose another nick:`.
    """
    await server.native("alice")
    peer = PlainPeer(server.dial())
    await peer.send("alice")
    assert await peer.until("Choose") == ["* the nick alice is taken", "Choose another nick:"]
    await peer.send("a b")
    await peer.until("Choose another nick:")
    await peer.send("bob", "hi")
    assert without_time(await peer.until("hi"))[-1] == "[12:00] #lobby <bob> hi"


async def test_first_line_may_log_in_with_a_pass_phrase(server: ChatServer) -> None:
    """S2"""
    owner = await server.native("bob")
    await owner.input("/register bob correct horse battery")
    await owner.quit()
    alice = await server.native("alice")
    peer = PlainPeer(server.dial())
    await peer.send("/Login bob correct horse")
    assert await peer.until("Choose") == [
        "* account or password are wrong",
        "Choose a nick, or log in with /login NAME PASSWORD:",
    ]
    for line in ("/login bob", "/logn bob correct horse battery"):
        await peer.send(line)
        assert "correct" not in " ".join(await peer.until("Choose a nick, or log in"))
    await peer.send("/identify bob correct horse battery", "hi")
    assert without_time(await peer.until("hi"))[-1] == "[12:00] #lobby <bob> hi"
    assert "correct" not in str(await alice.sync())


async def test_guest_who_is_not_let_in_is_told_how_to_log_in(
    autojump_clock: MockClock, links: Links
) -> None:
    """S2

    > Where guests are not let in, you are asked to log in instead.
    """
    log_in = "Log in with /login NAME PASSWORD:"
    async with open_server(chat_config("accounts.guests=false"), links) as server:
        peer = PlainPeer(server.dial())
        await pass_seconds(1.1)
        assert await peer.next() == f"Welcome to trio-chat. {log_in}"
        for line in ("bob", "ada", "/login bob wrong wrong"):
            await peer.send(line)
            assert "Choose" not in " ".join(await peer.until(log_in))


async def test_silent_peer_is_greeted_and_its_first_line_still_decides(server: ChatServer) -> None:
    """
    > A peer that says nothing for a second is greeted in text, `Welcome to NAME. Choose a nick:`.
    """
    plain, native, quick = PlainPeer(server.dial()), Peer(server.dial()), Peer(server.dial())
    await quick.hello("quick")
    await pass_seconds(1.1)
    assert await plain.next() == "Welcome to trio-chat. Choose a nick:"
    await plain.send("alice")
    assert (await plain.next()).startswith("* welcome")
    assert await native.line() == b"Welcome to trio-chat. Choose a nick:"
    assert (await native.hello("bob"))[0]["type"] == "welcome"
    assert "said" not in types(await quick.sync())


async def test_peer_that_never_says_hello_is_told_and_closed(server: ChatServer) -> None:
    """
    > It must come first, within 20 seconds.
    """
    plain, native = PlainPeer(server.dial()), Peer(server.dial())
    await native.send(type="ping", id="1")
    await pass_seconds(19.9)
    await native.expect("pong")
    assert await plain.next() == "Welcome to trio-chat. Choose a nick:"
    await pass_seconds(0.2)
    plain.peer.patience_seconds = native.patience_seconds = 0.1
    assert [await plain.next()] == ["* bye: no hello came"]
    assert (await native.next())["type"] == "bye"


async def test_last_line_needs_no_end(server: ChatServer) -> None:
    """
    > A last line without LF counts when the link ends
    """
    alice = await server.native("alice")
    bot = Peer(server.dial())
    await bot.send_raw(b"bot\nhello")
    await bot.stream.send_eof()
    lines = []
    while line := await bot.line():
        lines.append(line.decode())
    assert lines[-1].endswith("#lobby <bot> hello")
    assert types(await alice.sync()) == ["joined", "said", "left"]


async def test_end_of_a_plain_link_is_a_leave_seen_at_once(server: ChatServer) -> None:
    """
    > there is no token and no grace, so the end of the link is a leave, seen by others at once.
    """
    alice = await server.native("alice")
    for cut in (True, False):
        bob = await server.plain("bob")
        if cut:
            bob.peer.reset()
        else:
            await bob.peer.stream.aclose()
        assert types(await alice.until("left", nick="bob"))[-1] == "left"


async def test_neither_controls_nor_bidi_reach_a_plain_peer(server: ChatServer) -> None:
    """
    > A plain peer sees neither control characters nor bidi overrides: they are replaced by U+FFFD,
    > and a tab by blanks.
    """
    alice = await server.plain("alice")
    bob = await server.native("bob")
    mallory = await server.plain("mallory")
    nasty = "a\x1b[31m\x07\u202eb\u2066\x9b\x00\tc\r\u2028d"
    await bob.input(nasty)
    await bob.input(f"/topic {nasty}")
    await bob.input(f"/away {nasty}")
    await bob.input(f"/me {nasty}")
    await bob.input("one\n[12:00] #lobby <alice> forged")
    await mallory.peer.send_raw(nasty.encode() + b"\n\xff\xfb\x01\x1b]0;title\x07\n")
    await alice.send("/whois bob", "/history", "end")
    text = "\n".join(await alice.until("<alice> end"))
    assert not re.search(
        "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text
    )
    assert text.count("<bob> [12:00] #lobby <alice> forged") == 1


async def test_bytes_that_are_no_text_are_replaced(server: ChatServer) -> None:
    """
    > Bytes that are not UTF-8 are replaced by U+FFFD.
    """
    alice = await server.native("alice")
    bob = await server.plain("bob")
    await bob.peer.send_raw(b"caf\xe9\r\n")
    await bob.until("caf")
    assert texts(await alice.sync()) == ["caf\ufffd"]


@pytest.mark.parametrize(
    ("first", "answer"),
    [
        (b"NICK alice\r\nUSER a 0 * :a\r\n", b"ERROR :"),
        (b"CAP LS 302\r\n", b"ERROR :"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 400 "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n" * 30, b"\x15\x03\x01\x00\x02\x02"),
    ],
)
async def test_other_languages_are_refused_in_their_own(
    server: ChatServer, first: bytes, answer: bytes
) -> None:
    """
    > A TLS handshake is recognised by its first byte and refused with an alert.
    """
    peer = Peer(server.dial())
    await peer.send_raw(first)
    await peer.send_raw(b"and more\n" * 100)
    got = b""
    while chunk := await peer.stream.receive_some(1000):
        got += chunk
    assert got.startswith(answer)
    assert b"Welcome" not in got


async def test_too_long_first_line_is_refused_and_another_may_follow(server: ChatServer) -> None:
    """
    > A line has at most 16 KiB.
    """
    peer = PlainPeer(server.dial())
    await peer.send("x" * 20_000)
    assert "16384" in await peer.next()
    await peer.send("alice")
    await peer.until("* in #lobby")
