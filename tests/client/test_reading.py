"""What was read, here and on another device; what rings; what was amended."""

from __future__ import annotations

import pytest

from support_model import AT, bells, lobby, online, requests, resumed, said, welcome
from trio_chat.client.state.effects import Bell
from trio_chat.client.state.model import Model
from trio_chat.events import (
    Backlog,
    Bye,
    Deleted,
    Done,
    Edited,
    Error,
    Joined,
    Left,
    NotifyLevel,
    Settings,
)
from trio_chat.events import Read as ReadEvent
from trio_chat.requests import Input, Read


def reads(model: Model, now: float) -> list[int]:
    return [r.seq for r in requests(model.due(now)) if isinstance(r, Read)]


def test_what_was_seen_is_told_once_in_two_seconds() -> None:
    model = online(Model("alice"))
    for number in range(1, 11):
        model.receive([said(number)], number / 10)
        model.saw(lobby(model), number / 10)
    assert model.due_at() == pytest.approx(2.1)
    assert reads(model, 1) == []
    assert reads(model, 2.1) == [10]
    model.receive([said(11)], 2.2)
    model.saw(lobby(model), 2.2)
    assert reads(model, 4) == []
    assert reads(model, 4.2) == [11]
    assert reads(model, 99) == []


def test_going_away_tells_at_once() -> None:
    model = online(Model("alice"))
    model.receive([said(1)], 0)
    model.saw(lobby(model), 0)
    assert [type(r) for r in requests(model.went_away(lobby(model), 0.1))] == [Read]


def test_server_that_keeps_no_marks_is_left_alone_and_nobody_is_told() -> None:
    model = online(Model("alice"))
    asked = 0
    for number in range(1, 20):
        now = number * 10.0
        model.receive([said(number)], now)
        model.saw(lobby(model), now)
        for request in requests(model.due(now + 5)):
            error = Error(id=request.id, code="bad_request", message="nothing is kept")
            assert model.receive([error], now + 5) == []
            asked += 1
    assert asked == 3


def test_who_quits_has_told_what_was_read() -> None:
    model = online(Model("alice"))
    model.receive([said(1)], 0)
    model.saw(lobby(model), 0)
    assert [type(request) for request in requests(model.leave(0))] == [Read, Input]


@pytest.mark.parametrize("how", ["link", "too_fast"])
def test_mark_that_did_not_arrive_is_told_again(how: str) -> None:
    model = online(Model("alice"))
    model.receive([said(1)], 0)
    model.saw(lobby(model), 0)
    [request] = requests(model.due(9))
    if how == "link":
        resumed(model)
    else:
        model.receive([Error(id=request.id, code="too_fast", message="slow", retry_after=1)], 9)
    assert model.saw(lobby(model), 10)
    assert reads(model, 20) == [1]


def test_log_that_began_anew_is_read_anew() -> None:
    model = online(Model("alice"), said(1), said(2))
    lobby(model).was_read(2)
    lobby(model).add(model.rooms.line_of(lobby(model), said(1, "new log")))
    assert lobby(model).read_seq == 0
    assert not lobby(model).has_older


def test_other_device_read_it() -> None:
    model = online(Model("alice"))
    model.receive([Joined(room="dev", nick="alice")], 0)
    model.rooms.go_to(model.rooms.room("dev"))
    model.receive([said(n, "alice?") for n in range(1, 5)], 0)
    assert (lobby(model).unread, lobby(model).mentions) == (4, 4)
    model.receive([ReadEvent(room="lobby", seq=3)], 0)
    assert (lobby(model).unread, lobby(model).mentions) == (1, 1)
    model.receive([ReadEvent(room="lobby", seq=2)], 0)
    assert lobby(model).unread == 1
    assert [line.seq for line in lobby(model).lines if line.serial > lobby(model).marker] == [4]


def test_rule_at_the_start_stands_where_the_other_device_stopped() -> None:
    model = online(Model("alice"), *[said(n) for n in range(1, 6)])
    model.receive([ReadEvent(room="lobby", seq=3)], 0)
    room = lobby(model)
    assert room.new_count == 2
    assert room.unread == 0
    assert min(line.seq for line in room.lines if line.seq and line.serial > room.marker) == 4


def test_mention_missed_while_offline_rings_once_and_only_if_nobody_read_it() -> None:
    model = online(Model("alice"))
    missed = Backlog(room="lobby", events=(said(1, "alice!"),), more=False)
    assert [type(e) for e in resumed(model, missed)].count(Bell) == 1
    assert [type(e) for e in resumed(model, missed)].count(Bell) == 0
    missed = Backlog(room="lobby", events=(said(2, "alice!"),), more=False)
    assert Bell not in map(type, resumed(model, missed, ReadEvent(room="lobby", seq=2)))


