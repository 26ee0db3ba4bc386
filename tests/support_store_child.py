"""A process that writes to a store and is ended in the middle of it.

    python support_store_child.py FOLDER START kill
    python support_store_child.py FOLDER START kill-amending
    python support_store_child.py FOLDER START power-cut FULL|NORMAL COMMITS

Prints a line `key seq` for every write that was acknowledged. With `kill-amending` it also edits
and deletes what it wrote, and tells the audit log. With `power-cut` the disk forgets
what was not synced, and the process ends itself without a word after that many commits.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from pathlib import Path

import trio

from support_disk import ForgetfulDisk
from trio_chat.config import StoreSection
from trio_chat.store.api import Write
from trio_chat.store.sqlite import connections, upkeep
from trio_chat.store.sqlite.store import open_sqlite_store

IN_FLIGHT = 40


async def write_on(folder: Path, start: int, how: str, synchronous: str, commits: int) -> None:
    vfs = None
    if how == "power-cut":
        disk = ForgetfulDisk("forgetful")
        vfs = disk.name
        # Often enough that the main file is written too.
        connections.CHECKPOINT_PAGES = 30
    upkeep.SETTLE_WRITES = 200
    section = StoreSection(synchronous="NORMAL" if synchronous == "NORMAL" else "FULL")
    talker = Amender() if how == "kill-amending" else Talker()
    async with open_sqlite_store(folder, section, vfs=vfs) as store:
        number = start
        for _ in range(IN_FLIGHT):
            await store.submit(talker.write(number))
            number += 1
        async for batch in store.committed:
            for write in batch:
                assert write.error is None, write.error
                os.write(1, b"%s %d\n" % (write.key.encode(), write.seq))
                talker.stored(write)
                await store.submit(talker.write(number))
                number += 1
            commits -= 1
            if commits == 0:
                os._exit(9)


class Talker:
    def write(self, number: int) -> Write:
        return Write(room="lobby", text=f"text {number}", scope="s", key=str(number))

    def stored(self, write: Write) -> None:
        pass


class Amender(Talker):
    """Edits each third message, and deletes every other one of those."""

    def __init__(self) -> None:
        self._seqs: deque[int] = deque()
        self._edited: deque[int] = deque()

    def write(self, number: int) -> Write:
        write = super().write(number)
        if number % 6 == 2 and self._seqs:
            write.kind, write.target = "edited", self._seqs.popleft()
            self._edited.append(write.target)
        elif number % 12 == 5 and self._edited:
            write.kind, write.target = "deleted", self._edited.popleft()
        if write.target is not None:
            write.audit = f"{write.kind} {write.target}"
        return write

    def stored(self, write: Write) -> None:
        if write.kind == "message" and len(self._seqs) < IN_FLIGHT:
            self._seqs.append(write.seq)


if __name__ == "__main__":
    folder, start, how, synchronous, commits = [*sys.argv[1:], "FULL", "0"][:5]
    trio.run(write_on, Path(folder), int(start), how, synchronous, int(commits))
