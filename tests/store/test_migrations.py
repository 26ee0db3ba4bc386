"""From an older database to this one, without loss; see docs/storage.md, "Other versions"."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from support_store import check_database, database, followed, talk_in, until
from trio_chat.store.api import Entry, Record
from trio_chat.store.sqlite.migrations import migrate, steps
from trio_chat.store.sqlite.search import index

FAILING_STEP = "CREATE TABLE half(x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)"


def test_migrations_lead_from_nothing_to_the_newest(tmp_path: Path) -> None:
    with database(tmp_path) as db:
        migrate(db, steps())
        assert db.pragma("user_version") == len(steps())
        migrate(db, steps())


def test_migrations_add_to_an_older_database_and_keep_it(tmp_path: Path) -> None:
    with database(tmp_path) as db:
        migrate(db, steps())
        db.execute("INSERT INTO record VALUES ('a', 'b', x'63', 1)")
        migrate(
            db, [*steps(), "CREATE TABLE extra(x INTEGER) STRICT; INSERT INTO extra VALUES (1)"]
        )
        assert db.pragma("user_version") == len(steps()) + 1
        assert db.execute("SELECT x FROM extra").get == 1
        assert db.execute("SELECT key FROM record").get == "b"


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    with database(tmp_path) as db:
        migrate(db, steps())
        with pytest.raises(apsw.SQLError):
            migrate(db, [*steps(), FAILING_STEP])
        assert db.pragma("user_version") == len(steps())
        assert not db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").get


# --- from version 1

# Steps of which there are databases out there.
RELEASED = [
    "b0eaa8e73e9361e4dc8895a0b0a108217ba600dd9b933d6a36bacbf9677cb989",
    "ae59bb5d6b58a3a5d4a3b5e6fec8b38ca065a8e810e83990dfc2358234a51c36",
]
V1_SETTLE = (
    """
    INSERT INTO message SELECT id, at_ms, kind, sender, sender_key, account, text, target
    FROM recent WHERE id > 0 ORDER BY id
    """,
    "INSERT INTO message_fts(rowid, text) SELECT id, text FROM recent WHERE id > 0 ORDER BY id",
    "INSERT INTO id_seen SELECT scope, key, id, at_ms, answer FROM recent WHERE key <> ''",
    "DELETE FROM recent",
)


def test_a_released_step_is_never_changed() -> None:
    assert [sha256(sql.encode()).hexdigest() for sql in steps()[:2]] == RELEASED


def entry(room: str, seq: int) -> Entry:
    account = "a1" if seq % 3 == 0 else ""
    return Entry(room, seq, 1000 + seq, "message", "Bob", account, f"word {room}{seq}")


def write_v1(db: apsw.Connection, rooms: dict[int, str], start: int, count: int) -> None:
    """What version 1 wrote to `recent`, in two rooms by turns."""
    for seq in range(start, start + count):
        for room_id, name in rooms.items():
            new = entry(name, seq)
            values = (new.at_ms, new.kind, new.sender, new.account, new.text, name, str(seq))
            db.execute(
                "INSERT INTO recent VALUES (?, ?, ?, ?, 'bob', ?, ?, NULL, ?, ?, x'01')",
                (room_id << 40 | seq, *values),
            )
            db.execute(
                "INSERT INTO room VALUES (?, ?, ?, ?)"
                " ON CONFLICT(id) DO UPDATE SET last_seq = excluded.last_seq",
                (room_id, name, seq, new.at_ms),
            )


def make_v1(folder: Path) -> None:
    """A database as version 1 left it when it was killed: 300 entries settled, 5 not, a room."""
    with database(folder) as db:
        db.pragma("journal_mode", "WAL")
        migrate(db, steps()[:1])
        with db:
            rooms = {1: "lobby", 2: "other"}
            write_v1(db, rooms, 1, 300)
            for sql in V1_SETTLE:
                db.execute(sql)
            write_v1(db, rooms, 301, 5)
            db.execute(
                "INSERT INTO recent VALUES (0, 9, 'message', '', NULL, '', '', 1, 's', 'k', x'02')"
            )
            db.execute("INSERT INTO record VALUES ('room', 'lobby', x'00', 4)")


async def test_a_database_of_version_1_is_brought_up_to_date_without_loss(tmp_path: Path) -> None:
    make_v1(tmp_path)
    for _ in range(2):
        # The ids are as old as the entries.
        async with talk_in(tmp_path, remember_ids_seconds=1e12) as talk:
            assert await talk.store.heads() == {"lobby": 305, "other": 305}
            for room in ("lobby", "other"):
                expected = [entry(room, seq) for seq in range(1, 306)]
                assert await talk.store.page(room, after=0, limit=1000) == expected
                for seq in (1, 300, 301, 305):
                    assert await talk.texts(f"{room}{seq}", rooms=[room]) == [f"word {room}{seq}"]
            said = [entry(room, seq) for room in ("lobby", "other") for seq in range(3, 306, 3)]
            assert await talk.store.said_by("a1", limit=1000) == said
            for seq in (1, 300, 301, 305):
                again = await talk.say(scope="other", key=str(seq))
                assert (again.repeated, again.room, again.seq) == (True, "other", seq)
            assert await talk.store.recall("s", "k")
            assert await talk.store.get("room", "lobby") == Record(b"\0", 4)
    with database(tmp_path) as db:
        assert db.pragma("user_version") == len(steps())


async def test_what_version_1_wrote_can_be_amended_redacted_and_dropped(tmp_path: Path) -> None:
    make_v1(tmp_path)
    async with talk_in(tmp_path) as talk:
        for seq in (1, 304):
            assert (await talk.say("new", kind="edited", target=seq)).error is None
            assert await talk.texts(f"lobby{seq}") == []
        assert await talk.texts("new") == ["new", "new"]
        assert await talk.store.redact("a1") == 202
        assert await talk.texts("other300", rooms=["other"]) == []
        await talk.store.drop("other")
        assert (await talk.say(room="other")).seq == 1
    check_database(tmp_path)


# --- from version 2

V2_SETTLE = (
    """
    INSERT INTO message
    SELECT id, at_ms, kind, sender, sender_key, account, iif(kind = 'edited', '', text), target, ''
    FROM recent WHERE id > 0 ORDER BY id
    """,
    "INSERT INTO message_fts(rowid, text) SELECT id, text FROM recent WHERE id > 0 ORDER BY id",
    """
    INSERT INTO account_block(rowid, accounts)
    SELECT id >> 8, group_concat(DISTINCT hex(account)) FROM recent GROUP BY id >> 8 ORDER BY 1
    """,
    "DELETE FROM recent",
)
V2_TEXTS = [
    "我家在上海东边。",
    "plain words",
    "naïve café",
    "買了iPhone手機",
    "ที่กรุงเทพ",
    "서울에서",
]


def make_v2(folder: Path, count: int) -> None:
    """A database as version 2 left it when it was killed: all but the last one settled."""
    with database(folder) as db:
        db.pragma("journal_mode", "WAL")
        migrate(db, steps()[:2])
        with db:
            for seq in range(1, count + 1):
                if seq == count:
                    for sql in V2_SETTLE:
                        db.execute(sql)
                text = f"{V2_TEXTS[seq % len(V2_TEXTS)]} {seq}"
                db.execute(
                    "INSERT INTO recent"
                    " VALUES (?, ?, 'message', 'bob', NULL, 'a1', ?, NULL, '', '', x'')",
                    (1 << 40 | seq, 1000 + seq, text),
                )
            db.execute("INSERT INTO room VALUES (1, 'lobby', ?, ?)", (count, 1000 + count))


def uncut(folder: Path) -> int:
    """How many messages the index holds as version 2 cut them."""
    with database(folder) as db:
        left: int = db.execute("SELECT count(*) FROM uncut").get
        return left


def fewer_uncut(folder: Path, count: int) -> bool:
    return uncut(folder) < count


async def test_words_in_older_messages_are_found_after_the_migration(tmp_path: Path) -> None:
    """S18: an existing database is brought up to date in the background."""
    make_v2(tmp_path, 60)
    async with talk_in(tmp_path) as talk:
        # At once what was found before; and what is said now.
        assert len(await talk.texts("plain")) == len(await talk.texts("cafe")) == 10
        await talk.say("我家在上海东边。")
        assert (await talk.texts("上海"))[0] == "我家在上海东边。"
        await followed(talk.store, tmp_path)
        assert len(await talk.texts("上海")) == 11
        for query in ("iphone", "手機", "กรุงเทพ", "서울", "plain", "cafe"):
            assert len(await talk.texts(query)) == 10, query
    check_database(tmp_path)


async def test_a_migration_that_was_interrupted_goes_on_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S18: resumable; what is amended and redacted meanwhile is right too."""
    monkeypatch.setattr(index, "BITE_WORDS", 2)
    make_v2(tmp_path, 240)
    runs = 0
    left = 160
    while left:
        async with talk_in(tmp_path) as talk:
            await until(partial(fewer_uncut, tmp_path, max(left - 50, 1)), talk.store)
            await talk.say(f"新的{runs}", kind="edited", target=6 * runs + 6, account="a1")
            await talk.say("", kind="deleted", target=240 - 6 * runs, account="a1")
            assert f"新的{runs}" in await talk.texts("新的")
            left = uncut(tmp_path)
        check_database(tmp_path)
        runs += 1
    assert runs > 2
    async with talk_in(tmp_path) as talk:
        await followed(talk.store, tmp_path)
        assert len(await talk.texts("上海", limit=1000)) == 40 - 2 * runs
        assert await talk.store.redact("a1") > 200
        assert await talk.texts("上海") == await talk.texts("新的") == []
    check_database(tmp_path)


async def test_the_log_tells_how_far_the_migration_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S18: with progress for a large one."""
    make_v2(tmp_path, 60)
    with capture_logs() as logs:
        async with talk_in(tmp_path) as talk:
            await followed(talk.store, tmp_path)
    [told] = [log for log in logs if "cut into words" in log["event"]]
    assert 0 < told["left"] <= 40
