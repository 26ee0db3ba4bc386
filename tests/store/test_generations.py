"""Whether what a reader saw goes on here, over restarts, copies and backups."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support_disk import faulty_disk
from support_store import Open, database, talk_in, talking
from trio_chat.store.sqlite import runs
from trio_chat.store.sqlite.store import DATABASE_NAME


async def test_every_run_has_a_name_of_its_own(open_store: Open) -> None:
    """L6: the run continues itself, and nothing that it never heard of."""
    names = set()
    for _ in range(3):
        async with talking(open_store()) as talk:
            names.add(talk.store.generation)
            assert talk.store.continues(talk.store.generation)
            for other in ("", "elsewhere", "0" * 16):
                assert not talk.store.continues(other)
    assert len(names) == 3


async def test_a_log_goes_on_over_restarts_and_not_in_memory(open_store: Open) -> None:
    """L6: `--memory` restarted has seqs from 1 again, and can be told as such."""
    async with talking(open_store()) as talk:
        await talk.say()
        seen = talk.store.generation
    async with talking(open_store()) as talk:
        assert talk.store.continues(seen) == bool(talk.store.head("lobby"))


async def run(folder: Path) -> str:
    """Let a server run on it and say something; return the generation."""
    async with talk_in(folder) as talk:
        await talk.say()
        return talk.store.generation


async def continued(folder: Path, *generations: str) -> list[bool]:
    async with talk_in(folder) as talk:
        return [talk.store.continues(generation) for generation in generations]


async def test_an_older_copy_of_the_folder_does_not_continue_what_came_after_it(
    tmp_path: Path,
) -> None:
    """L6: rewound, whatever is put back, the whole folder or the file."""
    folder, copy = tmp_path / "data", tmp_path / "copy"
    first = await run(folder)
    shutil.copytree(folder, copy)
    second = await run(folder)
    assert await continued(folder, first, second) == [True, True]
    assert await continued(copy, first, second) == [True, False]


async def test_a_backup_does_not_continue_the_run_in_which_it_was_made(tmp_path: Path) -> None:
    """L6: what was said in that run after the backup is not in it."""
    copy = tmp_path / "copy"
    copy.mkdir()
    first = await run(tmp_path / "data")
    async with talk_in(tmp_path / "data") as talk:
        await talk.store.backup(copy / DATABASE_NAME)
        await talk.say()
        second = talk.store.generation
    assert await continued(copy, first, second) == [True, False]
    assert await continued(tmp_path / "data", first, second) == [True, True]


async def test_a_run_that_could_not_be_stored_is_not_continued(tmp_path: Path) -> None:
    first = await run(tmp_path)
    with faulty_disk() as disk:
        disk.fault = "full"
        async with talk_in(tmp_path, vfs=disk.name) as talk:
            second = talk.store.generation
            assert talk.store.continues(first)
            assert talk.store.continues(second)
        disk.fault = None
    assert await continued(tmp_path, first, second) == [True, False]


async def test_of_very_many_runs_the_oldest_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "KEPT_RUNS", 2)
    generations = [await run(tmp_path) for _ in range(4)]
    assert await continued(tmp_path, *generations) == [False, False, True, True]
    with database(tmp_path) as db:
        assert db.execute("SELECT count(*) FROM run").get == 2
