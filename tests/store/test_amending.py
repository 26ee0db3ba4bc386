"""Editing, deleting and the audit log: what each back end makes of one write."""

from __future__ import annotations

from typing import Any

import pytest

from support_store import Open, Talk, seqs, talking
from trio_chat.errors import BadRequest, Conflict
from trio_chat.store.api import AUDIT_ROOM, Entry, EntryKind, Put, Record, Write


async def edit(talk: Talk, target: Any, text: str = "better", **fields: Any) -> Write:
    return await talk.say(text, kind="edited", target=target, **fields)


async def delete(talk: Talk, target: Any, reason: str = "", **fields: Any) -> Write:
    return await talk.say(reason, kind="deleted", target=target, **fields)


async def log(talk: Talk, room: str = "lobby") -> list[Entry]:
    return await talk.store.page(room, after=0, limit=1000)


async def shown(talk: Talk) -> list[tuple[str, str, str]]:
    """What the log of the lobby gives, as it is now."""
    return [(entry.kind, entry.text, entry.amended) for entry in await log(talk)]


# Whether what is amended has settled before.
both = pytest.mark.parametrize("settled", [False, True])


@both
@pytest.mark.parametrize("kind", ["message", "action", "notice"])
async def test_an_edited_entry_has_the_new_text_everywhere(
    open_store: Open, kind: EntryKind, settled: bool
) -> None:
    async with talking(open_store()) as talk:
        first = await talk.say("wrogn words", kind=kind, sender="alice", account="a1")
        if settled:
            await talk.settle()
        amending = await edit(talk, first.seq, "right words", sender="alice", account="a1")
        assert (amending.error, amending.seq) == (None, 2)
        for _ in range(2):
            entry, edited = await log(talk)
            assert (entry.text, entry.amended) == ("right words", "edited")
            assert (entry.kind, entry.sender, entry.at_ms) == (kind, "alice", first.at_ms)
            assert (edited.kind, edited.text, edited.target) == ("edited", "right words", 1)
            assert edited.amended == ""
            assert await talk.store.page("lobby", before=2, limit=1) == [entry]
            assert await talk.texts("wrogn") == []
            found = await talk.store.search("right words", rooms={"lobby": 0}, limit=5)
            assert found == [entry]


@both
async def test_a_deleted_entry_has_no_text_and_its_words_are_not_found(
    open_store: Open, settled: bool
) -> None:
    async with talking(open_store()) as talk:
        await talk.say("before")
        await talk.say("secret words")
        if settled:
            await talk.settle()
        amending = await delete(talk, 2, "not here")
        assert (amending.error, amending.seq) == (None, 3)
        for _ in range(2):
            assert await shown(talk) == [
                ("message", "before", ""),
                ("message", "", "deleted"),
                ("deleted", "not here", ""),
            ]
            assert await talk.texts("secret") == await talk.texts("words") == []
            assert await talk.texts("not here") == ["not here"]
            assert await talk.texts("") == ["not here", "", "before"]


