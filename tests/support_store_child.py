"""A process that writes to a store and is ended in the middle of it.

    python support_store_child.py FOLDER START kill
    python support_store_child.py FOLDER START power-cut FULL|NORMAL COMMITS

Prints a line `key seq` for every write that was acknowledged. With `power-cut` the disk forgets
what was not synced, and the process ends itself without a word after that many commits.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

from support_disk import ForgetfulDisk
from trio_chat.config import StoreSection
from trio_chat.store import Write, connections, sqlite

IN_FLIGHT = 40


async def write_on(folder: Path, start: int, how: str, synchronous: str, commits: int) -> None:
    vfs = None
    if how == "power-cut":
        disk = ForgetfulDisk("forgetful")
        vfs = disk.name
        # Often enough that the main file is written too.
        connections.CHECKPOINT_PAGES = 30
    sqlite.SETTLE_WRITES = 200
    section = StoreSection(synchronous="NORMAL" if synchronous == "NORMAL" else "FULL")
    async with sqlite.open_sqlite_store(folder, section, vfs=vfs) as store:
        number = start
        for _ in range(IN_FLIGHT):
            await store.submit(_write(number))
            number += 1
        async for batch in store.committed:
            for write in batch:
                assert write.error is None, write.error
                os.write(1, b"%s %d\n" % (write.key.encode(), write.seq))
                await store.submit(_write(number))
                number += 1
            commits -= 1
            if commits == 0:
                os._exit(9)


def _write(number: int) -> Write:
    return Write(room="lobby", text=f"text {number}", scope="s", key=str(number))


if __name__ == "__main__":
    folder, start, how, synchronous, commits = [*sys.argv[1:], "FULL", "0"][:5]
    trio.run(write_on, Path(folder), int(start), how, synchronous, int(commits))
