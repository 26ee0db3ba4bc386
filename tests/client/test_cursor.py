"""Where one has read up to: repetitions, holes, pages, other logs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_chat.client.state.room.cursor import HELD_EVENTS, SEEN_EVENTS, Cursor
from trio_chat.events import Said, StoredEvent


def said(seq: int, log: str = "a") -> Said:
    return Said(
        room="lobby", seq=seq, at=f"{log}{seq}", sender="bob", text=str(seq), kind="message"
    )


def run(first: int, last: int, log: str = "a") -> list[StoredEvent]:
    return [said(seq, log) for seq in range(first, last + 1)]


def seqs(events: list[StoredEvent]) -> list[int]:
    return [event.seq for event in events]


def test_events_in_order_are_shown_at_once() -> None:
    cursor = Cursor()
    assert [seqs(cursor.live(event)) for event in run(7, 9)] == [[7], [8], [9]]
    assert cursor.last == 9
    assert cursor.is_settled


def test_repeated_event_is_shown_once() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    assert cursor.live(said(1)) == []
    assert cursor.backlog(run(1, 2)) == [said(2)]


def test_repetition_is_recognised_however_old() -> None:
    cursor = Cursor()
    cursor.backlog(run(1, SEEN_EVENTS + 10))
    assert cursor.live(said(1)) == []


def test_event_behind_a_hole_waits_for_the_page() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    assert cursor.live(said(4)) == []
    assert cursor.wants_page
    cursor.page_asked()
    assert not cursor.wants_page
    assert seqs(cursor.backlog(run(2, 4))) == [2, 3, 4]
    assert cursor.page_answered(more=False) == []
    assert cursor.is_settled
    assert cursor.last == 4


def test_hole_before_a_gap_is_asked_for() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    assert cursor.gap(4, 5) == []
    assert cursor.wants_page, "2 and 3 are missing, and can be had"
    cursor.page_asked()
    assert seqs(cursor.backlog(run(2, 3))) == [2, 3]
    cursor.page_answered(more=False)
    assert cursor.last == 5
    assert cursor.is_settled


def test_page_that_ends_before_what_was_said_meanwhile() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    cursor.live(said(3))
    cursor.page_asked()
    cursor.live(said(4))
    assert seqs(cursor.backlog(run(2, 3))) == [2, 3, 4]
    cursor.page_answered(more=False)
    assert not cursor.wants_page


def test_page_with_more_is_followed_by_the_next() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    cursor.live(said(300))
    cursor.page_asked()
    cursor.backlog(run(2, 201))
    cursor.page_answered(more=True)
    assert cursor.wants_page
    assert cursor.last == 201


def test_what_a_page_does_not_hold_is_not_asked_for_again() -> None:
    """Else one event that this member may not see would be asked for, for ever."""
    cursor = Cursor()
    cursor.live(said(1))
    cursor.live(said(3))
    cursor.page_asked()
    assert seqs(cursor.backlog([said(3)])) == [3]
    cursor.page_answered(more=False)
    assert cursor.is_settled
    cursor.live(said(6))
    cursor.page_asked()
    cursor.backlog([])
    assert seqs(cursor.page_answered(more=False)) == []
    assert cursor.last == 6


def test_empty_page_on_suspicion_loses_nothing() -> None:
    cursor = Cursor()
    cursor.live(said(5))
    cursor.suspect_hole()
    assert cursor.wants_page
    cursor.page_asked()
    cursor.backlog([])
    cursor.page_answered(more=False)
    assert cursor.last == 5
    assert seqs(cursor.live(said(6))) == [6]


def test_refused_page_shows_what_is_behind_the_hole() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    cursor.live(said(5))
    cursor.page_asked()
    assert seqs(cursor.page_refused()) == [5]
    assert cursor.is_settled
    assert seqs(cursor.live(said(6))) == [6]


def test_postponed_page_is_asked_for_again() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    cursor.live(said(5))
    cursor.page_asked()
    cursor.page_postponed()
    assert cursor.wants_page


def test_gap_is_stepped_over() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    assert cursor.gap(2, 40) == []
    assert seqs(cursor.live(said(41))) == [41]


def test_join_backlog_that_ends_later_than_one_read_leaves_a_hole() -> None:
    cursor = Cursor()
    cursor.backlog(run(1, 100))
    cursor.link_lost()
    cursor.joining = True
    assert cursor.backlog(run(151, 175), more=True) == []
    assert cursor.backlog(run(176, 200), more=True) == []
    assert not cursor.wants_page
    cursor.joining = False
    assert cursor.wants_page
    cursor.page_asked()
    assert seqs(cursor.backlog(run(101, 200))) == list(range(101, 201))


def test_join_backlog_of_another_log_is_shown() -> None:
    """A server that keeps nothing begins at seq 1 again when it is restarted."""
    cursor = Cursor()
    cursor.backlog(run(40, 80))
    cursor.link_lost()
    cursor.joining = True
    assert seqs(cursor.backlog(run(1, 3, log="b"))) == [1, 2, 3]
    assert seqs(cursor.live(said(4, "b"))) == [4]


def test_other_log_with_the_same_seqs_is_shown() -> None:
    cursor = Cursor()
    cursor.backlog(run(1, 3))
    cursor.link_lost()
    cursor.joining = True
    assert seqs(cursor.backlog(run(1, 2, log="b"))) == [1, 2]
    assert cursor.last == 2


def test_empty_log_on_join_begins_at_zero() -> None:
    cursor = Cursor()
    cursor.backlog(run(1, 9))
    cursor.link_lost()
    cursor.joining = True
    assert cursor.backlog([]) == []
    assert cursor.last == 0
    cursor.joining = False
    assert seqs(cursor.live(said(1, "b"))) == [1]


def test_what_was_said_while_out_of_the_room_is_no_hole() -> None:
    cursor = Cursor()
    cursor.backlog(run(1, 10))
    cursor.left()
    cursor.joining = True
    assert seqs(cursor.backlog(run(9, 60), more=True)) == list(range(11, 61))
    cursor.joining = False
    assert cursor.is_settled


def test_held_events_are_bounded_and_none_is_lost() -> None:
    cursor = Cursor()
    cursor.live(said(1))
    many = HELD_EVENTS + 500
    for event in run(3, many):
        assert cursor.live(event) == []
    shown: list[int] = []
    while cursor.wants_page:
        cursor.page_asked()
        after = cursor.last or 0
        page = run(after + 1, min(after + 200, many))
        shown += seqs(cursor.backlog(page))
        shown += seqs(cursor.page_answered(more=page[-1].seq < many))
    assert shown == list(range(2, many + 1))


@given(st.data())
def test_whatever_gets_lost_repeated_or_cut_everything_is_shown_once_in_order(
    data: st.DataObject,
) -> None:
    """The server's log grows; live events may be lost; links break; resumes and pages repair."""
    cursor, shown, head, seen_live = Cursor(), [], 0, 0
    cursor.joining = True
    cursor.backlog([])
    cursor.joining = False

    def page() -> None:
        while cursor.wants_page:
            cursor.page_asked()
            after = cursor.last or 0
            last = min(after + 3, head)
            shown.extend(seqs(cursor.backlog(run(after + 1, last))))
            shown.extend(seqs(cursor.page_answered(more=last < head)))

    for step in data.draw(st.lists(st.sampled_from(["live", "lost", "repeat", "cut", "page"]))):
        if step in ("live", "lost"):
            head += 1
        if step == "live":
            shown.extend(seqs(cursor.live(said(head))))
        elif step == "repeat" and head:
            seen_live = data.draw(st.integers(1, head))
            if seen_live <= (cursor.last or 0):
                assert cursor.live(said(seen_live)) == []
        elif step == "page":
            page()
        elif step == "cut":
            cursor.link_lost()
            shown.extend(seqs(cursor.backlog(run((cursor.last or 0) + 1, head))))
    cursor.suspect_hole()
    page()
    assert shown == list(range(1, head + 1))
