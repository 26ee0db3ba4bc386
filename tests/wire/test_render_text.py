"""Events as people read them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import pytest

from support_wire import NASTY_TEXTS, WELCOME
from trio_chat.events import (
    Announced,
    Backlog,
    Bye,
    Deleted,
    Done,
    Edited,
    Error,
    Gap,
    Joined,
    Kicked,
    Kind,
    Left,
    MemberInfo,
    Members,
    Notice,
    Pong,
    Quit,
    Renamed,
    Result,
    Said,
    Shown,
    Topic,
    Welcome,
)
from trio_chat.wire import render_text
from trio_chat.wire.render_text import clock, render, room_label

AT = "2026-11-22T12:00:59.999Z"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    render_text._clock.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    render_text._clock.cache_clear()


def said(text: str, *, room: str = "lobby", sender: str = "alice", kind: Kind = "message") -> Said:
    return Said(room=room, seq=1, at=AT, sender=sender, text=text, kind=kind)


def members(*nicks: str, topic: str = "", total: int | None = None) -> Members:
    infos = tuple(
        MemberInfo(nick=nick, account=None, role="guest", away="lunch" if nick == "bob" else None)
        for nick in nicks
    )
    count = len(infos) if total is None else total
    return Members(room="lobby", members=infos, total=count, topic=topic)


def welcome(motd: str = "") -> Welcome:
    return msgspec.structs.replace(WELCOME, motd=motd)


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (said("hello"), ["[12:00] #lobby <alice> hello"]),
        (said("waves", kind="action"), ["[12:00] #lobby * alice waves"]),
        (said("text", kind="notice"), ["[12:00] #lobby -alice- text"]),
        (said("hi", room="@bob"), ["[12:00] @bob <alice> hi"]),
        (said("a\n\nb"), [f"[12:00] #lobby <alice> {text}" for text in ("a", "", "b")]),
        (said("a\tb"), ["[12:00] #lobby <alice> a   b"]),
        (said("x", sender="a\nb", room="c\nd"), ["[12:00] #c d <a b> x"]),
        (
            Edited(room="lobby", seq=9, at=AT, by="alice", target=7, text="a\nb"),
            ["* alice edited 7 in #lobby: a", "* alice edited 7 in #lobby: b"],
        ),
        (
            Deleted(room="lobby", seq=9, at=AT, by="alice", target=7, text="spam"),
            ["* alice deleted 7 in #lobby (spam)"],
        ),
        (
            Topic(room="lobby", seq=9, at=AT, by="alice", text="release"),
            ["* alice set the topic of #lobby: release"],
        ),
        (
            Topic(room="lobby", seq=9, at=AT, by="alice", text=""),
            ["* alice removed the topic of #lobby"],
        ),
        (
            Kicked(room="lobby", seq=9, at=AT, by="alice", nick="bob", reason="spam"),
            ["* alice kicked bob out of #lobby (spam)"],
        ),
        (Joined(room="lobby", nick="bob"), ["* bob joined #lobby"]),
        (Left(room="lobby", nick="bob", reason=""), ["* bob left #lobby"]),
        (Left(room="lobby", nick="bob", reason="a\nb"), ["* bob left #lobby (a b)"]),
        (Quit(nick="bob", account=None, reason="tea", rooms=("dev",)), ["* bob left #dev (tea)"]),
        (
            Quit(nick="a\nb", account="bob", reason="", rooms=("lobby", "dev")),
            ["* a b left #lobby, #dev"],
        ),
        (Renamed(old="bob", new="rob"), ["* bob is now called rob"]),
        (members("alice", "bob"), ["* in #lobby: alice, bob (away)"]),
        (members("alice", topic="x"), ["* topic of #lobby: x", "* in #lobby: alice"]),
        (members("alice", total=900), ["* in #lobby: alice and 899 more"]),
        (Backlog(room="lobby", events=(), more=True), []),
        (
            Backlog(room="lobby", events=(said("a"), said("b")), more=False),
            ["[12:00] #lobby <alice> a", "[12:00] #lobby <alice> b"],
        ),
        (
            Gap(room="lobby", first=3, last=9),
            ["* #lobby: messages 3 to 9 can no longer be had"],
        ),
        (Gap(room="lobby", first=3, last=3, reason="ignored"), []),
        (
            welcome("be kind\nhave fun"),
            [
                "* welcome to trio-chat, alice: type and press Enter, /help lists the commands",
                "* be kind",
                "* have fun",
            ],
        ),
        (Result(command="who", data=None, text="a\nb"), ["* a", "* b"]),
        (Result(command="x", data={}, text=""), []),
        (Error(code="usage", message="usage: /nick NAME"), ["* usage: /nick NAME"]),
        (Error(code="too_fast", message="slow", retry_after=2.54), ["* slow (retry in 2.5 s)"]),
        (Notice(text="a"), ["* a"]),
        (Announced(text="a\nb"), ["* to everyone: a", "* to everyone: b"]),
        (Bye(reason="restart", retry_after=2), ["* bye: restart (retry in 2 s)"]),
        (Bye(reason="you left"), ["* bye: you left"]),
        (Done(id="1"), []),
        (Pong(), []),
    ],
)
def test_an_event_is_shown_as_people_read_it(event: Shown, lines: list[str]) -> None:
    assert render(event) == lines


@pytest.mark.parametrize("text", NASTY_TEXTS)
def test_no_text_forges_a_line_of_somebody_else(text: str) -> None:
    """
    > A text of several lines is shown with the same beginning on each line, so nobody can make one
    > line look like another person's.
    """
    assert all(line.startswith("[12:00] #lobby <alice> ") for line in render(said(text)))
    assert all(line.startswith("* ") for line in render(Notice(text=text)))


def test_a_huge_room_is_shown_by_a_few_and_a_number() -> None:
    nicks = [f"nick{number}" for number in range(1000)]
    (line,) = render(members(*nicks))
    assert len(line) < 1000
    assert line.endswith("nick99 and 900 more")


def test_the_time_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    > the time is the server's local time
    """
    monkeypatch.setenv("TZ", "XXX-5:45")
    time.tzset()
    assert clock(AT) == "17:45"


@pytest.mark.parametrize("at", ["", "yesterday", "9999-99-99T00:00", "0001-01-01T00:00:00.000Z"])
def test_a_time_that_is_none_is_no_error(at: str) -> None:
    assert len(clock(at)) == 5


def test_rooms_and_conversations_look_different() -> None:
    assert (room_label("lobby"), room_label("@bob")) == ("#lobby", "@bob")
