"""Fails when our server has become much slower: for CI, with wide margins and no absolute times.

First what needs no clock (calls.py): Python calls, sends and woken tasks for a message. Then real
servers under load, in turn and several rounds: our CPU per delivery divided by that of the
classic server with threads, next to it in the same round. Exit code 1: a limit is exceeded, or
it could not be measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from build import CannotBuild
from calls import TALKS, Counts, count
from loadgen import Figures, RunFailed, loadgen, run_load
from peers import PEERS, Missing, running
from report import table
from scenarios import problem

YARDSTICK = "threads"
OURS = ("trio-chat", "trio-chat-memory")
LISTENERS = 100
ROUNDS = 3
MOST_SECONDS = 40.0  # no round begins after that
SECONDS = ("--warmup", 0.2, "--seconds", 0.8)


@dataclass(frozen=True, slots=True)
class Limit:
    """*what* may be at most, or *least* it must be at least, *bound*."""

    what: str
    measured: float
    bound: float
    least: bool = False

    @property
    def kept(self) -> bool:
        return self.measured >= self.bound if self.least else self.measured <= self.bound

    def row(self) -> list[str]:
        sign = "≥" if self.least else "≤"
        verdict = "ok" if self.kept else "EXCEEDED"
        return [self.what, f"{self.measured:.4g}", f"{sign} {self.bound:g}", verdict]


# --- without a clock


@dataclass(frozen=True, slots=True)
class Budget:
    """What a message may take. The same on each machine, so some 30 % above what it does take:
    room for another Python, none for one more call per delivery or one more send per message."""

    calls_per_message: float
    sends_per_delivery: float
    steps_per_message: float


BUDGETS = {
    "quiet": Budget(960, 1.01, 5.2),
    "busy": Budget(84, 0.02, 0.09),
    "all-talk": Budget(127, 0.06, 0.2),
    "quiet-tls": Budget(1030, 1.01, 6.5),
    "busy-tls": Budget(95, 0.02, 0.11),
}


def within_budget(counts: Counts, budget: Budget) -> list[Limit]:
    name = counts.talk.name
    return [
        Limit(f"{name}: calls/message", counts.calls_per_message, budget.calls_per_message),
        Limit(f"{name}: sends/delivery", counts.sends_per_delivery, budget.sends_per_delivery),
        Limit(f"{name}: tasks woken/message", counts.steps_per_message, budget.steps_per_message),
    ]


# --- under load


@dataclass(frozen=True, slots=True)
class Load:
    """*window* messages in flight to LISTENERS.

    *at_most* is our CPU per delivery in those of the yardstick, for each of OURS: at least twice
    what a busy machine of two cores showed, more where a disk has its say. *lines_per_read* is
    how much must come joined, if anything.
    """

    name: str
    window: int
    at_most: tuple[float, float]
    lines_per_read: float = 0.0


LOADS = (
    Load("one in flight", 1, at_most=(6.0, 3.0)),
    # On a quiet machine some 45 and 54 lines come in a read.
    Load("64 in flight", 64, at_most=(0.6, 0.4), lines_per_read=5.0),
)


@dataclass(frozen=True, slots=True)
class Round:
    """One load on each server, one right after the other."""

    ratios: tuple[float, ...]
    lines_per_read: tuple[float, ...]


def run_once(name: str, load: Load) -> Figures:
    """Raises Missing, RunFailed: there are no figures."""
    arguments = ("--mode", "fanout", "--members", LISTENERS + 1, "--window", load.window)
    with running(PEERS[name]) as server:
        figures = run_load(server, *arguments, *SECONDS)
    if trouble := problem(figures):
        raise RunFailed(f"{name}, {load.name}: {trouble}: {figures['said']}")
    return figures


def run_round(load: Load, number: int) -> Round:
    """Run every server once, beginning with another one each time."""
    names = (YARDSTICK, *OURS)
    first = number % len(names)
    figures = {name: run_once(name, load) for name in (*names[first:], *names[:first])}
    theirs = figures[YARDSTICK]["cpu_us_per_deliv"]
    if not theirs:
        raise RunFailed(f"{load.name}: {YARDSTICK} used no CPU that could be measured")
    return Round(
        ratios=tuple(figures[name]["cpu_us_per_deliv"] / theirs for name in OURS),
        lines_per_read=tuple(figures[name]["lines_per_recv"] for name in OURS),
    )


def run_rounds(rounds: int) -> dict[Load, list[Round]]:
    """Raises CannotBuild, Missing, RunFailed: it cannot be measured here."""
    loadgen()
    began = time.monotonic()
    found: dict[Load, list[Round]] = {load: [] for load in LOADS}
    for number in range(rounds):
        if time.monotonic() - began > MOST_SECONDS:
            print(f"{number} of {rounds} rounds: the machine is slow")
            break
        for load in LOADS:
            one = run_round(load, number)
            found[load].append(one)
            said = ", ".join(f"{n} {r:.2f}" for n, r in zip(OURS, one.ratios, strict=True))
            print(f"round {number + 1}, {load.name}: CPU/delivery, {YARDSTICK} = 1: {said}")
            sys.stdout.flush()
    return found


def within_limits(load: Load, rounds: Sequence[Round]) -> list[Limit]:
    limits = []
    for index, name in enumerate(OURS):
        ratio = median(one.ratios[index] for one in rounds)
        lines = median(one.lines_per_read[index] for one in rounds)
        what = f"{load.name}: {name}"
        limits.append(Limit(f"{what}: CPU/delivery, {YARDSTICK} = 1", ratio, load.at_most[index]))
        if load.lines_per_read:
            limits.append(Limit(f"{what}: lines/read", lines, load.lines_per_read, least=True))
    return limits


# --- both


def verdict(limits: Sequence[Limit]) -> bool:
    heads = ("figure", "measured", "limit", "")
    print(table(heads, [limit.row() for limit in limits]), flush=True)
    return all(limit.kept for limit in limits)


def counted() -> bool:
    return verdict(
        [limit for name in BUDGETS for limit in within_budget(count(TALKS[name]), BUDGETS[name])]
    )


def measured(rounds: int) -> bool:
    """Whether the limits under load are kept; True without CI where it cannot be built."""
    try:
        found = run_rounds(rounds)
    except CannotBuild as exc:
        must = bool(os.environ.get("CI"))
        print(f"guard: NOT measured under load{' although CI is set' if must else ''}: {exc}")
        return not must
    except (Missing, RunFailed) as exc:
        print(f"guard: cannot be measured: {exc}")
        return False
    return verdict([limit for load in LOADS for limit in within_limits(load, found[load])])


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=positive, default=ROUNDS, help="default: %(default)s")
    parser.add_argument("--only", choices=("calls", "load"), help="only a part")
    arguments = parser.parse_args()
    fine = arguments.only == "load" or counted()
    if arguments.only != "calls":
        fine = measured(arguments.rounds) and fine
    if not fine:
        print("guard: FAILED; scripts/bench/README.md says what the figures mean")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
