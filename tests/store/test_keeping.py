"""What is done with all that an account said, with a log, or with everything."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from support_store import Open, Talk, seqs, talking
from trio_chat.errors import Unavailable
from trio_chat.store.api import AUDIT_ROOM, Entry, Write


async def export(talk: Talk, account: str, limit: int = 1000) -> list[Entry]:
    """All that is said by *account*, as one reads it page by page."""
    entries: list[Entry] = []
    after = None
    while page := await talk.store.said_by(account, after=after, limit=limit):
        assert len(page) <= limit
        entries += page
        after = (page[-1].room, page[-1].seq)
    return entries


def places(entries: list[Entry]) -> list[tuple[str, int]]:
    return [(entry.room, entry.seq) for entry in entries]


# --- said_by


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
async def test_said_by_gives_all_that_one_account_said_page_by_page(
    open_store: Open, limit: int
) -> None:
    async with talking(open_store()) as talk:
        said = []
        for number in range(60):
            room = f"room{number % 3}"
            account = ("a1", "a2", "")[number % 4 % 3]
            write = await talk.say(str(number), room=room, account=account)
            if account == "a1":
                said.append((room, write.seq))
            if number == 40:
                await talk.settle()
        assert places(await export(talk, "a1", limit)) == sorted(said)
        assert await export(talk, "nobody", limit) == []


async def test_said_by_finds_what_was_said_among_much_else(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for seq in range(1, 3001):
            account = "a1" if seq in (1, 255, 256, 257, 1023, 1024, 2999) else "other"
            talk.store.submit_nowait(Write(room="lobby", account=account, text=str(seq)))
        await talk.say("3001", account="a1")
        seen = [1, 255, 256, 257, 1023, 1024, 2999, 3001]
        assert seqs(await export(talk, "a1")) == seen
        assert seqs(await export(talk, "a1", 3)) == seen
        for after in (-1, 0, 1, 255, 256, 257, 2999, 3001, 1 << 70):
            entries = await talk.store.said_by("a1", after=("lobby", after), limit=2)
            assert seqs(entries) == [seq for seq in seen if seq > after][:2]


async def test_said_by_gives_whole_entries_as_amended(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("one", account="a1", sender="Alice")
        await talk.say("topic", kind="topic", account="a1", sender="Alice")
        await talk.say("two", kind="edited", target=1, account="a1", sender="Alice")
        for _ in range(2):
            assert await export(talk, "a1") == await talk.store.page("lobby", limit=5)
            await talk.settle()


async def test_said_by_leaves_out_the_audit_log(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("kick", account="a1", audit="a1 kicked")
        await talk.say("by hand", room=AUDIT_ROOM, account="a1")
        await talk.say("last", room="$z", account="a1")
        assert places(await export(talk, "a1")) == [("$z", 1), ("lobby", 1)]


@pytest.mark.parametrize("account", ["A1", "a", "a1 a2", "-", '"', "ä", "0061", "\0", "*"])
async def test_accounts_are_not_mixed_up(open_store: Open, account: str) -> None:
    async with talking(open_store()) as talk:
        for other in ("a1", "a2", "é", "61", "'"):
            await talk.say("other", account=other)
        await talk.say("own", account=account)
        assert [entry.text for entry in await export(talk, account)] == ["own"]
        assert await talk.store.redact(account) == 1
        assert len(await talk.texts("other")) == 5


# --- redact


async def test_redacted_texts_are_nowhere_to_be_found(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for room in ("lobby", "other"):
            for kind in ("message", "action", "notice"):
                await talk.say(f"secret {kind}", room=room, kind=kind, account="a1")
            await talk.say("secret of others", room=room, account="a2")
            await talk.say("secret of guests", room=room)
        await talk.settle()
        await talk.say("secret, fresh", account="a1")
        assert await talk.store.redact("a1") == 7
        for _ in range(2):
            found = await talk.texts("secret", rooms=["lobby", "other"])
            assert sorted(found) == ["secret of guests"] * 2 + ["secret of others"] * 2
            page = await talk.store.page("lobby", after=0, limit=10)
            assert [(entry.text, entry.amended) for entry in page] == [
                ("", "deleted"),
                ("", "deleted"),
                ("", "deleted"),
                ("secret of others", ""),
                ("secret of guests", ""),
                ("", "deleted"),
            ]
            assert {entry.text for entry in await export(talk, "a1")} == {""}
        assert await talk.store.redact("a1") == 0
        assert await talk.store.redact("nobody") == 0


async def test_redacting_empties_all_that_carries_words(open_store: Open) -> None:
    """S26: topics and reasons too, whoever reads them; the audit log stays as it is."""
    async with talking(open_store()) as talk:
        await talk.say("one", account="a1")
        await talk.say("two", kind="edited", target=1, account="a1")
        await talk.say("three", kind="edited", target=1, account="a2", audit="a2 edits")
        await talk.say("a topic", kind="topic", account="a1")
        await talk.say("other", account="a2")
        await talk.say("four", kind="edited", target=5, account="a1")
        await talk.say("gone", account="a1")
        await talk.say("why", kind="deleted", target=7, account="a1", audit="deleted 7")
        await talk.say("rude", kind="kicked", target="bob", account="a1")
        await talk.say("others' topic", kind="topic", account="a2")
        assert await talk.store.redact("a1") == 1
        page = await talk.store.page("lobby", after=0, limit=20)
        assert [(entry.kind, entry.text, entry.amended) for entry in page] == [
            ("message", "", "deleted"),
            ("edited", "", "deleted"),
            ("edited", "", "deleted"),
            ("topic", "", "deleted"),
            ("message", "four", "edited"),
            ("edited", "", "deleted"),
            ("message", "", "deleted"),
            ("deleted", "", "deleted"),
            ("kicked", "", "deleted"),
            ("topic", "others' topic", ""),
        ]
        assert page[8].target == "bob"
        for word in ("topic", "why", "rude"):
            assert await talk.texts(word) == (["others' topic"] if word == "topic" else [])
        audit = await talk.store.page(AUDIT_ROOM, limit=10)
        assert [(entry.text, entry.amended) for entry in audit] == [
            ("a2 edits", ""),
            ("deleted 7", ""),
        ]
        refused = await talk.say("back", kind="edited", target=1, account="a1")
        assert refused.error is not None


async def test_what_is_far_apart_is_redacted_all_the_same(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("word", account="a1")
        await talk.commit(
            *[Write(room="lobby", kind="topic", text="t", account="a1") for _ in range(5000)]
        )
        await talk.say("word", account="a1")
        assert await talk.store.redact("a1") == 2
        assert await talk.texts("word") == []


async def test_many_entries_are_redacted_while_others_talk(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(
            *[
                Write(room=f"room{i % 3}", text=f"word {i}", account="a1" if i % 2 else "a2")
                for i in range(1200)
            ]
        )
        redacted = 0

        async def redact() -> None:
            nonlocal redacted
            redacted = await talk.store.redact("a1")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(redact)
            for number in range(50):
                assert (await talk.say(f"word {number}", room="room0")).seq == 401 + number
        assert redacted == 600
        rooms = {"room0": 400, "room1": 0, "room2": 0}
        assert len(await talk.texts("word", rooms=rooms, limit=2000)) == 50 + 400
        rooms["room0"] = 0
        assert len(await talk.texts("word", rooms=rooms, limit=2000)) == 50 + 600
        said = await export(talk, "a1")
        assert len(said) == 600
        assert {(entry.text, entry.amended) for entry in said} == {("", "deleted")}


async def test_a_redaction_that_was_cancelled_may_be_run_again(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(*[Write(room="r", text="word", account="a1") for _ in range(1500)])
        with trio.move_on_after(0.02):
            await talk.store.redact("a1")
        await talk.store.redact("a1")
        assert await talk.texts("word", rooms=["r"]) == []
        assert len(await export(talk, "a1")) == 1500


# --- drop


@pytest.mark.parametrize("settled", [False, True])
async def test_a_dropped_log_is_forgotten_and_begins_anew(open_store: Open, settled: bool) -> None:
    async with talking(open_store()) as talk:
        for number in range(1, 6):
            await talk.say(f"old word {number}", account="a1")
            await talk.say(f"other word {number}", room="other", account="a1")
        if settled:
            await talk.settle()
        await talk.store.drop("lobby")
        assert await talk.store.heads() == {"other": 5}
        assert talk.store.head("lobby") == 0
        assert await talk.store.page("lobby", after=0, limit=10) == []
        assert await talk.texts("word", limit=1) == []
        assert [entry.room for entry in await export(talk, "a1")] == ["other"] * 5
        refused = await talk.say("x", kind="edited", target=2)
        assert refused.error is not None
        assert (await talk.say("new word")).seq == 1
        for _ in range(2):
            page = await talk.store.page("lobby", after=0, limit=10)
            assert [(entry.seq, entry.text) for entry in page] == [(1, "new word")]
            assert await talk.texts("word") == ["new word"]
            assert await talk.texts("") == ["new word"]
            assert await talk.store.heads() == {"other": 5, "lobby": 1}
            await talk.settle()
        await talk.say("better", kind="edited", target=1)
        assert await talk.texts("better") == ["better"]


async def test_dropping_what_is_not_there_does_nothing(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say()
        for room in ("nowhere", ""):
            await talk.store.drop(room)
        assert await talk.store.heads() == {"lobby": 1}


async def test_what_happened_in_a_dropped_log_has_happened(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("before")
        first = await talk.say("once", scope="s", key="k", answer=b"yes")
        await talk.store.drop("lobby")
        for _ in range(2):
            recalled = await talk.store.recall("s", "k")
            again = await talk.say("twice", scope="s", key="k")
            assert recalled is not None
            for write in (recalled, again):
                assert (write.repeated, write.room, write.seq) == (True, "lobby", 2)
                assert (write.at_ms, write.answer) == (first.at_ms, b"yes")
            await talk.settle()
        assert await talk.store.heads() == {}


async def test_logs_are_dropped_while_others_write_to_them(open_store: Open) -> None:
    """Each write lands in the old log or in the new one, whole."""
    async with talking(open_store()) as talk:
        done = trio.Event()

        async def write_on() -> None:
            while not done.is_set():
                await talk.say("word")

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(write_on)
            for _ in range(10):
                await talk.say("word")
                await talk.store.drop("lobby")
            done.set()
        last_run: list[int] = []
        for write in talk.writes:
            assert write.error is None
            if write.seq == 1:
                last_run = []
            last_run.append(write.seq)
        assert last_run == list(range(1, len(last_run) + 1))
        dropped_last = talk.store.head("lobby") == 0
        page = await talk.store.page("lobby", after=0, limit=10_000)
        assert seqs(page) == ([] if dropped_last else last_run)
        assert len(await talk.texts("word", limit=10_000)) == len(page)


# --- backup


async def test_where_nothing_is_kept_nothing_can_be_copied(
    open_store: Open, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    async with talking(open_store()) as talk:
        await talk.say()
        if talk.store.description == "memory":
            with pytest.raises(Unavailable) as info:
                await talk.store.backup(copy)
            assert info.value.message == "nothing is kept on disk"
            assert not copy.exists()
        else:
            assert await talk.store.backup(copy) == copy.stat().st_size > 0
