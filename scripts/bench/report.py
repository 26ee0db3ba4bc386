"""Results as Markdown tables, for the terminal and for docs/performance.md."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from results import Results
from scenarios import SCENARIOS, Group, Scenario, problem

BEGIN = "<!-- measured: scripts/bench/compare.py writes between here -->"
END = "<!-- and here -->"

_MEANINGS: dict[Group, str] = {
    "fan-out": "Deliveries per second (server CPU µs per delivery). w1, w64: messages in flight. "
    "`*`: the load generator was the limit.",
    "latency and the rest": "Latency p50 / p99 (cores the server used); memory per idle "
    "connection (cores all of them use); joins per second (server CPU per join).",
    "TLS": "The same over TLS 1.3, with a certificate of an EC key.",
}
_RATIO_NAMES = {
    "cpu_us_per_deliv": "CPU per delivery",
    "dps": "deliveries/s",
    "p50_us": "p50",
    "p99_us": "p99",
    "kib_per_conn": "memory",
    "setup_cpu_us": "CPU per join",
    "join_rate": "joins/s",
}


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns line up."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def _cell(results: Results, scenario: Scenario, peer: str) -> str:
    figures = results.middle(scenario.name, peer)
    if not figures:
        return "–"
    return problem(figures) or scenario.cell(figures)


def _measured(results: Results, group: Group) -> list[Scenario]:
    found = results.scenarios()
    return [s for s in SCENARIOS.values() if s.group == group and s.name in found]


def group_table(results: Results, group: Group) -> str:
    scenarios = _measured(results, group)
    heads = ["server", *(scenario.title for scenario in scenarios)]
    rows = [
        [peer, *(_cell(results, scenario, peer) for scenario in scenarios)]
        for peer in results.peers()
    ]
    return table(heads, rows)


def ratio_table(results: Results, ours: str) -> str:
    """Each cell: ours / theirs, the median of the quotients of every round."""
    peers = [peer for peer in results.peers() if peer != ours]
    rows = [
        [
            f"{scenario.title}, TLS" if scenario.tls else scenario.title,
            _RATIO_NAMES[figure],
            *(_ratio(results, scenario.name, figure, ours, peer) for peer in peers),
        ]
        for scenario in SCENARIOS.values()
        if scenario.name in results.scenarios()
        for figure in scenario.ratios
    ]
    return table(["scenario", "figure", *peers], rows)


def _ratio(results: Results, scenario: str, figure: str, ours: str, theirs: str) -> str:
    ratio = results.ratio(scenario, figure, ours, theirs)
    return "–" if ratio is None else f"{ratio:.2f}"


def full_report(results: Results, ours: str) -> str:
    parts = []
    for group, meaning in _MEANINGS.items():
        if _measured(results, group):
            parts += [meaning, group_table(results, group)]
    if ours in results.peers() and len(results.peers()) > 1 and len(parts) > 0:
        parts += [f"{ours} / the other, taken within each round:", ratio_table(results, ours)]
    return "\n\n".join([*parts, noise(results)])


def noise(results: Results) -> str:
    """How far the machine was ours alone: the first thing to look at when figures surprise."""
    others = [max(0.0, cores) for cores in results.every("other_cpu")]
    if not others:
        return ""
    return (
        f"Other programs used {median(others):.2f} cores during a run (median), "
        f"{max(others):.2f} at most; {os.cpu_count()} cores."
    )


def rewrite(document: Path, text: str) -> None:
    """Put *text* between the two markers of *document*; the markers stay.

    Raises:
        ValueError: it has no such markers.
        OSError: it cannot be read or written.
    """
    head, tail = around_markers(document)
    document.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def around_markers(document: Path) -> tuple[str, str]:
    """Return what stands before and after the markers; raises as `rewrite` does."""
    head, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document}: the lines {BEGIN!r} and {END!r} are missing")
    return head, tail
