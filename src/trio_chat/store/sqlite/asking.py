"""A question to one of the connections' threads, and what is said when the database fails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import apsw
import structlog
from apsw.aio import deadline

from trio_chat.errors import DatabaseDamaged, Unavailable

T = TypeVar("T")

# Told to those who are refused: by then a full disk may have been noticed.
RETRY_SECONDS = 2.0

_log = structlog.get_logger()

# The last one: bytes in a text that are no text.
DAMAGED = (apsw.CorruptError, apsw.NotADBError, UnicodeDecodeError)


async def ask(db: apsw.AsyncConnection, question: Callable[..., T], *arguments: Any) -> T:
    """Return what *question* answers in the thread of *db*. Cancelling interrupts its statement.

    Raises:
        DatabaseDamaged: what is in the file is no database any more.
        Unavailable: it cannot be read or written now.
    """
    # Else apsw would raise at a deadline by itself, where trio cancels.
    token = deadline.set(math.inf)
    try:
        return cast("T", await db.async_run(_answer, db, question, *arguments))
    except DatabaseDamaged as exc:
        _log.error("the database is damaged", reason=str(exc))
        raise
    except apsw.Error as exc:
        raise Unavailable(_reason(exc), retry_after=RETRY_SECONDS) from exc
    finally:
        deadline.reset(token)


def refusal(exc: apsw.Error, file: str) -> Unavailable:
    """Return what those are told whose write failed so."""
    if isinstance(exc, DAMAGED):
        return DatabaseDamaged(damage(exc, file))
    return Unavailable(_reason(exc), retry_after=RETRY_SECONDS)


def _answer(db: apsw.Connection, question: Callable[..., T], *arguments: Any) -> T:
    try:
        return question(*arguments)
    except DAMAGED as exc:
        raise DatabaseDamaged(damage(exc, db.filename)) from exc


def _reason(exc: apsw.Error) -> str:
    if isinstance(exc, apsw.FullError):
        return "the server's disk is full"
    return "the server's disk does not answer as it should"


def damage(exc: Exception, file: str) -> str:
    """One line for who runs the server: the file, and the way out."""
    return (
        f"{file}: the database is damaged ({exc}); stop the server, move it away with its -wal and"
        " -shm, and restore the newest backup"
    )
