"""The store alone: appends per second, CPU and latency of one, by how many are under way.

Each append is what the server makes of one input with an id. Knows no sockets.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from statistics import median, quantiles

import trio

from report import table
from scenarios import short
from trio_chat.config import Config, StoreSection
from trio_chat.store.api import Store, Write
from trio_chat.store.opening import open_store

HEADS = ("store", "under way", "appends/s", "CPU µs/append", "p50 ms", "p99 ms", "a batch")
TEXT = "what somebody says in a room, some sixty characters of it ..."
SENDERS = 64


class Figures:
    """What came out of `committed` since the warm-up ended.

    The time ends with the last append, the CPU with the store: what it had put off (the words
    for the search) is part of what an append costs.
    """

    def __init__(self) -> None:
        self.began = self.ended = time.perf_counter()
        self.cpu_began = time.process_time()
        self.appends = 0
        self.batches = 0
        self.waits_seconds: list[float] = []

    def row(self, name: str, under_way: int) -> list[str]:
        seconds = self.ended - self.began
        cpu = time.process_time() - self.cpu_began
        return [
            name,
            str(under_way),
            short(self.appends / seconds),
            f"{cpu / self.appends * 1e6:.1f}",
            f"{median(self.waits_seconds) * 1e3:.2f}",
            f"{quantiles(self.waits_seconds, n=100)[-1] * 1e3:.2f}",
            f"{self.appends / self.batches:.1f}",
        ]


def write(number: int, accounts: bool) -> Write:
    sender = f"n{number % SENDERS:05d}"
    account = f"account-{sender}" if accounts else ""
    return Write(
        room="bench", sender=sender, account=account, text=TEXT, scope=sender, key=str(number)
    )


async def append(
    store: Store, under_way: int, accounts: bool, seconds: float, warmup: float
) -> Figures:
    """Keep *under_way* appends in the store; each that comes out lets the next one in."""
    submitted: deque[float] = deque()
    number = 0

    def submit(count: int) -> None:
        nonlocal number
        now = time.perf_counter()
        for _ in range(count):
            number += 1
            submitted.append(now)
            store.submit_nowait(write(number, accounts))

    submit(under_way)
    figures, warm = Figures(), False
    async for batch in store.committed:
        now = figures.ended = time.perf_counter()
        if any(done.error for done in batch):
            sys.exit(f"store: {batch[0].error}")
        # Commits come in the order of submitting.
        figures.waits_seconds += [now - submitted.popleft() for _ in batch]
        figures.appends += len(batch)
        figures.batches += 1
        if not warm and now - figures.began >= warmup:
            figures, warm = Figures(), True
        elif warm and now - figures.began >= seconds:
            return figures
        submit(len(batch))
    raise AssertionError("the store ended")


async def measure(
    section: StoreSection, under_way: int, accounts: bool, seconds: float, warmup: float
) -> Figures:
    async with open_store(Config(store=section)) as store:
        return await append(store, under_way, accounts, seconds, warmup)


def sections(folder: str) -> dict[str, StoreSection]:
    return {
        "FULL": StoreSection(data=folder, synchronous="FULL"),
        "NORMAL": StoreSection(data=folder, synchronous="NORMAL"),
        "memory": StoreSection(memory=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--warmup", type=float, default=0.5, help="seconds before them")
    parser.add_argument("--store", action="append", choices=list(sections("")))
    parser.add_argument("--under-way", type=int, action="append", help="repeatable; 1, 64, 512")
    parser.add_argument("--accounts", action="store_true", help="who talks has an account")
    parser.add_argument("--folder", type=Path, help="where the data goes: the disk to measure")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.store or sections(""):
        for under_way in arguments.under_way or [1, 64, 512]:
            print(f"{name}, {under_way} under way", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
                section = sections(folder)[name]
                seconds, warmup = arguments.seconds, arguments.warmup
                run = trio.run(measure, section, under_way, arguments.accounts, seconds, warmup)
            rows.append(run.row(name, under_way))
    print(table(HEADS, rows))


if __name__ == "__main__":
    main()
