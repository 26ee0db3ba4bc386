"""The classic exercise, as a peer to compare with: a thread per connection, a loop of `sendall`.

Line protocol: `JOIN room nick` is answered `OK`; then every line goes to the others in the room.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from collections import defaultdict

rooms: defaultdict[str, list[socket.socket]] = defaultdict(list)
lock = threading.Lock()


def broadcast(room: str, data: bytes, sender: socket.socket) -> None:
    with lock:
        members = list(rooms[room])
    for member in members:
        if member is not sender:
            with contextlib.suppress(OSError):
                member.sendall(data)


def serve(connection: socket.socket) -> None:
    with connection, connection.makefile("rb") as lines:
        words = lines.readline().decode().split()
        if len(words) != 3:
            return
        _, room, nick = words
        connection.sendall(b"OK\n")
        with lock:
            rooms[room].append(connection)
        try:
            for line in lines:
                broadcast(room, f"{nick}: ".encode() + line, connection)
        except OSError:
            pass
        finally:
            with lock:
                rooms[room].remove(connection)


def main(port: int) -> None:
    with socket.create_server(("127.0.0.1", port), backlog=4096) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
