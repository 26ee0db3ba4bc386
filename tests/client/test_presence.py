"""Comings and goings in one line."""

from __future__ import annotations

import pytest

from trio_chat.client.state.room.storm import Storm


@pytest.mark.parametrize(
    ("moves", "look", "text"),
    [
        ("+a", "coming", "a joined"),
        ("+a +b", "coming", "a, b joined"),
        ("-a -b", "going", "a, b left"),
        ("+a -b", "moving", "a joined; b left"),
        ("+a -a", "moving", "a came and went"),
        ("-a +a", "coming", "a came back"),
        ("-a +a -a", "going", "a left"),
        ("+a -a +a", "coming", "a joined"),
        ("+a +a", "coming", "a joined"),
        ("+a -b +c -a", "moving", "a came and went; b left; c joined"),
    ],
)
def test_one_line_tells_it_all(moves: str, look: str, text: str) -> None:
    storm = Storm()
    for move in moves.split():
        storm.add("coming" if move[0] == "+" else "going", move[1:])
    assert (storm.look, storm.text) == (look, text)
