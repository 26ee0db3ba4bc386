"""What the runs gave: medians, and ratios taken within a round. Knows neither servers nor load.

A machine is never the same for two minutes; two runs of one round stand next to each other, so
their ratio says more than either figure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from loadgen import Figures
from scenarios import problem


@dataclass(frozen=True, slots=True)
class Result:
    round: int
    scenario: str
    peer: str
    figures: Figures


class Results:
    """All results so far; with a file each is appended to it as a JSON line at once."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._all: list[Result] = []

    def add(self, result: Result) -> None:
        self._all.append(result)
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(result)) + "\n")

    def load(self, file: Path) -> None:
        """Take in what a former run wrote."""
        for line in file.read_text(encoding="utf-8").splitlines():
            self._all.append(Result(**json.loads(line)))

    def peers(self) -> list[str]:
        return list(dict.fromkeys(result.peer for result in self._all))

    def scenarios(self) -> list[str]:
        return list(dict.fromkeys(result.scenario for result in self._all))

    def of(self, scenario: str, peer: str) -> list[Figures]:
        return [r.figures for r in self._all if r.scenario == scenario and r.peer == peer]

    def every(self, figure: str) -> list[float]:
        return [r.figures[figure] for r in self._all if figure in r.figures]

    def middle(self, scenario: str, peer: str) -> Figures:
        """Return the median of every figure over the rounds; empty when there are none.

        When a run of any round did not go through, that run: it must not disappear in a median.
        """
        runs = self.of(scenario, peer)
        for run in runs:
            if problem(run):
                return run
        return {key: _middle(run[key] for run in runs) for key in runs[0]} if runs else {}

    def ratio(self, scenario: str, figure: str, ours: str, theirs: str) -> float | None:
        """Return the median over the rounds of ours / theirs, or None where there is none."""
        our_rounds = self._rounds(scenario, figure, ours)
        their_rounds = self._rounds(scenario, figure, theirs)
        both = our_rounds.keys() & their_rounds.keys()
        quotients = [our_rounds[n] / their_rounds[n] for n in both if their_rounds[n]]
        return median(quotients) if quotients else None

    def _rounds(self, scenario: str, figure: str, peer: str) -> dict[int, float]:
        return {
            result.round: result.figures[figure]
            for result in self._all
            if (result.scenario, result.peer) == (scenario, peer)
            and figure in result.figures
            and not problem(result.figures)
        }


def _middle(values: Iterable[float | str]) -> float | str:
    found = list(values)
    numbers = [value for value in found if isinstance(value, int | float)]
    return median(numbers) if len(numbers) == len(found) else found[0]
