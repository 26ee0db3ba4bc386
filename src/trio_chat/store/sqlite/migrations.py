"""From any earlier form of the database to this one. Knows SQL, and nothing of what it is for."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import apsw

from trio_chat.errors import StoreError

# "trio" in ASCII: how `file` and we tell our database from others.
APPLICATION_ID = 0x7472696F
SCHEMAS = ("schema_1.sql", "schema_2.sql")


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
    version = db.pragma("user_version")
    if version > len(sql_steps):
        raise StoreError(
            f"{db.filename}: made by a newer trio-chat (version {version}, this one knows"
            f" {len(sql_steps)}); use that one, or another data folder"
        )
    if not _is_ours(db):
        raise StoreError(f"{db.filename}: a database, but none of trio-chat's; move it away")
    for number, sql in enumerate(sql_steps[version:], version + 1):
        _step(db, sql, number)


def _is_ours(db: apsw.Connection) -> bool:
    empty = not db.execute("SELECT count(*) FROM sqlite_schema").get
    return empty or db.pragma("application_id") == APPLICATION_ID


def _step(db: apsw.Connection, sql: str, version: int) -> None:
    with db:
        db.execute(sql)
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", version)
