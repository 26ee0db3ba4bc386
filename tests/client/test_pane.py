"""The pane without a terminal: whatever one does, it shows one stretch of the room."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.utils import get_cwidth

from support_model import answer, lobby, online, said
from trio_chat.client.state.model import Model
from trio_chat.client.text.render import Renderer
from trio_chat.client.ui.full.pane import Pane

# Lines of one, two and many rows.
LOG = tuple(
    said(seq, f"<{seq}>" + " word" * (0 if seq % 3 else 30 if seq % 2 else 8))
    for seq in range(1, 1501)
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["up", "down"]), st.integers(1, 60)),
        st.tuples(st.just("size"), st.tuples(st.integers(30, 100), st.integers(1, 40))),
        st.tuples(st.just("live"), st.integers(1, 5)),
        st.tuples(st.just("jump"), st.integers(1, 1000)),
        st.tuples(st.just("follow"), st.none()),
    ),
    max_size=20,
)


def rows(pane: Pane, width: int, height: int) -> list[str]:
    content = pane.create_content(width, height)
    lines = [content.get_line(number) for number in range(content.line_count)]
    return ["".join(fragment[1] for fragment in line) for line in lines]


def draw(model: Model, pane: Pane, told: int, size: tuple[int, int]) -> list[str]:
    """Draw, and fetch what the drawing wants, until it wants nothing more."""
    shown = rows(pane, *size)
    for _ in range(20):
        if pane.edge is None:
            break
        answer(model, LOG[:told], model.pull(lobby(model), pane.edge, 0))
        shown = rows(pane, *size)
    return shown


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_what_is_shown_is_one_stretch_without_holes(steps: list[tuple[str, Any]]) -> None:
    told, size = 1000, (60, 20)
    model = online(Model("alice"), *LOG[950:told], more=True)
    pane = Pane(model, Renderer(get_cwidth))
    draw(model, pane, told, size)
    for what, value in steps:
        if what == "up":
            pane.scroll_up(value)
        elif what == "down":
            pane.scroll_down(value)
        elif what == "size":
            size = value
        elif what == "live":
            model.receive(LOG[told : told + value], 0)
            told += value
        elif what == "jump":
            pane.show_seq(lobby(model), value)
            answer(model, LOG[:told], model.jump(lobby(model), value, 0))
        else:
            pane.follow()
        shown = draw(model, pane, told, size)
        assert len(shown) == size[1]
        assert all(get_cwidth(row) <= size[0] for row in shown)
        seqs = [int(seq) for seq in re.findall(r"<(\d+)>", "".join(shown))]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True
        assert all(row.strip() for row in shown), "the pane is full"
        if what == "jump" and size[1] > 8:
            assert value in seqs
        if not pane.is_scrolled:
            assert "be kind" in "".join(shown) or told > 1000


def test_view_stays_put_while_lines_arrive_and_older_ones_are_fetched() -> None:
    model = online(Model("alice"), *LOG[950:1000], more=True)
    pane = Pane(model, Renderer(get_cwidth))
    rows(pane, 60, 20)
    pane.scroll_up(60)
    before = rows(pane, 60, 20)
    assert pane.edge == "older"
    answer(model, LOG[:1000], model.pull(lobby(model), "older", 0))
    assert rows(pane, 60, 20) == before
    model.receive(LOG[1000:1500], 0)
    assert rows(pane, 60, 20) == before


def test_whole_room_is_walked_row_by_row_both_ways() -> None:
    model = online(Model("alice"), *LOG[950:1000], more=True)
    pane = Pane(model, Renderer(get_cwidth))
    draw(model, pane, 1000, (60, 20))
    seen: list[str] = []
    while "beginning of #lobby" not in (top := draw(model, pane, 1000, (60, 20))[0]):
        seen.append(top)
        pane.scroll_up(1)
    numbers = [int(seq) for row in seen for seq in re.findall(r"<(\d+)>", row)]
    assert numbers[-1] == 1
    assert numbers == sorted(numbers, reverse=True)
    assert set(numbers) >= set(range(1, 980))
    for _ in range(2 * len(seen)):
        pane.scroll_down(1)
        draw(model, pane, 1000, (60, 20))
    assert not pane.is_scrolled
