"""An archive: every line of a room, in order and once, in a file with one JSON object a line.

python docs/examples/archive_bot.py 127.0.0.1:7373 lobby lobby.jsonl

The file is its own cursor: the program goes on behind the last line that is whole.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import trio

from trio_chat.client import Rewound, open_chat
from trio_chat.events import StoredEvent


def open_archive(file: Path) -> tuple[BinaryIO, int]:
    """Open *file* to append to it, without a last line that was cut by a crash. Return it, and the
    seq it reaches."""
    archive = file.open("a+b")
    archive.seek(0)
    size_bytes, last = 0, 0
    for line in archive:
        if not line.endswith(b"\n"):
            break
        size_bytes += len(line)
        row = json.loads(line)
        last = row["last"] if row["type"] == "rewound" else row["seq"]
    archive.truncate(size_bytes)
    return archive, last


async def archive(address: str, room: str, file: Path, **options: Any) -> None:
    """Write until cancelled."""
    lines, last = open_archive(file)
    session = file.with_suffix(".session")  # a nick of one that was killed is kept: go on with it
    bot = open_chat(address, nick="archive", session_file=session, wait_seconds=60, **options)
    with lines:
        async with bot as chat:
            await chat.join(room)
            async for event in chat.events(since={room: last}):
                if isinstance(event, StoredEvent) and event.room == room:
                    write(lines, msgspec.to_builtins(event))
                elif isinstance(event, Rewound) and event.room == room:
                    # What follows has seqs that are in the file already: say so there.
                    write(lines, {"type": "rewound", "last": event.last})


def write(lines: BinaryIO, row: dict[str, Any]) -> None:
    lines.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    lines.flush()


if __name__ == "__main__":
    trio.run(archive, sys.argv[1], sys.argv[2], Path(sys.argv[3]))