async def test_texts_are_found_by_what_they_are_now(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("one")
        for number, text in enumerate(["two", "one two", "three", "one", "three"], 1):
            await edit(talk, 1, text)
            if number == 3:
                await talk.settle()
            for word in ("one", "two", "three"):
                assert await talk.texts(word) == ([text] if word in text else [])


async def test_earlier_edits_change_with_their_target(open_store: Open) -> None:
    """Else a page that ends between two edits would show what was taken back."""
    async with talking(open_store()) as talk:
        await talk.say("first")
        await talk.say("neighbour")
        await edit(talk, 2, "good neighbour")
        await talk.say("elsewhere", room="other")
        await edit(talk, 1, "elsewhere, better", room="other")
        await edit(talk, 1, "second")
        await talk.settle()
        await edit(talk, 1, "third")
        assert await shown(talk) == [
            ("message", "third", "edited"),
            ("message", "good neighbour", "edited"),
            ("edited", "good neighbour", ""),
            ("edited", "third", ""),
            ("edited", "third", ""),
        ]
        await delete(talk, 1)
        assert await shown(talk) == [
            ("message", "", "deleted"),
            ("message", "good neighbour", "edited"),
            ("edited", "good neighbour", ""),
            ("edited", "", "deleted"),
            ("edited", "", "deleted"),
            ("deleted", "", ""),
        ]
        assert [entry.text for entry in await log(talk, "other")] == ["elsewhere, better"] * 2
        assert await talk.texts("third") == await talk.texts("second") == []


async def test_what_happens_in_one_batch_happens_in_its_order(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(
            Write(room="lobby", text="zero"),
            Write(room="lobby", text="one"),
            Write(room="lobby", text="uno", kind="edited", target=2),
            Write(room="lobby", text="eins", kind="edited", target=2),
            Write(room="new", text="two", scope="s", key="two"),
            Write(room="new", kind="deleted", target=1),
            Write(room="new", text="again", scope="s", key="two"),
            Write(room="lobby", text="three"),
            Write(room="lobby", text="drei", kind="edited", target=5),
        )
        assert len(talk.batches) == 1
        assert talk.writes[6].repeated
        assert await shown(talk) == [
            ("message", "zero", ""),
            ("message", "eins", "edited"),
            ("edited", "eins", ""),
            ("edited", "eins", ""),
            ("message", "drei", "edited"),
            ("edited", "drei", ""),
        ]
        assert [(entry.kind, entry.amended) for entry in await log(talk, "new")] == [
            ("message", "deleted"),
            ("deleted", ""),
        ]
        assert await talk.texts("one") == await talk.texts("three") == []
        assert await talk.texts("eins") == ["eins"]


@pytest.mark.parametrize("kind", ["edited", "deleted"])
async def test_what_cannot_be_amended_is_refused_and_harms_no_other(
    open_store: Open, kind: EntryKind
) -> None:
    """No such entry; no message; deleted already; in another room, or in none."""
    targets = [0, -1, 6, 1 << 70, None, "bob", 1, 4, 3]
    async with talking(open_store()) as talk:
        await talk.say("topic", kind="topic")
        await talk.say("kept")
        await talk.say("gone")
        await delete(talk, 3)
        await talk.say("far", room="other")
        for _ in range(2):
            before = await log(talk)
            writes = [Write(room="lobby", kind=kind, text="x", target=t) for t in targets]
            writes += [
                Write(room="", kind=kind, text="x", target=2),
                Write(room="nowhere", kind=kind, text="x", target=1),
            ]
            refused = [
                Write(
                    **{name: getattr(write, name) for name in ("room", "kind", "text", "target")},
                    scope="s",
                    key=str(number),
                    puts=(Put("a", str(number), b"x"),),
                    audit="it was tried",
                )
                for number, write in enumerate(writes)
            ]
            await talk.commit(*refused, Write(room="other", text="unharmed"))
            for write in refused:
                assert isinstance(write.error, BadRequest)
                assert write.error.message == "there is no such message here any more"
                assert write.seq == 0
                assert await talk.store.recall("s", write.key) is None
            assert talk.writes[-1].error is None
            assert await log(talk) == before
            assert await talk.store.list("a") == {}
            assert {*await talk.store.heads()} == {"lobby", "other"}
            await talk.settle()


async def test_a_repeated_edit_happens_once(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("one")
        await edit(talk, 1, "two", scope="s", key="k", audit="edited")
        await edit(talk, 1, "three")
        again = await edit(talk, 1, "two", scope="s", key="k", audit="edited")
        assert (again.repeated, again.seq) == (True, 2)
        assert await shown(talk) == [
            ("message", "three", "edited"),
            ("edited", "three", ""),
            ("edited", "three", ""),
        ]
        assert len(await log(talk, AUDIT_ROOM)) == 1


async def test_an_edit_and_its_records_happen_together_or_not_at_all(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("one")
        write = await delete(talk, 1, puts=(Put("a", "b", b"x", 7),))
        assert isinstance(write.error, Conflict)
        assert await shown(talk) == [("message", "one", "")]
        await delete(talk, 1, puts=(Put("a", "b", b"x", 0),))
        assert await shown(talk) == [("message", "", "deleted"), ("deleted", "", "")]
        assert await talk.store.get("a", "b") == Record(b"x", 1)


async def test_amending_touches_no_other_room(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        for room in ("a", "lobby", "z"):
            await talk.say("word", room=room)
        await delete(talk, 1)
        assert await talk.texts("word", rooms=["a", "lobby", "z"]) == ["word", "word"]
        assert [entry.amended for entry in await log(talk, "a")] == [""]


# --- the audit log


async def test_the_audit_log_is_told_what_its_writes_say(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.say("of nothing")
        kick = await talk.say(
            "", kind="kicked", target="bob", sender="Älice", account="a1", audit="kicked bob"
        )
        [ban] = await talk.commit(
            Write(sender="op", puts=(Put("ban", "bob", b"x"),), audit="banned bob for a day")
        )
        assert (ban.error, ban.room, ban.seq) == (None, "", 0)
        assert ban.at_ms >= kick.at_ms
        for _ in range(2):
            first, second = await log(talk, AUDIT_ROOM)
            assert first == Entry(AUDIT_ROOM, 1, kick.at_ms, "notice", "Älice", "a1", "kicked bob")
            assert second == Entry(
                AUDIT_ROOM, 2, ban.at_ms, "notice", "op", "", "banned bob for a day"
            )
            assert await talk.texts("bob", rooms=[AUDIT_ROOM], sender="älice") == ["kicked bob"]
            assert await talk.texts("bob", rooms={AUDIT_ROOM: 1}) == ["banned bob for a day"]
        assert [len(batch) for batch in talk.batches] == [1, 1, 1]
        assert await talk.store.heads() == {"lobby": 2, AUDIT_ROOM: 2}


async def test_the_audit_log_is_dense_whoever_writes_to_it(open_store: Open) -> None:
    async with talking(open_store()) as talk:
        await talk.commit(
            Write(room="lobby", audit="1"),
            Write(room=AUDIT_ROOM, text="2"),
            Write(audit="3", scope="s", key="k"),
            Write(room=AUDIT_ROOM, text="4", audit="5"),
            Write(audit="never", scope="s", key="k"),
            Write(puts=(Put("a", "b", b"x", 3),), audit="never"),
            Write(audit="6"),
        )
        entries = await log(talk, AUDIT_ROOM)
        assert seqs(entries) == [1, 2, 3, 4, 5, 6]
        assert [entry.text for entry in entries] == ["1", "2", "3", "4", "5", "6"]
        assert [write.seq for write in talk.writes] == [1, 2, 0, 4, 0, 0, 0]
