"""Scrolling to the beginning of a room and back, page by page, without a server."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from support_model import answer, lobby, online, requests, said
from trio_chat.client.state.effects import Send
from trio_chat.client.state.model import Model
from trio_chat.client.state.room.past import PAST_LINES
from trio_chat.client.state.room.room import ROOM_LINES, Room
from trio_chat.events import Backlog, Done, Error, Gap, Said
from trio_chat.requests import Page

LOG = tuple(said(seq, f"m{seq}") for seq in range(1, 20_001))


def reader(log: Sequence[Said]) -> Model:
    return online(Model("alice"), *log[-50:], more=len(log) > 50)


def shown(room: Room) -> list[int]:
    """The seqs that can be scrolled to, without asking."""
    past = room.past
    kept = [] if past is not None and not past.is_attached else list(room.lines)
    return [line.seq for line in [*(past.lines if past else ()), *kept] if line.seq]


def test_scrolling_back_reaches_the_beginning() -> None:
    model = reader(LOG[:1000])
    room = lobby(model)
    while room.has_older:
        before = shown(room)
        answer(model, LOG[:1000], model.pull(room, "older", 0))
        assert shown(room)[-len(before) :] == before
    assert shown(room) == list(range(1, 1001))


def test_whole_room_has_nothing_older() -> None:
    assert not lobby(reader(LOG[:50])).has_older
    assert not lobby(reader(())).has_older
    assert lobby(reader(LOG[:51])).has_older


def test_one_page_is_under_way_at_a_time() -> None:
    model = reader(LOG[:1000])
    assert len(requests(model.pull(lobby(model), "older", 0))) == 1
    assert requests(model.pull(lobby(model), "older", 0)) == []


def test_memory_is_bounded_and_what_was_dropped_comes_again() -> None:
    model = reader(LOG)
    room = lobby(model)
    while room.has_older:
        answer(model, LOG, model.pull(room, "older", 0))
    past = room.look_back()
    assert len(past.lines) == PAST_LINES
    assert not past.is_attached
    while not past.is_attached:
        answer(model, LOG, model.pull(room, "newer", 0))
        assert len(past.lines) <= PAST_LINES
        seqs = [line.seq for line in past.lines]
        assert seqs == list(range(seqs[0], seqs[-1] + 1))
    assert shown(room)[-1] == 20_000
    assert shown(room) == list(range(shown(room)[0], 20_001))


def test_what_the_room_drops_stays_for_who_looks_at_it() -> None:
    model = reader(LOG[:100])
    room = lobby(model)
    room.look_back()
    model.receive(LOG[100:6000], 0)
    assert len(room.lines) == ROOM_LINES
    assert shown(room) == list(range(51, 6001))


def test_jump_shows_what_stands_around() -> None:
    model = reader(LOG)
    room = lobby(model)
    answer(model, LOG, model.jump(room, 5000, 0))
    assert shown(room)[0] < 5000 < shown(room)[-1] < 5100
    assert room.has_older
    answer(model, LOG, model.pull(room, "newer", 0))
    answer(model, LOG, model.pull(room, "older", 0))
    assert shown(room) == list(range(shown(room)[0], shown(room)[-1] + 1))


def test_jump_next_to_what_is_here_joins_it() -> None:
    model = reader(LOG[:1000])
    room = lobby(model)
    answer(model, LOG[:1000], model.jump(room, 940, 0))
    assert shown(room)[-1] == 1000
    assert shown(room) == list(range(shown(room)[0], 1001))


def test_jump_to_what_is_here_asks_nobody() -> None:
    model = reader(LOG[:1000])
    assert model.jump(lobby(model), 990, 0) == []


def test_live_lines_and_a_hole_are_no_page_of_the_past() -> None:
    model = reader(LOG[:1000])
    room = lobby(model)
    pull = model.pull(room, "older", 0)
    hole = model.receive([LOG[1001]], 0)  # 1001 is missing
    assert [type(request) for request in requests(hole)] == [Page]
    answer(model, LOG[:1002], pull)
    answer(model, LOG[:1002], hole)
    assert shown(room) == list(range(751, 1003))


def test_pages_of_somebody_ignored_are_stepped_over() -> None:
    """Such a page is empty, and says that there is more."""
    model = reader(LOG[:1000])
    room = lobby(model)
    pages = 0
    while room.has_older:
        [page] = requests(model.pull(room, "older", 0))
        assert isinstance(page, Page)
        assert page.before is not None
        first = max(1, page.before - 200)
        gap = Gap(room="lobby", first=first, last=page.before - 1, reason="ignored")
        backlog = Backlog(room="lobby", events=(), more=first > 1)
        model.receive([gap, backlog, Done(id=page.id or "")], 0)
        pages += 1
    assert pages == 5
    assert shown(room) == list(range(951, 1001))
    assert room.cursor.last == 1000


def test_server_that_promises_more_and_sends_nothing_is_not_asked_for_ever() -> None:
    model = reader(LOG[:1000])
    room = lobby(model)
    [page] = requests(model.pull(room, "older", 0))
    model.receive([Backlog(room="lobby", events=(), more=True), Done(id=page.id or "")], 0)
    assert not room.has_older


def test_refused_page_is_asked_for_again_only_if_that_helps() -> None:
    model = reader(LOG[:1000])
    room = lobby(model)
    [page] = requests(model.pull(room, "older", 0))
    model.receive([Error(id=page.id, code="too_fast", message="slow", retry_after=3)], 0)
    assert model.due_at() == 3
    [page] = requests(model.due(3))
    assert model.receive([Error(id=page.id, code="no_such_room", message="gone")], 3) == []
    assert not room.has_older


def test_backlog_of_another_room_is_no_answer_to_a_page() -> None:
    model = reader(LOG[:1000])
    room = lobby(model)
    [page] = requests(model.pull(room, "older", 0))
    elsewhere = (said(1, "hi", room="@bob"), said(2, "there?", room="@bob"))
    model.receive([Backlog(room="@bob", events=elsewhere, more=False)], 0)
    assert [line.text for line in model.rooms.room("@bob").lines] == ["hi", "there?"]
    answer(model, LOG[:1000], [Send(page)])
    assert shown(room) == list(range(751, 1001))


def test_page_for_a_hole_that_is_put_off_is_asked_for_again() -> None:
    model = reader(LOG[:100])
    [page] = requests(model.receive([LOG[101]], 0))  # 101 is missing
    model.receive([Error(id=page.id, code="too_fast", message="slow", retry_after=3)], 0)
    assert model.due_at() == 3
    assert requests(model.due(2)) == []
    again = model.due(3)
    assert [type(request) for request in requests(again)] == [Page]
    answer(model, LOG[:102], again)
    assert shown(lobby(model))[-3:] == [100, 101, 102]


def test_what_is_wanted_is_asked_for_after_the_link_is_back() -> None:
    model = reader(LOG[:1000])
    room = lobby(model)
    model.pull(room, "older", 0)
    model.link_lost()
    hello = model.hello()
    answer(model, LOG[:1000], model.receive([Done(id=hello.id or "")], 0))
    assert shown(room) == list(range(751, 1001))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from(["older", "newer", "live"]), st.integers(1, 1200)), max_size=25
    )
)
def test_wherever_one_scrolls_nothing_is_missing_or_twice(steps: list[str | int]) -> None:
    told = 1200
    model = reader(LOG[:told])
    room = lobby(model)
    for step in steps:
        if step == "live":
            model.receive([LOG[told]], 0)
            told += 1
        elif isinstance(step, int):
            answer(model, LOG[:told], model.jump(room, step, 0))
            assert step in shown(room)
        elif room.has_older if step == "older" else room.past and not room.past.is_attached:
            answer(model, LOG[:told], model.pull(room, "older" if step == "older" else "newer", 0))
        assert shown(room) == list(range(shown(room)[0], shown(room)[-1] + 1))
    room.past = None
    assert shown(room)[-1] == told
