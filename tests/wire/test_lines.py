"""LineBuffer against a model: the whole stream, cut by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.wire.lines import LineBuffer, Overlong

LIMIT_BYTES = 8
TOO_LONG = Overlong(LIMIT_BYTES)


def fed(*chunks: bytes) -> list[bytes | Overlong]:
    buffer = LineBuffer(LIMIT_BYTES)
    return [line for chunk in chunks for line in buffer.feed(chunk)]


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        ([b"one\ntwo\n"], [b"one", b"two"]),
        ([b"one\r\ntwo\r\n"], [b"one", b"two"]),
        ([b"o", b"ne", b"\n"], [b"one"]),
        ([b"one\r", b"\n"], [b"one"]),
        ([b"\n\r\n"], [b"", b""]),
        ([b"a\rb\n"], [b"a\rb"]),
        ([b"unfinished"[:8]], []),
        ([b"12345678\n"], [b"12345678"]),
        ([b"12345678\r", b"\n"], [b"12345678"]),
        ([b"123456789\n", b"next\n"], [TOO_LONG, b"next"]),
        ([b"one\n123456789\ntwo\n"], [b"one", TOO_LONG, b"two"]),
        ([b"12345678\rx\n"], [TOO_LONG]),
        ([b"1234567", b"89", b"0123\nnext\n"], [TOO_LONG, b"next"]),
        ([b""], []),
    ],
)
def test_lines_come_whole_in_order_and_without_their_ends(
    chunks: list[bytes], lines: list[bytes | Overlong]
) -> None:
    """
    > A line is one JSON object in UTF-8, ended by LF; a CR before the LF is accepted
    """
    assert fed(*chunks) == lines


STREAMS = st.lists(
    st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"1234567", b"12345678", b"123456789"])
).map(b"".join)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200)))
def test_how_a_stream_is_chunked_changes_nothing(stream: bytes, cuts: list[int]) -> None:
    whole = [
        line if len(line) <= LIMIT_BYTES else TOO_LONG
        for line in (line.removesuffix(b"\r") for line in stream.split(b"\n")[:-1])
    ]
    ends = [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert fed(stream + b"\n")[: len(whole)] == whole
    by_chunks, by_bytes = fed(*chunks), fed(*(bytes([byte]) for byte in stream))
    assert by_chunks[: len(whole)] == by_bytes[: len(whole)] == whole
    # A last line without its end may be known to be too long before the end comes.
    assert by_chunks[len(whole) :] == by_bytes[len(whole) :]
    assert set(by_bytes[len(whole) :]) <= {TOO_LONG}


@given(chunks=st.lists(STREAMS | st.binary(max_size=50)))
def test_never_more_than_the_limit_is_held(chunks: list[bytes]) -> None:
    buffer = LineBuffer(LIMIT_BYTES)
    for chunk in chunks:
        buffer.feed(chunk)
        assert buffer.pending_bytes <= LIMIT_BYTES + 1


def test_an_endless_line_is_reported_once_and_before_its_end() -> None:
    buffer = LineBuffer(LIMIT_BYTES)
    reported = [line for _ in range(1000) for line in buffer.feed(b"x" * 5)]
    assert reported == [TOO_LONG]
    assert buffer.pending_bytes == 0
    assert buffer.feed(b"\nnext\n") == [b"next"]


def test_a_lower_limit_holds_for_what_is_already_there() -> None:
    buffer = LineBuffer(100)
    buffer.feed(b"x" * 50)
    buffer.limit_bytes = LIMIT_BYTES
    assert buffer.feed(b"\n12345678\n") == [TOO_LONG, b"12345678"]


def test_the_last_line_needs_no_end() -> None:
    """
    > A last line without LF counts when the link ends
    """
    buffer = LineBuffer(LIMIT_BYTES)
    assert buffer.feed(b"alice\nhello\r") == [b"alice"]
    assert buffer.rest() == b"hello"
    assert buffer.rest() == b""


def test_nothing_remains_of_a_last_line_that_was_too_long() -> None:
    buffer = LineBuffer(LIMIT_BYTES)
    assert buffer.feed(b"123456789") == [TOO_LONG]
    assert buffer.rest() == b""
