"""Which runs of a server wrote to a database: how a reader knows whether the log that it saw goes
on, or is an older copy's."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress

import apsw

# Of which a reader may come back: years of restarts.
KEPT_RUNS = 10_000

_NOT_NOW = (apsw.FullError, apsw.ReadOnlyError, apsw.IOError)


class Runs:
    """The runs that a database has seen.

    Attributes:
        current: the id of the run that began when it was made.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self.current = _new_id()
        self._known = {run for (run,) in db.execute("SELECT id FROM run")} | {self.current}
        # On a full disk it begins all the same. Nobody who sees it is then told later on that the
        # log goes on, which is the safe side.
        with suppress(*_NOT_NOW):
            _add(db, self.current)

    def __contains__(self, run: str) -> bool:
        return run in self._known


def make_other(db: apsw.Connection) -> None:
    """Have *db*, a copy, not know the run in which it was made: that one goes on elsewhere."""
    db.execute("UPDATE run SET id = ? WHERE number = (SELECT max(number) FROM run)", (_new_id(),))


def _new_id() -> str:
    return secrets.token_hex(8)


def _add(db: apsw.Connection, run: str) -> None:
    with db:
        db.execute("INSERT INTO run(id, at_ms) VALUES (?, ?)", (run, time.time_ns() // 1_000_000))
        db.execute(
            "DELETE FROM run WHERE number <= (SELECT max(number) FROM run) - ?", (KEPT_RUNS,)
        )
