"""How long a person waits for the client: from the shell to the prompt, and to being in a room.

    python scripts/bench/startup.py

It starts a server, then the full-screen client in a pseudo-terminal several times, and prints the
medians. The first run warms the caches and is not counted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import pexpect

RUNS = 7
COMMAND = [sys.executable, "-m", "trio_chat"]


def main() -> None:
    serve = [*COMMAND, "serve", "--memory", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        runs = [start(address) for _ in range(RUNS + 1)][1:]
        server.terminate()
    for name, seconds in zip(("prompt", "in a room"), zip(*runs, strict=True), strict=True):
        worst = max(seconds) * 1000
        print(f"{name}: {statistics.median(seconds) * 1000:.0f} ms, at most {worst:.0f} ms")


def start(address: str) -> tuple[float, float]:
    """Return the seconds until the prompt is shown, and until the room is."""
    began = time.perf_counter()
    child = pexpect.spawn(COMMAND[0], [*COMMAND[1:], "connect", address, "--nick", "alice"])
    child.expect("❯".encode())
    prompt = time.perf_counter() - began
    child.expect(b"you joined")
    room = time.perf_counter() - began
    child.send("\x03")
    child.expect(pexpect.EOF)
    return prompt, room


if __name__ == "__main__":
    main()
