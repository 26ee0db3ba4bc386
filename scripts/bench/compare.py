"""Compares servers: every scenario with every peer in turn, in several rounds.

Prints medians, and ratios taken within each round; keeps every run as a JSON line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from build import BUILD, CannotBuild
from loadgen import Figures, RunFailed, loadgen, run_load
from peers import PEERS, Missing, Peer, running
from plot import svg
from report import around_markers, full_report, rewrite
from results import Result, Results
from scenarios import (
    CURVE_MEMBERS,
    CURVE_WINDOWS,
    CURVES,
    SCENARIOS,
    Scenario,
    curve_name,
    problem,
)

DEFAULT_PEERS = [
    "trio-chat",
    "trio-chat-memory",
    "trio-chat-irc-memory",
    "inspircd",
    "ngircd",
    "threads",
    "asyncio",
    "climit",
    "climit-single",
]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run_once(peer: Peer, scenario: Scenario, seconds: float, warmup: float) -> Figures:
    """Run one scenario against a fresh server.

    Raises:
        Missing, RunFailed: there are no figures.
    """
    seconds = max(seconds, scenario.least_seconds)
    with running(peer, tls=scenario.tls) as server:
        figures = run_load(server, *scenario.arguments, "--seconds", seconds, "--warmup", warmup)
    if not figures["ready"]:
        raise Missing(figures["said"] or "nobody could join")
    say(f"  {peer.name}: {problem(figures) or scenario.cell(figures)}")
    if figures["said"]:
        say(f"    {figures['said'].splitlines()[0]}")
    return figures


def in_turn(peers: Sequence[Peer], round_number: int) -> list[Peer]:
    """Begin each round with another peer, so that none always runs after the same one."""
    first = round_number % len(peers)
    return [*peers[first:], *peers[:first]]


def run_rounds(
    peers: Sequence[Peer], scenarios: Sequence[Scenario], rounds: int, seconds: float, warmup: float
) -> Iterator[Result]:
    absent: set[str] = set()
    for number in range(rounds):
        for scenario in scenarios:
            say(f"round {number + 1} of {rounds}: {scenario.title}")
            for peer in in_turn(peers, number):
                if peer.name in absent or (scenario.tls and peer.tls_command is None):
                    continue
                try:
                    figures = run_once(peer, scenario, seconds, warmup)
                except Missing as exc:
                    say(f"  {peer.name}: left out: {exc}")
                    absent.add(peer.name)
                except RunFailed as exc:
                    say(f"  {peer.name}: no figures: {exc}")
                else:
                    yield Result(number, scenario.name, peer.name, figures)


def draw(results: Results) -> str:
    """Return the SVG of the curves.

    Raises:
        ValueError: there are no runs for them.
    """
    panels = {
        title: {
            peer: points
            for peer in sorted(results.peers(), key=list(PEERS).index)
            if (points := _curve(results, peer, window))
        }
        for window, title in CURVE_WINDOWS.items()
    }
    if not all(panels.values()):
        raise ValueError("nothing to draw: the curves were not measured")
    return svg(panels)


def _curve(results: Results, peer: str, window: int) -> list[tuple[float, float]]:
    found = [(n, results.middle(curve_name(n, window), peer)) for n in CURVE_MEMBERS]
    return [
        (n, figures["cpu_us_per_deliv"]) for n, figures in found if figures and not problem(figures)
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=4.0, help="of each run")
    add("--warmup", type=float, default=1.0, help="seconds before the measured ones")
    add(
        "--scenario",
        action="append",
        choices=list(SCENARIOS),
        metavar="NAME",
        help="repeatable; default: all of " + ", ".join(SCENARIOS),
    )
    add(
        "--peer",
        action="append",
        choices=list(PEERS),
        metavar="NAME",
        help="repeatable; default: " + ", ".join(DEFAULT_PEERS),
    )
    add(
        "--ours",
        default="trio-chat",
        choices=list(PEERS),
        metavar="NAME",
        help="numerator of the ratios",
    )
    add("--output", type=Path, default=BUILD / "compare.jsonl", help="every run, one JSON line")
    add("--read", type=Path, action="append", default=[], help="take in a former --output")
    add("--no-runs", action="store_true", help="only report what was read")
    add("--document", type=Path, help="rewrite the tables in docs/performance.md")
    add("--plot", type=Path, help="measure the curves too and write this SVG")
    return parser.parse_args()


def chosen_scenarios(arguments: argparse.Namespace) -> list[Scenario]:
    scenarios = [SCENARIOS[name] for name in arguments.scenario or SCENARIOS]
    return [*scenarios, *CURVES.values()] if arguments.plot else scenarios


def measure(arguments: argparse.Namespace, results: Results) -> None:
    peers = [PEERS[name] for name in arguments.peer or DEFAULT_PEERS]
    scenarios = chosen_scenarios(arguments)
    seconds, warmup = arguments.seconds, arguments.warmup
    for result in run_rounds(peers, scenarios, arguments.rounds, seconds, warmup):
        results.add(result)


def main() -> None:
    arguments = parse()
    try:
        loadgen()
        if arguments.document:
            around_markers(arguments.document)  # now, not after an hour
    except (CannotBuild, OSError, ValueError) as exc:
        sys.exit(f"compare: {exc}")
    results = Results(arguments.output)
    for file in arguments.read:
        results.load(file)
    if not arguments.no_runs:
        measure(arguments, results)
    print(text := full_report(results, arguments.ours))
    if arguments.document:
        rewrite(arguments.document, text)
    if arguments.plot:
        arguments.plot.write_text(draw(results), encoding="utf-8")


if __name__ == "__main__":
    main()
