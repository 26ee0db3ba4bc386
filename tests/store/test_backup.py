"""A copy of the database while the server runs."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
import trio

from support_disk import faulty_disk
from support_store import Talk, talk_in
from trio_chat.errors import BadRequest, Unavailable
from trio_chat.store.api import AUDIT_ROOM, Write
from trio_chat.store.sqlite.store import DATABASE_NAME


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The place for a copy, in a data folder of its own."""
    folder = tmp_path / "copy"
    folder.mkdir()
    return folder / DATABASE_NAME


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def files_beside(copy: Path) -> dict[str, int]:
    """The size of each file."""
    return {file.name: file.stat().st_size for file in copy.parent.iterdir()}


async def fill(talk: Talk) -> None:
    """50 words, of which some have settled."""
    for number in range(50):
        await talk.say(f"word {number}", account="a1", scope="s", key=str(number))
        if number == 20:
            await talk.settle()


async def check(folder: Path) -> None:
    """A server that starts on the copy has what `fill` said."""
    async with talk_in(folder) as talk:
        assert len(await talk.store.page("lobby", after=0, limit=100)) == 50
        assert len(await talk.texts("word")) == 50
        assert len(await talk.store.said_by("a1", limit=100)) == 50
        assert (await talk.say(scope="s", key="49")).repeated
        assert (await talk.say("next")).seq == 51


async def test_a_backup_opens_as_a_data_folder(tmp_path: Path, copy: Path) -> None:
    async with talk_in(tmp_path / "data") as talk:
        await fill(talk)
        size = await talk.store.backup(copy)
        assert files_beside(copy) == {DATABASE_NAME: size}
        assert mode(copy) == 0o600
        assert (await talk.say()).seq == 51
    await check(copy.parent)


async def test_the_backup_of_a_running_server_is_whole(tmp_path: Path, copy: Path) -> None:
    """docs/storage.md: "from a shell"."""
    async with talk_in(tmp_path / "data") as talk:
        await fill(talk)
        source = tmp_path / "data" / DATABASE_NAME
        command = [sys.executable, "-m", "apsw", str(source), f"VACUUM INTO '{copy}'"]
        await trio.run_process(command)
        assert (await talk.say()).seq == 51
    await check(copy.parent)


async def test_a_backup_is_of_one_moment_while_others_talk(tmp_path: Path, copy: Path) -> None:
    async with talk_in(tmp_path / "data") as talk:
        await talk.commit(*[Write(room="much", text=f"{i} word " * 20) for i in range(3000)])
        await talk.say("word", audit="a word")
        finished = trio.Event()

        async def write_on() -> None:
            while not finished.is_set():
                await talk.say("word", audit="a word")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write_on)
            before = talk.store.head("lobby")
            await talk.store.backup(copy)
            after = talk.store.head("lobby")
            finished.set()
        assert after > before
    async with talk_in(copy.parent) as talk:
        heads = await talk.store.heads()
        assert before <= heads["lobby"] == heads[AUDIT_ROOM] <= after
        assert len(await talk.texts("word", limit=100_000)) == heads["lobby"]


async def test_a_backup_overwrites_nothing(tmp_path: Path, copy: Path) -> None:
    async with talk_in(tmp_path / "data") as talk:
        await fill(talk)
        size = await talk.store.backup(copy)
        await talk.say("more " * 2000)
        for taken in (copy, copy.parent, link_to_nowhere(tmp_path)):
            with pytest.raises(BadRequest) as info:
                await talk.store.backup(taken)
            assert f"{taken}: exists already" in info.value.message
        assert files_beside(copy) == {DATABASE_NAME: size}
    await check(copy.parent)


def link_to_nowhere(folder: Path) -> Path:
    link = folder / "link"
    link.symlink_to(folder / "nowhere")
    return link


async def test_a_backup_into_no_folder_is_refused(tmp_path: Path) -> None:
    async with talk_in(tmp_path / "data") as talk:
        with pytest.raises(BadRequest) as info:
            await talk.store.backup(tmp_path / "nowhere" / "copy.db")
        assert "No such file or directory" in info.value.message


async def test_a_backup_that_was_cancelled_leaves_nothing(tmp_path: Path, copy: Path) -> None:
    async with talk_in(tmp_path / "data") as talk:
        await fill(talk)
        with trio.CancelScope() as scope:
            scope.cancel()
            await talk.store.backup(copy)
        assert files_beside(copy) == {}
        await talk.store.backup(copy)
    await check(copy.parent)


async def test_a_backup_to_a_full_disk_is_unavailable_and_leaves_nothing(
    tmp_path: Path, copy: Path
) -> None:
    with faulty_disk() as disk:
        async with talk_in(tmp_path / "data", vfs=disk.name) as talk:
            await fill(talk)
            disk.fault = "full"
            with pytest.raises(Unavailable) as info:
                await talk.store.backup(copy)
            assert "full" in info.value.message
            assert files_beside(copy) == {}
            disk.fault = None
