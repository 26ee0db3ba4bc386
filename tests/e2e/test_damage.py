"""Servers that cannot start on their data: one line on stderr, and the exit code of a refusal."""

from __future__ import annotations

from pathlib import Path

import apsw

from support_processes import run_to_end, running_server, serve_command
from support_server import texts


async def refusal(folder: Path) -> str:
    """The one line with which a server in *folder* refuses to start."""
    done = await run_to_end(serve_command("--data", str(folder), "--listen", "127.0.0.1:0"))
    assert done.returncode == 2, done.stderr
    # Where the log is stderr too, it comes before.
    *log, line = done.stderr.decode().splitlines()
    assert not any("Traceback" in said for said in log)
    return line


def tear_pages_of(path: Path, table: str) -> None:
    """Overwrite every page of *table*, as a disk that lost a write."""
    db = apsw.Connection(str(path))
    pages = [
        number for (number,) in db.execute("SELECT pageno FROM dbstat WHERE name = ?", (table,))
    ]
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    db.close()
    content = bytearray(path.read_bytes())
    for number in pages:
        content[(number - 1) * 4096 : (number - 1) * 4096 + 2048] = b"\xff" * 2048
    path.write_bytes(content)


async def test_a_torn_page_is_one_line_and_a_refusal(tmp_path: Path) -> None:
    """D1: of the records, which are read when the server starts, and of what is read to open it."""
    for table in ("record", "room", "recent", "sqlite_schema"):
        folder = tmp_path / table
        async with running_server(folder) as server:
            alice = await server.native("alice")
            async with alice.stream:
                await alice.input("hello")
            assert await server.end() == 0
        tear_pages_of(folder / "trio-chat.db", table)
        line = await refusal(folder)
        assert str(folder / "trio-chat.db") in line
        assert "restore" in line or "move it away" in line


async def test_a_second_server_is_refused_when_the_lock_file_is_gone(tmp_path: Path) -> None:
    """D2."""
    folder = tmp_path / "data"
    async with running_server(folder) as server:
        (folder / "lock").unlink()
        assert "another server" in await refusal(folder)
        alice = await server.native("alice")
        async with alice.stream:
            assert texts(await alice.input("hello")) == ["hello"]
