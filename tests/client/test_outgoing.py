"""The order of what is under way: windows, barriers, waiting."""

from __future__ import annotations

from math import inf

from trio_chat.client.state.outgoing import WINDOW_MAX, Outgoing, Pending


def send_all(outgoing: Outgoing, now: float = 0) -> list[str]:
    sent: list[Pending] = []
    while (line := outgoing.next_line(now)) is not None:
        line.is_sent = True
        sent.append(line)
    return [line.text for line in sent]


def filled(*texts: str) -> tuple[Outgoing, list[str]]:
    outgoing = Outgoing()
    return outgoing, [outgoing.add(text, "lobby", 0).id for text in texts]


def test_command_waits_for_all_before_it_and_holds_back_all_after_it() -> None:
    outgoing, ids = filled("one", "two", "/join dev", "three")
    assert send_all(outgoing) == ["one", "two"]
    outgoing.acknowledged(ids[0])
    assert send_all(outgoing) == []
    outgoing.acknowledged(ids[1])
    assert send_all(outgoing) == ["/join dev"]
    outgoing.acknowledged(ids[2])
    assert send_all(outgoing) == ["three"]


def test_window_grows_with_acknowledgements_up_to_its_limit() -> None:
    outgoing, ids = filled(*map(str, range(1000)))
    first = len(send_all(outgoing))
    for id in ids[:500]:
        outgoing.acknowledged(id)
        send_all(outgoing)
    under_way = [id for id in ids if (line := outgoing.get(id)) and line.is_sent]
    assert first < len(under_way) == WINDOW_MAX


def test_postponed_lines_go_one_by_one_and_nobody_is_woken_in_between() -> None:
    """A time that is past must not be waited for again and again while an answer is missing."""
    outgoing, ids = filled("one", "two", "three")
    send_all(outgoing)
    for id in ids:
        outgoing.postponed(id, 5.0)
    assert send_all(outgoing, now=4) == []
    assert outgoing.wake_at() == 5.0
    assert send_all(outgoing, now=5) == ["one"]
    assert outgoing.wake_at() == inf
    outgoing.acknowledged(ids[0])
    assert send_all(outgoing, now=5) == ["two"]


def test_lost_link_makes_what_was_sent_doubtful_and_keeps_the_order() -> None:
    outgoing, _ = filled("one", "/me two", "three")
    send_all(outgoing)
    outgoing.link_lost()
    assert [line.text for line in outgoing.doubtful()] == ["one"]
    outgoing.session_kept()
    assert outgoing.doubtful() == []
    assert send_all(outgoing) == ["one"]


def test_what_the_room_hears() -> None:
    outgoing, ids = filled("hello", "//slash", "/me waves", "/msg bob hi")
    spoken = [line.spoken for id in ids if (line := outgoing.get(id))]
    assert spoken == ["hello", "/slash", "waves", None]
