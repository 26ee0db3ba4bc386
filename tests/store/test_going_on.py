"""Pages and searches that leave people out, and how one reads on from them: every back end."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support_store import Open, Talk, talking
from trio_chat.store import memory, paging
from trio_chat.store.api import Cursor, Hidden, Hits, Page, Write
from trio_chat.store.sqlite.search import searching

MALLORY = Hidden(accounts=frozenset({"m1"}), nicks=frozenset({"mallory"}))


async def pages(talk: Talk, limit: int, *, forwards: bool, **how: Any) -> list[Page]:
    """All pages of the lobby, each asked for where the former one ended."""
    found = []
    place: dict[str, Any] = {"after": 0} if forwards else {}
    while True:
        page = await talk.store.page("lobby", limit=limit, **place, **how)
        found.append(page)
        if page.go_on is None:
            return found
        place = {"after" if forwards else "before": page.go_on}


async def searches(talk: Talk, limit: int, rooms: list[str], **how: Any) -> list[Hits]:
    """All that is found, each search begun where the former one ended."""
    found: list[Hits] = []
    before: Cursor | None = None
    while not found or before is not None:
        hits = await talk.store.search(
            "word", rooms=dict.fromkeys(rooms, 0), limit=limit, before=before, **how
        )
        found.append(hits)
        before = hits.go_on
    return found


def texts(parts: list[Page] | list[Hits]) -> list[str]:
    return [entry.text for part in parts for entry in part]


# --- searching on


async def test_a_search_that_found_too_much_tells_where_to_go_on(open_store: Open) -> None:
    """S19: the newest 50, and a way on."""
    async with talking(open_store()) as talk:
        await talk.commit(*[Write(room="lobby", text=f"word {i}") for i in range(120)])
        found = await searches(talk, 50, ["lobby"])
        assert [len(hits) for hits in found] == [50, 50, 20]
        assert texts(found) == [f"word {i}" for i in reversed(range(120))]
        assert (await talk.store.search("word", rooms={"lobby": 0}, limit=120)).go_on is None
        assert (await talk.store.search("word 7", rooms={"lobby": 0}, limit=1)).go_on is None
        assert (await talk.store.search("other", rooms={"lobby": 0}, limit=1)).go_on is None


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_searching_on_gives_each_hit_once_where_times_are_equal(
    open_store: Open, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S19: stable under equal times, over several rooms."""
    rooms = ["a", "b", "c"]
    async with talking(open_store()) as talk:
        for number in range(40):
            at_ms = 2_000_000_000_000 + number // 9
            monkeypatch.setattr(time, "time_ns", lambda at_ms=at_ms: at_ms * 1_000_000)
            await talk.say(f"word {number}", room=rooms[number * 7 % 3])
        found = await searches(talk, limit, rooms)
        entries = [entry for hits in found for entry in hits]
        places = [(entry.at_ms, entry.room, entry.seq) for entry in entries]
        assert places == sorted(places, reverse=True)
        assert sorted(entry.text for entry in entries) == sorted(f"word {i}" for i in range(40))
        assert all(len(hits) == limit for hits in found[:-1])


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_searches_are_whole_where_a_wrong_clock_was_set_right(
    open_store: Open, limit: int, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S24, S19: two days ahead, set right, and once more; over several rooms."""
    rooms, day_ms, start_ms = ["a", "b", "c"], 86_400_000, 2_000_000_000_000
    times = [start_ms + base + i for base in (0, 2 * day_ms, 1000, day_ms, 9000) for i in range(8)]
    async with talking(open_store()) as talk:
        for number, at_ms in enumerate(times):
            monkeypatch.setattr(time, "time_ns", lambda at_ms=at_ms: at_ms * 1_000_000)
            await talk.say(f"word {number}", room=rooms[number % 5 % 3])
            if settled:
                await talk.settle()
        assert [write.at_ms for write in talk.writes] == times
        found = await searches(talk, limit, rooms)
        shown = [int(text.split()[1]) for text in texts(found)]
        assert sorted(shown) == list(range(len(times)))
        for room in range(3):
            # In a room the newest first, whatever their times say.
            seen = [number for number in shown if number % 5 % 3 == room]
            assert seen == sorted(seen, reverse=True)
        for bound in (start_ms + 4, start_ms + 1004, start_ms + day_ms + 4, start_ms + 3 * day_ms):
            ask = partial(talk.texts, "word", rooms=rooms, limit=100)
            before = await ask(before_ms=bound)
            after = await ask(after_ms=bound)
            assert len(before) == sum(at_ms < bound for at_ms in times)
            assert len(after) == sum(at_ms > bound for at_ms in times)


@pytest.mark.parametrize(
    "cursor", [(0, "", 0), (1 << 60, "lobby", 1 << 60), (-1, "lobby", -1), (1 << 60, "", 0)]
)
async def test_any_cursor_is_taken(open_store: Open, cursor: Cursor) -> None:
    async with talking(open_store()) as talk:
        await talk.say("word")
        hits = await talk.store.search("word", rooms={"lobby": 0}, limit=5, before=cursor)
        assert len(hits) == (cursor[0] > 0)


async def test_what_is_said_meanwhile_does_not_disturb_a_search_that_goes_on(
    open_store: Open,
) -> None:
    async with talking(open_store()) as talk:
        for number in range(6):
            await talk.say(f"word {number}")
        hits = await talk.store.search("word", rooms={"lobby": 0}, limit=3)
        await talk.say("word, newer")
        rest = await talk.store.search("word", rooms={"lobby": 0}, limit=9, before=hits.go_on)
        assert texts([hits, rest]) == [f"word {i}" for i in reversed(range(6))]


# --- limits count what the asker sees


async def two_people(talk: Talk, mallory_says: int) -> None:
    """Ada says two lines, Mallory many, then Ada another one."""
    await talk.commit(
        *[Write(room="lobby", sender="ada", text=f"word {i}") for i in range(2)],
        *[Write(room="lobby", sender="Mallory", text=f"word m{i}") for i in range(mallory_says)],
        Write(room="lobby", sender="ada", text="word 2"),
    )


@pytest.mark.parametrize("settled", [False, True])
async def test_limits_count_what_is_not_hidden(open_store: Open, settled: bool) -> None:
    """S17: `/history 5` after 60 lines of an ignored person shows five lines of the others."""
    async with talking(open_store()) as talk:
        await two_people(talk, 60)
        if settled:
            await talk.settle()
        page = await talk.store.page("lobby", limit=5, without=MALLORY)
        assert texts([page]) == ["word 0", "word 1", "word 2"]
        assert page.go_on is None
        page = await talk.store.page("lobby", limit=2, without=MALLORY)
        assert (texts([page]), page.go_on) == (["word 1", "word 2"], 2)
        page = await talk.store.page("lobby", after=0, limit=3, without=MALLORY)
        assert (texts([page]), page.go_on) == (["word 0", "word 1", "word 2"], None)
        page = await talk.store.page("lobby", after=1, before=60, limit=3, without=MALLORY)
        assert (texts([page]), page.go_on) == (["word 1"], None)
        hits = await talk.store.search("word", rooms={"lobby": 0}, limit=2, without=MALLORY)
        assert texts([hits]) == ["word 2", "word 1"]
        rest = await talk.store.search(
            "word", rooms={"lobby": 0}, limit=2, without=MALLORY, before=hits.go_on
        )
        assert (texts([rest]), rest.go_on) == (["word 0"], None)


@pytest.mark.parametrize("forwards", [True, False])
@pytest.mark.parametrize("settled", [False, True])
async def test_a_page_that_looked_at_enough_tells_where_to_go_on(
    open_store: Open, settled: bool, forwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S17: an empty page names the seq to go on with."""
    monkeypatch.setattr(paging, "SCAN_ENTRIES", 10)
    async with talking(open_store()) as talk:
        await two_people(talk, 55)
        if settled:
            await talk.settle()
        found = await pages(talk, 5, forwards=forwards, without=MALLORY)
        # 58 entries, ten at a time.
        assert len(found) == 6
        assert [] in found
        shown = [sorted(texts([page])) for page in found if page]
        assert shown == [["word 0", "word 1"], ["word 2"]][:: 1 if forwards else -1]


async def test_a_search_that_looked_at_enough_tells_where_to_go_on(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S17: the same for a search, over several rooms."""
    for module in (searching, memory):
        monkeypatch.setattr(module, "SCAN_ENTRIES", 10)
    async with talking(open_store()) as talk:
        for number in range(30):
            await talk.say(f"word m{number}", sender="mallory")
            await talk.say(f"word {number}", sender="ada", room="other")
        found = await searches(talk, 7, ["lobby", "other"], without=MALLORY)
        assert texts(found) == [f"word {i}" for i in reversed(range(30))]


async def test_who_has_an_account_is_hidden_by_it_and_a_guest_by_the_nick(
    open_store: Open,
) -> None:
    """S11: an innocent later holder of an ignored nick is not hidden, nor is a rename a way out."""
    said: list[tuple[str, str, bool]] = [
        ("mallory", "", False),
        ("MALLORY", "", False),
        ("mallory", "a7", True),
        ("innocent", "m1", False),
        ("m1", "", True),
        ("ada", "a1", True),
    ]
    async with talking(open_store()) as talk:
        for number, (sender, account, _) in enumerate(said):
            await talk.say(f"word {number}", sender=sender, account=account)
        expected = [f"word {number}" for number, (*_, seen) in enumerate(said) if seen]
        for _ in range(2):
            assert texts([await talk.store.page("lobby", limit=9, without=MALLORY)]) == expected
            await talk.settle()
        hits = await talk.store.search("", rooms={"lobby": 0}, limit=9, without=MALLORY)
        assert texts([hits]) == expected[::-1]


async def test_only_what_carries_words_is_hidden(open_store: Open) -> None:
    """S10: an edit by an ignored person is left out like the line; what happened is not."""
    async with talking(open_store()) as talk:
        await talk.say("one", sender="mallory")
        await talk.say("does", sender="mallory", kind="action")
        await talk.say("notes", sender="mallory", kind="notice")
        await talk.say("two", sender="mallory", kind="edited", target=1)
        await talk.say("", sender="mallory", kind="deleted", target=2)
        await talk.say("a topic", sender="mallory", kind="topic")
        await talk.say("", sender="mallory", kind="kicked", target="bob")
        for _ in range(2):
            page = await talk.store.page("lobby", limit=9, without=MALLORY)
            assert [entry.kind for entry in page] == ["deleted", "topic", "kicked"]
            await talk.settle()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    senders=st.lists(st.sampled_from(["ada", "mallory"]), max_size=30),
    settled=st.integers(0, 30),
    limit=st.integers(1, 6),
    scan=st.integers(1, 8),
    forwards=st.booleans(),
    hide=st.booleans(),
)
def test_pages_one_after_the_other_show_all_that_is_visible_once(
    open_store: Open,
    senders: list[str],
    settled: int,
    limit: int,
    scan: int,
    forwards: bool,
    hide: bool,
) -> None:
    """S17, for any log, limit and bound of work."""

    async def read() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(paging, "SCAN_ENTRIES", scan)
            async with talking(open_store()) as talk:
                # Of the example before, on the same disk.
                await talk.store.drop("lobby")
                for number, sender in enumerate(senders):
                    await talk.say(str(number), sender=sender)
                    if number == settled:
                        await talk.settle()
                without = MALLORY if hide else None
                found = await pages(talk, limit, forwards=forwards, without=without)
                whole = [str(i) for i, s in enumerate(senders) if not hide or s != "mallory"]
                in_order = found if forwards else found[::-1]
                assert texts(in_order) == whole
                assert all(len(page) <= limit for page in found)

    trio.run(read)
