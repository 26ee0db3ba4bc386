"""A quick look at our own server: one sender, many members, durable and in memory.

For comparisons with other servers see compare.py.
"""

from __future__ import annotations

import argparse
import sys

from build import CannotBuild
from loadgen import Figures, RunFailed, loadgen, run_load
from peers import PEERS, Missing, running
from report import table
from scenarios import milliseconds, problem, short

HEADS = (
    "server",
    "members",
    "window",
    "deliveries/s",
    "µs/delivery",
    "messages/s",
    "µs/message",
    "p50 ms",
    "p99 ms",
    "server cores",
    "generator cores",
)


def row(name: str, members: int, window: int, figures: Figures) -> list[str]:
    start = [name, f"{members:,}", str(window)]
    if trouble := problem(figures):
        return [*start, trouble, *[""] * (len(HEADS) - 4)]
    return [
        *start,
        short(figures["dps"]),
        f"{figures['cpu_us_per_deliv']:.3f}",
        short(figures["mps"]),
        f"{figures['cpu_us_per_msg']:.0f}",
        milliseconds(figures["p50_us"]),
        milliseconds(figures["p99_us"]),
        f"{figures['srv_cpu']:.2f}",
        f"{figures['lg_cpu']:.2f}",
    ]


def measure(name: str, members: int, window: int, seconds: float) -> list[str]:
    """Return the row of one run against a fresh server."""
    arguments = ("--mode", "fanout", "--members", members + 1, "--window", window)
    with running(PEERS[name]) as server:
        figures = run_load(server, *arguments, "--seconds", seconds)
    if figures["said"]:
        print(f"{name}: {figures['said']}", file=sys.stderr)
    return row(name, members, window, figures)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=3.0, help="of each run")
    add("--members", type=int, action="append", help="listeners; repeatable; default 100, 1000")
    add("--window", type=int, action="append", help="in flight; repeatable; default 1, 64")
    add("--peer", action="append", choices=list(PEERS), metavar="NAME", help="repeatable")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    rows = []
    try:
        loadgen()
        for name in arguments.peer or ["trio-chat", "trio-chat-memory"]:
            for members in arguments.members or [100, 1000]:
                for window in arguments.window or [1, 64]:
                    print(f"{name}: 1 to {members}, window {window}", file=sys.stderr)
                    rows.append(measure(name, members, window, arguments.seconds))
    except (CannotBuild, Missing, RunFailed) as exc:
        sys.exit(f"fanout: {exc}")
    print(table(HEADS, rows))


if __name__ == "__main__":
    main()
