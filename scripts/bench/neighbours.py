"""The store alone: how long a line takes to be stored, and a search to be answered, while others
do what costs most.

The log has many lines of made-up words, of which some are frequent, as in a language. Knows no
sockets.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from statistics import median, quantiles

import trio

from report import table
from trio_chat.config import Config, StoreSection
from trio_chat.errors import ChatError
from trio_chat.store.api import Store, Write
from trio_chat.store.opening import open_store

HEADS = ("meanwhile", "lines", "p50 ms", "p99 ms", "searches", "p50 ms", "p99 ms", "refused", "did")
ROOM = "bench"
WORDS = 20_000
LONG_LINE_BYTES = 4096
EDITORS = 16
EDITS_PER_SECOND = 2.0
SEARCHERS = 2
LINES_PER_SECOND = 20.0
SEARCHES_PER_SECOND = 10.0
SUBMITTED_AT_ONCE = 2000


class Words:
    """Words of which the first are said most, and lines of them."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = [
            "".join(self._random.choices(letters, k=self._random.randint(2, 9)))
            for _ in range(WORDS)
        ]
        self._weights = list(accumulate(1 / (rank + 5) for rank in range(WORDS)))

    def line(self, words: int) -> str:
        return " ".join(self._random.choices(self.words, cum_weights=self._weights, k=words))

    def short_line(self) -> str:
        return self.line(self._random.randint(3, 18))

    def long_line(self) -> str:
        return self.line(LONG_LINE_BYTES // 4)[:LONG_LINE_BYTES]


@dataclass
class Figures:
    lines_seconds: list[float] = field(default_factory=list)
    searches_seconds: list[float] = field(default_factory=list)
    refused: int = 0
    did: int = 0

    def row(self, name: str) -> list[str]:
        lines, searches = self.lines_seconds, self.searches_seconds
        counts = (str(len(lines)), *_milliseconds(lines), str(len(searches)))
        return [name, *counts, *_milliseconds(searches), str(self.refused), str(self.did)]


def _milliseconds(seconds: Sequence[float]) -> tuple[str, str]:
    if len(seconds) < 2:
        return "-", "-"
    return f"{median(seconds) * 1e3:.1f}", f"{quantiles(seconds, n=100)[-1] * 1e3:.1f}"


class Bench:
    """A store, with who reads what it commits."""

    def __init__(self, store: Store, words: Words) -> None:
        self.store = store
        self.words = words
        self.figures = Figures()
        self.own_seqs: list[int] = []

    async def read(self) -> None:
        async for batch in self.store.committed:
            for write in batch:
                if write.error is not None:
                    sys.exit(f"neighbours: {write.error}")
                if isinstance(write.origin, trio.Event):
                    write.origin.set()

    async def say(self, text: str, **fields: object) -> Write:
        write = Write(room=ROOM, text=text, origin=trio.Event(), **fields)  # type: ignore[arg-type]
        await self.store.submit(write)
        await write.origin.wait()
        return write

    # --- whose time is taken

    async def talk(self) -> None:
        while True:
            began = time.perf_counter()
            await self.say(self.words.short_line())
            self.figures.lines_seconds.append(time.perf_counter() - began)
            await trio.sleep(1 / LINES_PER_SECOND)

    async def look_up(self) -> None:
        """Search for two words, as people do."""
        rare = self.words.words[200:2000]
        while True:
            began = time.perf_counter()
            try:
                await self.store.search(
                    f"{random.choice(rare)} {self.words.words[20]}", rooms={ROOM: 0}, limit=50
                )
                self.figures.searches_seconds.append(time.perf_counter() - began)
            except ChatError:
                self.figures.refused += 1
            await trio.sleep(1 / SEARCHES_PER_SECOND)

    # --- what others do meanwhile

    async def nothing(self) -> None:
        await trio.sleep_forever()

    async def edits(self) -> None:
        async def editor(seq: int) -> None:
            while True:
                await trio.sleep(random.uniform(0.6, 1.4) / EDITS_PER_SECOND)
                await self.say(self.words.long_line(), kind="edited", target=seq)
                self.figures.did += 1

        async with trio.open_nursery() as nursery:
            for seq in self.own_seqs:
                nursery.start_soon(editor, seq)

    async def searches(self, query: Callable[[], str]) -> None:
        """Search for what costs most, again and again."""

        async def searcher() -> None:
            while True:
                try:
                    await self.store.search(query(), rooms={ROOM: 0}, limit=50)
                except ChatError:
                    await trio.sleep(0.05)
                self.figures.did += 1

        async with trio.open_nursery() as nursery:
            for _ in range(SEARCHERS):
                nursery.start_soon(searcher)

    async def many_prefixes(self) -> None:
        letters = "etaoinshrdlucmfwypvbgk"
        await self.searches(lambda: " ".join("." * n + f"{c}*" for n in range(64) for c in letters))

    async def worst_allowed(self) -> None:
        pairs = ["st", "th", "in", "on", "er", "an", "re", "es"]
        await self.searches(lambda: " ".join(f"{pair}*" for pair in pairs))

    async def redaction(self) -> None:
        self.figures.did += await self.store.redact("a1")
        await trio.sleep_forever()


SCENARIOS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "nothing": Bench.nothing,
    "edits": Bench.edits,
    "many-prefixes": Bench.many_prefixes,
    "worst-allowed": Bench.worst_allowed,
    "redaction": Bench.redaction,
}


async def fill(folder: Path, words: Words, lines: int) -> None:
    """Make a log of *lines*, a tenth of them by the account a1; then a long line per editor."""
    async with trio.open_nursery() as nursery, open_store(_config(folder)) as store:
        bench = Bench(store, words)
        nursery.start_soon(bench.read)
        for start in range(0, lines, SUBMITTED_AT_ONCE):
            for number in range(start, min(start + SUBMITTED_AT_ONCE, lines)):
                account = "a1" if number % 10 == 0 else ""
                text = words.short_line()
                store.submit_nowait(Write(room=ROOM, sender="n", account=account, text=text))
            await bench.say("next")
        for _ in range(EDITORS):
            await bench.say(words.long_line(), sender="editor")


async def measure(folder: Path, words: Words, name: str, seconds: float) -> Figures:
    async with trio.open_nursery() as nursery, open_store(_config(folder)) as store:
        bench = Bench(store, words)
        head = store.head(ROOM)
        bench.own_seqs = list(range(head - EDITORS + 1, head + 1))
        nursery.start_soon(bench.read)
        nursery.start_soon(bench.talk)
        nursery.start_soon(bench.look_up)
        nursery.start_soon(SCENARIOS[name], bench)
        await trio.sleep(seconds)
        nursery.cancel_scope.cancel()
    return bench.figures


def _config(folder: Path) -> Config:
    # More wait than by default, to fill it quickly.
    return Config(store=StoreSection(data=str(folder), queue_writes=2 * SUBMITTED_AT_ONCE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=200_000, help="in the log")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="repeatable")
    parser.add_argument("--folder", type=Path, help="where the data goes: the disk to measure")
    arguments = parser.parse_args()
    words = Words(7)
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        filled = Path(folder) / "filled"
        print(f"writing {arguments.lines} lines", file=sys.stderr)
        trio.run(fill, filled, words, arguments.lines)
        for name in arguments.scenario or SCENARIOS:
            print(name, file=sys.stderr)
            used = Path(folder) / name
            shutil.copytree(filled, used)
            rows.append(trio.run(measure, used, words, name, arguments.seconds).row(name))
            shutil.rmtree(used)
    print(table(HEADS, rows))


if __name__ == "__main__":
    main()
