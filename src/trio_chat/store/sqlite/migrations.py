"""From any earlier form of the database to this one. Knows SQL, and nothing of what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import apsw

from trio_chat.errors import StoreError

# "trio" in ASCII: how `file` and we tell our database from others.
APPLICATION_ID = 0x7472696F
SCHEMAS = ("schema_1.sql", "schema_2.sql", "schema_3.sql")


def steps() -> Sequence[str]:
    """The SQL that leads from each version to the next; step 0 makes version 1 from nothing.

    A new database takes all of them. Once released, a step is never changed.
    """
    folder = files(__package__)
    return [folder.joinpath(name).read_text(encoding="utf-8") for name in SCHEMAS]


def migrate(db: apsw.Connection, sql_steps: Sequence[str]) -> None:
    """Bring *db* to version `len(sql_steps)`, each step with its version in one transaction.

    Raises:
        StoreError: the database is newer than that, or another program's.
    """
    problem = problem_of_version(db, sql_steps)
    if problem:
        raise StoreError(f"{db.filename}: {problem}")
    version = db.pragma("user_version")
    for number, sql in enumerate(sql_steps[version:], version + 1):
        _step(db, sql, number)


def problem_of_version(db: apsw.Connection, sql_steps: Sequence[str]) -> str:
    """Return why *db* cannot be brought to version `len(sql_steps)`, or ""."""
    version = db.pragma("user_version")
    if version > len(sql_steps):
        return (
            f"made by a newer trio-chat (version {version}, this one knows {len(sql_steps)});"
            " use that one, or another data folder"
        )
    return "" if _is_ours(db) else "a database, but none of trio-chat's; move it away"


def _is_ours(db: apsw.Connection) -> bool:
    empty = not db.execute("SELECT count(*) FROM sqlite_schema").get
    return empty or db.pragma("application_id") == APPLICATION_ID


def _step(db: apsw.Connection, sql: str, version: int) -> None:
    with db:
        db.execute(sql)
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", version)
