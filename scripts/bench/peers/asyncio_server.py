"""The usual tutorial, as a peer to compare with: asyncio streams, `write` to all, then `drain`.

Line protocol: `JOIN room nick` is answered `OK`; then every line goes to the others in the room.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import defaultdict

rooms: defaultdict[str, set[asyncio.StreamWriter]] = defaultdict(set)


async def broadcast(room: str, data: bytes, sender: asyncio.StreamWriter) -> None:
    others = [member for member in rooms[room] if member is not sender]
    for member in others:
        member.write(data)
    for member in others:
        with contextlib.suppress(ConnectionError):
            await member.drain()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    room = ""
    try:
        words = (await reader.readline()).decode().split()
        if len(words) != 3:
            return
        _, room, nick = words
        rooms[room].add(writer)
        writer.write(b"OK\n")
        while line := await reader.readline():
            await broadcast(room, f"{nick}: ".encode() + line, writer)
    except ConnectionError:
        pass
    finally:
        rooms[room].discard(writer)
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
