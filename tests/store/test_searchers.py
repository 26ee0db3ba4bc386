"""Long searches do not hold up the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest
import trio

from support_store import TEST_SECONDS, talk_in
from trio_chat.config import StoreSection
from trio_chat.errors import Unavailable
from trio_chat.store.sqlite.connections import open_connection
from trio_chat.store.sqlite.search import searchers
from trio_chat.store.sqlite.search.searchers import Searchers
from trio_chat.store.sqlite.store import DATABASE_NAME

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


def search_for_ever(db: apsw.Connection) -> int:
    count: int = db.execute(ENDLESS).get
    return count


def search(db: apsw.Connection, wanted: int) -> int:
    return wanted


@asynccontextmanager
async def two_connections(folder: Path) -> AsyncIterator[Searchers]:
    async with talk_in(folder):
        path, section = folder / DATABASE_NAME, StoreSection()
        async with (
            open_connection(path, section, None, query_only=True) as first,
            open_connection(path, section, None, query_only=True) as second,
        ):
            with trio.fail_after(TEST_SECONDS):
                yield Searchers(first, second)


async def test_two_endless_searches_do_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B4: whoever searches for what is found at once waits for a turn of each, not for its end."""
    monkeypatch.setattr(searchers, "TURN_SECONDS", 0.02)
    async with two_connections(tmp_path) as asked, trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(asked.ask, search_for_ever)
        for number in range(20):
            assert await asked.ask(search, number) == number
        nursery.cancel_scope.cancel()


async def test_a_long_search_ends_when_the_long_ones_before_it_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searchers, "TURN_SECONDS", 0.02)
    async with two_connections(tmp_path) as asked:
        with trio.move_on_after(0.2):
            await asked.ask(search_for_ever)
        monkeypatch.setattr(searchers, "TURN_SECONDS", 0)
        assert await asked.ask(search, 7) == 7


async def test_more_long_searches_than_can_wait_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B4: a refusal at once instead of a wait until the deadline."""
    monkeypatch.setattr(searchers, "TURN_SECONDS", 0)
    monkeypatch.setattr(searchers, "LONG_WAITING", 3)
    refused: list[Unavailable] = []

    async with two_connections(tmp_path) as asked, trio.open_nursery() as nursery:

        async def search_or_be_refused() -> None:
            try:
                await asked.ask(search_for_ever)
            except Unavailable as exc:
                refused.append(exc)
                if len(refused) == 5:
                    nursery.cancel_scope.cancel()

        # One that searches, three that wait.
        for _ in range(9):
            nursery.start_soon(search_or_be_refused)
    assert [exc.message for exc in refused] == ["too many long searches at the moment"] * 5
    assert refused[0].retry_after
