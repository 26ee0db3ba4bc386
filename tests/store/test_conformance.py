"""What every store promises (trio_chat/store/__init__.py), tried on every back end."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support_store import Open, Talk, seqs, talking
from trio_chat.errors import BadRequest, Conflict, Unavailable
from trio_chat.store import batches
from trio_chat.store.api import AUDIT_ROOM, Put, Record, Write

# --- the order of things


async def test_twenty_talkers_get_dense_seqs_and_each_keeps_its_order(open_store: Open) -> None:
    async with talking(open_store()) as talk, trio.open_nursery() as nursery:

        async def talker(sender: str) -> None:
            for i in range(50):
                await talk.say(str(i), sender=sender)

        for number in range(20):
            nursery.start_soon(talker, f"nick{number}")
    entries = sorted(talk.writes, key=lambda write: write.seq)
    assert seqs(entries) == list(range(1, 1001))  # type: ignore[arg-type]
    for number in range(20):
        said = [write.text for write in entries if write.sender == f"nick{number}"]
        assert said == [str(i) for i in range(50)]


async def test_writes_come_out_once_each_in_the_order_they_were_submitted(
    open_store: Open,
) -> None:
    submitted = [Write(room=f"room{i % 3}", text=str(i)) for i in range(700)]
    async with talking(open_store()) as talk:
        await talk.commit(*submitted)
    assert [id(write) for write in talk.writes] == [id(write) for write in submitted]
    assert [write.seq for write in submitted] == [i // 3 + 1 for i in range(700)]


async def test_a_batch_holds_what_has_gathered_up_to_its_limit(open_store: Open) -> None:
    async with talking(open_store(batch_writes=10)) as talk:
        await talk.commit(*[Write(room="lobby") for _ in range(35)])
    sizes = [len(batch) for batch in talk.batches]
    assert max(sizes) == 10
    assert len(sizes) < 10


async def test_time_never_decreases_in_a_room(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(open_store()) as talk:
        now_ns = time.time_ns()
        first = await talk.say()
        monkeypatch.setattr(time, "time_ns", lambda: now_ns - 60 * 10**9)
        second = await talk.say()
    assert second.at_ms >= first.at_ms


async def test_a_time_in_the_future_is_not_given_to_what_follows(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S24: one message was stamped a day ahead; the clock was set right since."""
    now_ns = time.time_ns()
    async with talking(open_store()) as talk:
        monkeypatch.setattr(time, "time_ns", lambda: now_ns + 86_400 * 10**9)
        await talk.say()
        monkeypatch.setattr(time, "time_ns", lambda: now_ns)
        later = [await talk.say(), await talk.say()]
    assert [write.at_ms for write in later] == [now_ns // 10**6] * 2


async def test_rooms_are_numbered_apart_and_heads_tell_where_they_end(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(*[Write(room=room) for room in ("a", "b", "a", AUDIT_ROOM, "a")])
        assert await talk.store.heads() == {"a": 3, "b": 1, AUDIT_ROOM: 1}


# --- once and only once


async def test_a_repeated_key_is_answered_as_the_first_time(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("before")
        first = await talk.say("once", scope="s", key="k", answer=b"yes")
        await talk.settle()
        again = await talk.say("twice", room="elsewhere", scope="s", key="k", answer=b"no")
        assert (first.repeated, again.repeated) == (False, True)
        assert (again.room, again.seq, again.at_ms) == ("lobby", 2, first.at_ms)
        assert again.answer == b"yes"
        assert await talk.store.heads() == {"lobby": 2}


async def test_a_key_repeated_in_one_batch_happens_once(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        same = [Write(room="lobby", scope="s", key="k") for _ in range(10)]
        other = Write(room="lobby", scope="other", key="k")
        await talk.commit(*same, other)
        assert [write.repeated for write in same] == [False] + [True] * 9
        assert {write.seq for write in same} == {1}
        assert (other.repeated, other.seq) == (False, 2)


async def test_concurrent_repetitions_happen_once(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(lambda: talk.say(scope="s", key="k"))
        assert sum(not write.repeated for write in talk.writes) == 1
        assert await talk.store.heads() == {"lobby": 1}


async def test_without_a_key_nothing_is_a_repetition(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        writes = await talk.commit(Write(room="lobby", scope="s"), Write(room="lobby", scope="s"))
        assert [write.seq for write in writes] == [1, 2]


async def test_a_write_without_an_event_is_remembered_by_its_key(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(Write(scope="s", key="k", answer=b"renamed"))
        for _ in range(2):
            first = await talk.store.recall("s", "k")
            assert first is not None
            assert (first.room, first.seq, first.answer) == ("", 0, b"renamed")
            await talk.settle()
        assert await talk.store.heads() == {}


async def test_recall_knows_what_happened_and_nothing_else(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("older")
        write = await talk.say(scope="s", key="k", answer=b"yes")
        for _ in range(2):
            first = await talk.store.recall("s", "k")
            assert first is not None
            assert (first.room, first.seq, first.at_ms) == ("lobby", 2, write.at_ms)
            assert (first.answer, first.repeated) == (b"yes", True)
            assert await talk.store.recall("s", "other") is None
            assert await talk.store.recall("other", "k") is None
            await talk.settle()


async def test_a_submit_that_was_cancelled_may_be_tried_again(open_store: Open) -> None:
    async with talking(open_store(queue_writes=2)) as talk:
        for i in range(100):
            with trio.move_on_after(0.0002):
                await talk.store.submit(Write(room="lobby", text=str(i), scope="s", key=str(i)))
        await talk.commit(
            *[Write(room="lobby", text=str(i), scope="s", key=str(i)) for i in range(100)]
        )
        entries = await talk.store.page("lobby", limit=1000)
    assert sorted(int(entry.text) for entry in entries) == list(range(100))


async def test_forgotten_keys_may_be_used_again(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(*[Write(room="r", scope="s", key=str(i)) for i in range(1200)])
        last_ms = talk.writes[-1].at_ms
        assert await talk.store.forget_ids(talk.writes[0].at_ms) == 0
        assert await talk.store.forget_ids(last_ms + 1) == 1200
        assert await talk.store.recall("s", "7") is None
        again = await talk.say(scope="s", key="7")
        assert not again.repeated


async def test_the_keys_of_one_scope_can_be_forgotten(open_store: Open) -> None:
    """S26: what a person's commands were answered goes with the person."""
    async with talking(open_store()) as talk:
        for scope in ("a", "b"):
            await talk.commit(
                *[Write(scope=scope, key=str(i), answer=b"a topic") for i in range(700)]
            )
        assert await talk.store.forget_ids(0, scope="a") == 0
        assert await talk.store.forget_ids(1 << 50, scope="a") == 700
        assert await talk.store.recall("a", "7") is None
        assert await talk.store.recall("b", "7") is not None
        assert await talk.store.forget_ids(1 << 50, scope="nobody") == 0


# --- reading


@pytest.mark.parametrize("settled", [0, 7, 20])
async def test_page_gives_what_was_asked_for(open_store: Open, settled: int) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(*[Write(room="neighbour") for _ in range(3)])
        for number in range(1, 21):
            await talk.say(str(number))
            if number == settled:
                await talk.settle()
        numbers = range(1, 21)
        edges = [None, -3, 0, 1, 2, 6, 7, 8, 9, 19, 20, 21, 1 << 62]
        for before in edges:
            for after in edges:
                for limit in (0, 1, 5, 100):
                    fitting = [
                        seq
                        for seq in numbers
                        if (before is None or seq < before) and (after is None or seq > after)
                    ]
                    newest = fitting[max(len(fitting) - limit, 0) :]
                    expected = newest if after is None else fitting[:limit]
                    page = await talk.store.page("lobby", before=before, after=after, limit=limit)
                    assert seqs(page) == expected, (before, after, limit)
        assert await talk.store.page("nowhere", limit=5) == []


async def test_an_entry_is_read_as_it_was_written(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("töpic\n😀", kind="topic", sender="Älice", account="alice")
        await talk.say("", kind="kicked", sender="Älice", target="bob")
        for _ in range(2):
            topic, kicked = await talk.store.page("lobby", limit=3)
            assert (topic.text, topic.kind, topic.sender) == ("töpic\n😀", "topic", "Älice")
            assert (topic.account, topic.target, topic.amended) == ("alice", None, "")
            assert topic.at_ms == talk.writes[0].at_ms
            assert kicked.target == "bob"
            await talk.settle()


# --- records


async def test_records_change_only_from_the_version_expected(open_store: Open) -> None:
    async with talking(open_store()) as talk:

        async def put(value: bytes | None, expect: int | None) -> Any:
            [write] = await talk.commit(Write(puts=(Put("ban", "bob", value, expect),)))
            return write.error

        assert await talk.store.get("ban", "bob") is None
        assert await put(b"one", 0) is None
        assert await talk.store.get("ban", "bob") == Record(b"one", 1)
        assert isinstance(await put(b"two", 0), Conflict)
        assert isinstance(await put(b"two", 2), Conflict)
        assert await put(b"two", 1) is None
        assert await put(b"three", None) is None
        assert await talk.store.get("ban", "bob") == Record(b"three", 3)
        assert isinstance(await put(None, 1), Conflict)
        assert await put(None, 3) is None
        assert await talk.store.get("ban", "bob") is None


async def test_a_version_is_known_without_reading_it_back(open_store: Open) -> None:
    """A5: each put adds 1, from 0 for none; after a deletion it begins anew."""
    async with talking(open_store()) as talk:
        version = 0
        for value in (b"a", b"b", None, b"c", b"d", b"e", None, None, b"f"):
            version = 0 if value is None else version + 1
            [write] = await talk.commit(Write(puts=(Put("s", "k", value),)))
            assert write.error is None
            record = await talk.store.get("s", "k")
            assert (record.version if record else 0) == version


async def test_of_many_who_change_a_record_at_once_one_wins_each_time(open_store: Open) -> None:
    """A5: compare and set, in one batch as over many."""
    async with talking(open_store(batch_writes=7)) as talk:
        for version in range(5):
            writes = [
                Write(room="lobby", text=str(n), puts=(Put("s", "k", b"%d" % n, version),))
                for n in range(20)
            ]
            await talk.commit(*writes)
            assert [type(write.error) for write in writes] == [type(None)] + [Conflict] * 19
            assert await talk.store.get("s", "k") == Record(b"0", version + 1)
        assert [entry.text for entry in await talk.store.page("lobby", limit=9)] == ["0"] * 5


async def test_a_conflict_writes_nothing_and_harms_no_other(open_store: Open) -> None:
    """A5: no event, no edit, no audit line, no key, no other record."""
    async with talking(open_store()) as talk:
        await talk.say("one")
        lost = Write(
            room="lobby",
            kind="edited",
            text="two",
            target=1,
            scope="s",
            key="k",
            audit="it was changed",
            puts=(Put("s", "x", b"x", 0), Put("s", "y", b"y", 1), Put("s", "z", None)),
        )
        kept = [Write(room="lobby", text=text, puts=(Put("s", text, b"", 0),)) for text in "ab"]
        await talk.commit(kept[0], lost, kept[1])
        assert isinstance(lost.error, Conflict)
        assert (lost.seq, lost.at_ms) == (0, 0)
        assert [write.error for write in kept] == [None, None]
        page = await talk.store.page("lobby", limit=9)
        assert [(entry.text, entry.amended) for entry in page] == [
            ("one", ""),
            ("a", ""),
            ("b", ""),
        ]
        assert set(await talk.store.list("s")) == {"a", "b"}
        assert await talk.store.page(AUDIT_ROOM, limit=9) == []
        assert await talk.store.recall("s", "k") is None


async def test_list_gives_the_records_of_a_space_by_their_beginning(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        names = [("ban", "bob"), ("ban", "bill"), ("ban", "eve"), ("role", "bob"), ("ban", "b")]
        puts = tuple(Put(space, key, key.encode()) for space, key in names)
        await talk.commit(Write(puts=puts))
        assert await talk.store.list("ban", "b") == {
            "b": Record(b"b", 1),
            "bill": Record(b"bill", 1),
            "bob": Record(b"bob", 1),
        }
        assert set(await talk.store.list("ban")) == {"b", "bill", "bob", "eve"}
        assert await talk.store.list("nothing") == {}


async def test_an_event_and_its_records_happen_together_or_not_at_all(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        topic = Write(room="lobby", puts=(Put("topic", "lobby", b"new", 0),), scope="s", key="1")
        late = Write(
            room="lobby",
            scope="s",
            key="2",
            puts=(Put("seen", "late", b"x"), Put("topic", "lobby", b"late", 0)),
        )
        after = Write(room="lobby", text="after")
        await talk.commit(topic, late, after)
        assert (topic.error, after.error) == (None, None)
        assert isinstance(late.error, Conflict)
        assert [topic.seq, after.seq] == [1, 2]
        assert await talk.store.get("topic", "lobby") == Record(b"new", 1)
        assert await talk.store.get("seen", "late") is None
        assert await talk.store.recall("s", "2") is None


async def test_a_repetition_changes_no_record(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for value in (b"first", b"second"):
            await talk.commit(Write(puts=(Put("a", "b", value),), scope="s", key="k"))
        assert await talk.store.get("a", "b") == Record(b"first", 1)


# --- search


async def test_search_finds_words_whatever_their_case_and_accents(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for text in ("hello world", "Héllo WÖRLD", "other thing", "worldly goods"):
            await talk.say(text)
        assert await talk.texts("world") == ["Héllo WÖRLD", "hello world"]
        assert await talk.texts("wörld HELLO") == ["Héllo WÖRLD", "hello world"]
        assert await talk.texts("hello thing") == []


async def test_search_knows_phrases_and_beginnings(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for text in ("the quick brown fox", "brown and quick", "quicksand", "a quick-brown dog"):
            await talk.say(text)
        assert await talk.texts('"quick brown"') == ["a quick-brown dog", "the quick brown fox"]
        assert await talk.texts('"quick brown" fox') == ["the quick brown fox"]
        assert await talk.texts("quick-brown") == ["a quick-brown dog", "the quick brown fox"]
        assert await talk.texts("quicks*") == ["quicksand"]
        assert await talk.texts('"quick br"*') == ["a quick-brown dog", "the quick brown fox"]
        assert await talk.texts("quic") == []
        assert await talk.texts('"brown qu') == []


async def test_search_looks_only_where_it_may(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for room in ("lobby", "secret", "@alice"):
            await talk.say(f"word in {room}", room=room)
        found = await talk.texts("word", rooms=["lobby", "@alice", "nowhere"])
        assert found in (
            ["word in @alice", "word in lobby"],
            ["word in lobby", "word in @alice"],
        )
        assert await talk.texts("word", rooms=[]) == []


async def test_search_looks_only_above_the_seq_given(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for number in range(1, 5):
            await talk.say(f"word {number}")
            await talk.say(f"other word {number}", room="other")
        for query in ("word", ""):
            assert await talk.texts(query, rooms={"lobby": 2}) == ["word 4", "word 3"]
            assert await talk.texts(query, rooms={"lobby": 3, "other": 4}) == ["word 4"]
            for above, count in ((-(1 << 70), 4), (0, 4), (4, 0), (5, 0), (1 << 70, 0)):
                assert len(await talk.texts(query, rooms={"lobby": above})) == count
        at_ms = talk.writes[0].at_ms
        assert await talk.texts("word", rooms={"lobby": 3}, after_ms=at_ms - 1) == ["word 4"]


async def test_search_by_sender_compares_folded(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("word one", sender="Älice")
        await talk.say("word two", sender="alice")
        await talk.say("word three", sender="älice")
        assert await talk.texts("word", sender="ÄLICE") == ["word three", "word one"]
        assert await talk.texts("", sender="Alice") == ["word two"]


async def test_search_between_times_excludes_both(
    open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_ms = 2_000_000_000_000
    async with talking(open_store()) as talk:
        for number in range(10):
            at_ms = start_ms + number // 2 * 1000
            monkeypatch.setattr(time, "time_ns", lambda at_ms=at_ms: at_ms * 1_000_000)
            await talk.say(f"word {number}", room=f"room{number % 3}")
        rooms = ["room0", "room1", "room2"]

        async def numbers(**how: Any) -> list[int]:
            texts = await talk.texts("word", rooms=rooms, **how)
            return sorted(int(text.split()[1]) for text in texts)

        assert await numbers(before_ms=start_ms + 2000) == [0, 1, 2, 3]
        assert await numbers(after_ms=start_ms + 2000) == [6, 7, 8, 9]
        assert await numbers(after_ms=start_ms, before_ms=start_ms + 2000) == [2, 3]
        assert await numbers(before_ms=start_ms) == []
        assert await numbers(after_ms=1 << 60) == []
        assert await numbers(before_ms=start_ms + 4001, limit=2) == [8, 9]
        newest = await talk.texts("", rooms=rooms, limit=4)
        assert {text.split()[1] for text in newest} == {"6", "7", "8", "9"}


async def test_what_was_just_committed_is_found(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for number in range(20):
            await talk.say(f"word{number}")
            assert await talk.texts(f"word{number}") == [f"word{number}"]


async def test_a_query_without_a_word_asks_for_everything(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for text in ("one", "two"):
            await talk.say(text)
        for query in ("", "   ", "*", "--", '""', '"', "?! *"):
            assert await talk.texts(query) == ["two", "one"], query


@pytest.mark.parametrize(
    "query",
    [
        '"; DROP TABLE message; --',
        "text:word",
        "NEAR(word word)",
        "word AND",
        "OR NOT word",
        "^word",
        "(word",
        "{text} : word",
        "word + word",
        'wo"rd',
        "\0",
        "wo\0rd",
        "\ud800",
        "\ud800word",
        "'",
        "\\",
        "-word",
        "word" * 128,
        "word " * 100,
        " ".join(f"w{i}" for i in range(16)),
        '"' + "w " * 60,
    ],
)
async def test_no_query_is_a_syntax_error(open_store: Open, query: str) -> None:
    async with talking(open_store()) as talk:
        await talk.say("some word")
        assert set(await talk.texts(query)) <= {"some word"}
        assert await talk.texts("word") == ["some word"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(queries=st.lists(st.text(max_size=30), min_size=10, max_size=10))
def test_search_takes_any_text(open_store: Open, queries: list[str]) -> None:
    async def search() -> None:
        async with talking(open_store()) as talk:
            await talk.say("some word", room="any")
            for query in queries:
                with suppress(BadRequest):
                    assert set(await talk.texts(query, rooms=["any"])) <= {"some word"}
                await talk.texts("word", sender=query, rooms=[query, "any"])

    trio.run(search)


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("word" * 5000, "a search has at most 512 characters, this has 20000"),
        ("\u0344" * 600, "a search has at most 512 characters"),
        (" ".join(f"w{i}" for i in range(17)), "a search has at most 16 words, this has 17"),
        ('"' + "w " * 70, "a search has at most 64 words in its phrases"),
        ("上海" * 40, "a search has at most 64 words in its phrases"),
        ("a*", "a*: the beginning of a word needs 2 characters before the *"),
        ("word .,a*", ".,a*: the beginning of a word needs 2 characters"),
        ("é* é*", "é*: the beginning of a word needs 2 characters"),
        ('"quick b"*', "quick b*: the beginning of a word needs 2 characters"),
    ],
)
async def test_a_search_that_would_cost_too_much_is_refused_with_the_rule(
    open_store: Open, query: str, rule: str
) -> None:
    """B4: few terms, a prefix of two characters at least; each refusal names its rule."""
    async with talking(open_store()) as talk:
        await talk.say("word")
        with pytest.raises(BadRequest) as info:
            await talk.texts(query)
        assert rule in info.value.message


async def test_terms_that_are_one_for_the_index_count_once(open_store: Open) -> None:
    """B4: `..word* .,word* ...` is one term, whatever stands around it."""
    signs = ".,;:!?-+/()[]{}<>=&%$#@^"
    async with talking(open_store()) as talk:
        await talk.say("some word")
        assert await talk.texts(" ".join(f"{sign}word*" for sign in signs)) == ["some word"]
        assert await talk.texts(" ".join(f"{sign}Wörd" for sign in signs)) == ["some word"]


async def test_a_search_that_takes_too_long_is_unavailable(open_store: Open) -> None:
    async with talking(open_store(search_seconds=1e-9)) as talk:
        await talk.commit(*[Write(room="lobby", text="word") for _ in range(2000)])
        with pytest.raises(Unavailable) as info:
            await talk.texts("word", limit=5000)
        assert info.value.retry_after


# --- when there is too much, and at the end


async def test_a_full_queue_would_block(open_store: Open) -> None:
    async with talking(open_store(queue_writes=5)) as talk:
        for _ in range(5):
            talk.store.submit_nowait(Write(room="lobby"))
        with pytest.raises(trio.WouldBlock):
            talk.store.submit_nowait(Write(room="lobby"))
        await talk.say()
        assert await talk.store.heads() == {"lobby": 6}


async def test_a_reader_that_does_not_keep_up_holds_up_the_talkers(open_store: Open) -> None:
    accepted = 0
    async with open_store(queue_writes=5, batch_writes=2) as store:
        with trio.move_on_after(0.3):
            while True:
                await store.submit(Write(room="lobby"))
                accepted += 1
        assert accepted <= 5 + 2 * (batches.COMMITTED_BATCHES + 1)
        store.committed.close()


async def test_leaving_commits_what_was_submitted_and_then_ends_committed(
    open_store: Open,
) -> None:
    async with talking(open_store(batch_writes=7)) as talk:
        for number in range(100):
            talk.store.submit_nowait(Write(room="lobby", text=str(number)))
    assert [write.text for write in talk.writes] == [str(number) for number in range(100)]
    assert [write.seq for write in talk.writes] == list(range(1, 101))
    with pytest.raises(trio.ClosedResourceError):
        talk.store.submit_nowait(Write(room="lobby"))
    with pytest.raises(trio.ClosedResourceError):
        await talk.store.submit(Write(room="lobby"))


async def test_a_cancelled_server_still_commits_what_was_submitted(open_store: Open) -> None:
    with trio.CancelScope() as scope:
        async with talking(open_store()) as talk:
            writes = [Write(room="lobby") for _ in range(50)]
            for write in writes:
                talk.store.submit_nowait(write)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert [write.seq for write in writes] == list(range(1, 51))


@pytest.mark.parametrize("closed", [True, False])
async def test_leaving_does_not_wait_for_a_reader_that_has_gone(
    open_store: Open, closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "CLOSE_SECONDS", 0.1)
    writes = [Write(room="lobby") for _ in range(50)]
    with trio.fail_after(5):
        async with open_store(batch_writes=1) as store:
            if closed:
                store.committed.close()
            for write in writes:
                store.submit_nowait(write)
    assert [write.seq for write in writes] == list(range(1, 51))


async def test_a_talk_is_typed_as_the_protocol(open_store: Open) -> None:
    async with open_store() as store:
        assert isinstance(Talk(store).store.description, str)
