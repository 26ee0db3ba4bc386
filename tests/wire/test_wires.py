"""What every wire keeps, whatever its language."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_wire import WELCOME, converse, cut, shown, toy_wire, welcomed
from trio_chat.events import (
    Announced,
    Deleted,
    Edited,
    Gap,
    Joined,
    Kicked,
    Left,
    MemberInfo,
    Members,
    Notice,
    Quit,
    Renamed,
    Said,
    Shown,
    Topic,
)
from trio_chat.requests import Hello, Input
from trio_chat.wire import Received, Wire
from trio_chat.wire.detect import DetectingWire
from trio_chat.wire.native import NativeWire
from trio_chat.wire.plain import PlainWire

ToyWire = type(toy_wire())


def detecting() -> DetectingWire:
    return DetectingWire("our chat")


every_wire = pytest.mark.parametrize("make", [NativeWire, PlainWire, welcomed, detecting, ToyWire])
# What is shown to many at once.
SHARED = (Said, Edited, Deleted, Topic, Kicked, Joined, Left, Quit, Renamed, Gap, Notice, Announced)
ROSTER = Members(
    room="lobby",
    members=(MemberInfo(nick="x" * 30, account=None, role="guest", away=None),) * 1000,
    total=1000,
    topic="",
)


@every_wire
@given(several=st.lists(shown() | st.just(ROSTER), max_size=5))
def test_shared_events_are_what_each_is_alone(
    make: Callable[[], Wire], several: list[Shown]
) -> None:
    """What a link took in part is found again by the lengths of its events."""
    assert make().show_shared(several) == b"".join(map(make().show, several))


@every_wire
@given(
    before=st.lists(shown(), max_size=3),
    several=st.lists(shown().filter(lambda event: isinstance(event, SHARED)), max_size=3),
)
def test_what_was_shown_before_changes_nothing_for_shared_events(
    make: Callable[[], Wire], before: list[Shown], several: list[Shown]
) -> None:
    wire = make()
    for event in before:
        wire.show(event)
    if wire.flavour == make().flavour:
        assert wire.show_shared(several) == make().show_shared(several)


PIECES = [
    b"alice",
    b"/login bob pass word",
    b"hello \xe2\x82\xac",
    b"\xff\xfb\x1f",
    b"x" * 9000,
    b"NAME alice",
    b"SAY hello",
    b"PING",
    b'{"type":"input","id":"1","text":"a\\r\\n"}',
    b'{"type":"inptu","id":"2"}',
    b'{"type":"hello","nick":"b"}',
    b"{",
    b" ",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n",
]
STREAMS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=9), max_size=9).map(b"".join)


def welcome(wire: Wire, item: Received) -> None:
    if isinstance(item, Hello):
        wire.show(WELCOME)


@every_wire
@given(stream=STREAMS, cuts=st.lists(st.integers(0, 30_000)))
def test_how_a_stream_is_cut_changes_nothing(
    make: Callable[[], Wire], stream: bytes, cuts: list[int]
) -> None:
    whole = converse(make(), [stream], welcome)
    assert converse(make(), cut(stream, cuts), welcome) == whole


@every_wire
@given(stream=STREAMS)
def test_a_cut_at_any_byte_changes_nothing(make: Callable[[], Wire], stream: bytes) -> None:
    whole = converse(make(), [stream], welcome)
    for place in range(0, len(stream), 1 + len(stream) // 100):
        assert converse(make(), cut(stream, [place]), welcome) == whole
    if len(stream) < 1000:
        assert converse(make(), cut(stream, range(len(stream))), welcome) == whole


@every_wire
def test_cr_before_lf_changes_nothing(make: Callable[[], Wire]) -> None:
    lines = [b"alice", b'{"type":"ping","id":"1"}', b"", b"hello"]
    with_lf = converse(make(), [b"\n".join(lines)], welcome)
    assert converse(make(), [b"\r\n".join(lines)], welcome) == with_lf


def test_what_an_answer_changes_holds_for_the_next_line_of_the_same_chunk() -> None:
    items = PlainWire().receive(b"mallory\nalice\n")
    assert [*items] == [Hello(nick="mallory"), Hello(nick="alice")]
    wire = PlainWire()
    items = wire.receive(b"alice\nhello\n")
    assert next(items) == Hello(nick="alice")
    wire.show(WELCOME)
    assert [*items] == [Input(text="hello")]
