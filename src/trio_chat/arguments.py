"""An argument parser that names the nearest word or option for a mistyped one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

_LIKENESS = 0.7  # two letters swapped in a word of four are this alike


class Parser(argparse.ArgumentParser):
    """Like its base; what is unknown is answered with the nearest there is, and all there are."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = list(map(str, action.choices))
            raise argparse.ArgumentError(
                action, f"there is no {value}{_nearest(str(value), known)} ({', '.join(known)})"
            )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like the base's; what a parser does not know it refuses itself, naming its own."""
        parsed, rest = super().parse_known_args(args, namespace)
        if rest:
            self._refuse(rest)
        return parsed, rest

    def _refuse(self, rest: Sequence[str]) -> NoReturn:
        options = [option for action in self._actions for option in action.option_strings]
        word = rest[0].partition("=")[0]
        self.error(f"{rest[0]} is not known here{_nearest(word, options)}")


def _nearest(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=_LIKENESS)
    return f"; did you mean {close[0]}?" if close else ""
