"""The first line decides."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.wire.detect import IRC_VERBS, REFUSALS, Language, detect, detect_bytes


@pytest.mark.parametrize(
    ("line", "language"),
    [
        (b'{"type":"hello","nick":"alice"}', Language.NATIVE),
        (b"{", Language.NATIVE),
        (b'  \t{"type":"ping"}', Language.NATIVE),
        (b"alice", Language.PLAIN),
        (b"", Language.PLAIN),
        (b"   ", Language.PLAIN),
        ("Åsa".encode(), Language.PLAIN),
        (b"\xff\xfb\x1falice", Language.PLAIN),
        (b"who is here?", Language.PLAIN),
        (b"passenger 57", Language.PLAIN),
        (b"CAP LS 302", Language.IRC),
        (b"NICK alice", Language.IRC),
        (b"nick alice", Language.IRC),
        (b"USER alice 0 * :Alice", Language.IRC),
        (b"JOIN :", Language.IRC),
        (b"PASS secret\r", Language.IRC),
        (b"GET / HTTP/1.1", Language.HTTP),
        (b"post /hook HTTP/1.0", Language.HTTP),
        (b"PRI * HTTP/2.0", Language.HTTP),
        (b"get / please", Language.PLAIN),
        (b"\x16\x03\x01\x02\x00\x01", Language.TLS),
    ],
)
def test_the_first_line_decides(line: bytes, language: Language) -> None:
    """
    > The first line a peer sends decides which one it speaks
    """
    assert detect(line) is language


@pytest.mark.parametrize("verb", sorted(IRC_VERBS))
def test_a_verb_alone_may_be_a_nick_unless_it_is_in_capitals(verb: bytes) -> None:
    """
    > A verb of IRC counts in any case when something follows it; alone it counts only in capitals.
    """
    assert detect(verb) is Language.IRC
    assert detect(verb.title()) is Language.PLAIN
    assert detect(verb.lower() + b" x") is Language.IRC


def test_a_tls_handshake_needs_no_line() -> None:
    """
    > A TLS handshake is recognised by its first byte and refused with an alert.
    """
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    assert detect_bytes(outgoing.read()) is Language.TLS


def test_a_tls_client_understands_the_refusal() -> None:
    incoming = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="x")
    incoming.write(REFUSALS[Language.TLS])
    with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
        client.do_handshake()


@given(st.binary())
def test_any_first_line_is_of_some_language(line: bytes) -> None:
    assert isinstance(detect(line), Language)
    assert detect_bytes(line) in (Language.TLS, None)


def test_every_language_is_served_or_refused() -> None:
    """
    > HTTP: refused with `400`
    """
    assert {*REFUSALS, Language.NATIVE, Language.PLAIN} == set(Language)
    head, body = REFUSALS[Language.HTTP].split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
    assert REFUSALS[Language.IRC].startswith(b"ERROR :")
