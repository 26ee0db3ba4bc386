"""Measures the ping of a quiet guest while one address attacks, with and without each attack.

A real server runs on loopback, which counts as any other address (`limits.trust_loopback=false`).
The attacker has as many links as one address may have. A ping is a round trip of 20 bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import trio

from restarted import Restarted

ATTACK_LINKS = 15  # and the quiet guest: as many as one address may have
PING_SECONDS = 0.055  # less often than limits.unpaid_per_second
SETTINGS = ("limits.trust_loopback=false", "log.level=warning")
MOST_MS = 20.0  # that an attack may add to the 99th of 100 pings
GONE = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)

Attack: TypeAlias = "Callable[[int, int], Awaitable[None]]"


def line(**request: Any) -> bytes:
    return json.dumps(request).encode() + b"\n"


def said(text: str, room: str = "lobby") -> bytes:
    return line(type="input", room=room, text=text)


async def come(port: int, nick: str) -> trio.SocketStream:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(line(type="hello", protocol=1, nick=nick))
    return stream


async def discard(stream: trio.SocketStream) -> None:
    with suppress(*GONE):
        while await stream.receive_some(65_536):
            pass


async def send_for_ever(port: int, number: int, data: bytes) -> None:
    """Say hello once, then *data* without end."""
    with suppress(*GONE):
        stream = await come(port, f"attacker{number}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(discard, stream)
            while True:
                await stream.send_all(data)


async def reconnect(port: int, number: int, data: bytes) -> None:
    """Say hello, then *data*, go, and come again under another nick."""
    turn = 0
    while True:
        turn += 1
        with suppress(*GONE):
            async with await come(port, f"a{number}x{turn}") as stream:
                await stream.send_all(data)
                await stream.receive_some(65_536)


def sending(data: bytes) -> Attack:
    return lambda port, number: send_for_ever(port, number, data)


def reconnecting(data: bytes) -> Attack:
    return lambda port, number: reconnect(port, number, data)


ATTACKS: dict[str, Attack | None] = {
    "nothing": None,
    "B1 lines, each five as another guest": reconnecting(
        b"".join(said(f"line {n}") for n in range(5))
    ),
    "B1 registrations": reconnecting(said("/register correct-horse")),
    "B2 edits of 4 KiB": sending(said("x" * 4000) + said("/edit last " + "y" * 4000)),
    "B3 new rooms": sending(b"".join(said(f"/join room{n}") for n in range(500))),
    "B3 lists of rooms": sending(said("/rooms") * 100),
    "B4 searches for beginnings": sending(said("/search " + "..t* .,t* " * 1400)),
    "B5 pings": sending(b'{"type":"ping"}\n' * 1000),
    "B5 refused inputs": sending(said("hi", "nowhere") * 200),
    "B5 blank lines": sending(b"\n" * 16_384),
    "B6 pages of 1,000": sending(line(type="page", room="lobby", limit=1000) * 100),
}


class Pinger:
    """The quiet guest."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._number = 0

    async def ping(self) -> float:
        """Return how long it took, in milliseconds."""
        self._number += 1
        mark = f'"q{self._number}"'.encode()
        began, seen = trio.current_time(), b""
        await self._stream.send_all(b'{"type":"ping","id":' + mark + b"}\n")
        while mark not in seen:
            chunk = await self._stream.receive_some(65_536)
            if not chunk:
                raise EOFError("the quiet guest was sent away")
            seen = seen[-20:] + chunk
        return (trio.current_time() - began) * 1000

    async def pings(self, seconds: float) -> list[float]:
        took = []
        with trio.move_on_after(seconds):
            while True:
                took.append(await self.ping())
                await trio.sleep(PING_SECONDS)
        return sorted(took)


async def under(attack: Attack | None, port: int, seconds: float) -> list[float]:
    """Return how long the quiet guest's pings take, the shortest first."""
    pinger = Pinger(await come(port, "quiet"))
    async with trio.open_nursery() as nursery:
        for number in range(ATTACK_LINKS if attack else 0):
            assert attack is not None
            nursery.start_soon(attack, port, number)
        await trio.sleep(0.5)
        took = await pinger.pings(seconds)
        nursery.cancel_scope.cancel()
    return took


def measured(attack: Attack | None, seconds: float) -> list[float]:
    """Each attack has a server of its own, so that none profits from the one before."""
    with tempfile.TemporaryDirectory() as folder:
        server = Restarted(Path(folder), SETTINGS)
        server.start()
        try:
            return trio.run(under, attack, server.port, seconds)
        finally:
            server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each attack")
    parser.add_argument("--only", default="", help="a part of the names of those wanted")
    arguments = parser.parse_args()
    without, failed = 0.0, False
    print("| attack from one address | pings | p50 ms | p99 ms | more than without |")
    print("|---|---|---|---|---|")
    chosen = {name: one for name, one in ATTACKS.items() if one is None or arguments.only in name}
    for name, attack in chosen.items():
        took = measured(attack, arguments.seconds)
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        without = p99 if attack is None else without
        failed = failed or p99 - without > MOST_MS
        print(
            f"| {name} | {len(took)} | {p50:.1f} | {p99:.1f} | {p99 - without:+.1f} |", flush=True
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