@pytest.mark.parametrize(("level", "rung"), [("all", 2), ("mentions", 1), ("none", 0), (None, 1)])
def test_level_of_a_room_says_what_rings(level: NotifyLevel | None, rung: int) -> None:
    model = online(Model("alice"))
    levels = {"lobby": level} if level else {}
    model.receive([Settings(notify=levels, highlights=())], 0)
    assert len(bells(model, said(1, "hi")) + bells(model, said(2, "alice?"))) == rung


def test_words_that_mean_somebody_count_at_their_boundaries() -> None:
    model = online(Model("alice", highlights=["tea"]))
    model.receive([Settings(notify={}, highlights=("release 2.0",))], 0)
    assert bells(model, said(1, "the Release 2.0 is out")) != []
    assert bells(model, said(2, "Tea?")) != []
    assert bells(model, said(3, "release 2.01 and a steam engine")) == []


def test_later_welcome_replaces_the_account_and_leaves_the_rooms() -> None:
    model = online(Model("alice"), said(1))
    model.receive([welcome("ada", account="ada", role="admin")], 0)
    assert (model.account, model.role, model.rooms.nick) == ("ada", "admin", "ada")
    assert lobby(model).is_joined
    assert model.rooms.is_online
    assert requests(model.due(0)) == []
    assert bells(model, said(2, "ada!")) != []


def test_amended_lines_show_what_became_of_them() -> None:
    model = online(Model("alice"), said(1, "bad"), said(2, "worse"))
    edited = Edited(room="lobby", seq=3, at=AT, by="bob", target=1, text="good")
    deleted = Deleted(room="lobby", seq=4, at=AT, by="bob", target=2, text="sorry")
    model.receive([edited, deleted], 0)
    shown = [(line.text, line.fate) for line in lobby(model).lines if line.seq]
    assert shown == [("good", "edited"), ("", "deleted")]


def test_restart_of_the_server_is_one_line() -> None:
    seconds = iter(range(0, 1000, 5))
    model = online(Model("alice", wall_seconds=lambda: next(seconds)))
    before = len(lobby(model).lines)
    for _ in range(3):
        model.receive([Bye(reason="the server is restarting", retry_after=2)], 0)
        resumed(model)
    lines = [line.text for line in lobby(model).lines][before:]
    assert len(lines) == 1
    assert lines[0].startswith("back online after ")
    assert lines[0].endswith(" s: the server is restarting")


def test_order_of_the_rooms_lasts_and_left_ones_go() -> None:
    model = online(Model("alice"))
    for name in ("dev", "ops"):
        model.receive([Joined(room=name, nick="alice")], 0)
    model.receive([said(1, room="dev")], 0)
    assert [room.name for room in model.rooms.open_rooms] == ["lobby", "dev", "ops"]
    model.receive([Left(room="ops", nick="alice", reason="")], 0)
    assert [room.name for room in model.rooms.open_rooms] == ["lobby", "dev"]


def test_rule_stands_above_the_first_unread_line_of_a_room_never_seen() -> None:
    model = online(Model("alice"))
    model.receive([Joined(room="dev", nick="alice")], 0)
    old = Backlog(room="dev", events=(said(1, room="dev"),), more=False)
    model.receive([old, Joined(room="dev", nick="eve"), said(2, room="dev")], 0)
    dev = model.rooms.room("dev")
    model.rooms.go_to(dev)
    assert dev.new_count == 1
    assert [line.seq for line in dev.lines if line.serial > dev.marker] == [2]


def test_what_is_not_watched_is_unread_in_the_current_room_too() -> None:
    model = online(Model("alice"), said(1))
    model.rooms.watch(False)
    model.receive([said(2), said(3)], 0)
    assert lobby(model).unread == 2
    model.rooms.watch(True)
    assert (lobby(model).unread, lobby(model).new_count) == (0, 2)


def test_hello_that_is_not_done_asks_for_nothing() -> None:
    model = Model("alice")
    hello = model.hello()
    model.receive([welcome("alice"), Joined(room="lobby", nick="alice"), said(1)], 0)
    assert not model.saw(lobby(model), 0)
    model.receive([Done(id=hello.id or "")], 0)
    assert model.saw(lobby(model), 0)
