"""A copy of the database while the server runs. Knows files, and one statement of SQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import trio

from trio_chat.errors import BadRequest
from trio_chat.store.sqlite.runs import make_other


def copy_into(db: apsw.Connection, file: Path) -> None:
    """Write what *db* holds now to *file*, which is empty. Others may write meanwhile."""
    db.execute("VACUUM INTO ?", (str(file),))
    copy = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        make_other(copy)
    finally:
        copy.close()


@asynccontextmanager
async def new_file(path: Path) -> AsyncIterator[Path]:
    """A private, empty file beside *path*, which becomes *path* when all went well.

    Raises:
        BadRequest: *path* exists already, or no file can be made there.
    """
    unfinished = await trio.to_thread.run_sync(_create, path)
    try:
        yield unfinished
        await trio.to_thread.run_sync(_publish, unfinished, path)
    finally:
        _remove(unfinished)


def _create(path: Path) -> Path:
    _check_is_new(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as exc:
        raise BadRequest(f"{path}: cannot be written ({exc.strerror})") from exc
    os.close(descriptor)
    return Path(name)


def _publish(unfinished: Path, path: Path) -> None:
    _check_is_new(path)
    for file in (unfinished, path.parent):
        _sync(file)
    unfinished.rename(path)
    _sync(path.parent)


def _remove(unfinished: Path) -> None:
    unfinished.unlink(missing_ok=True)


def _check_is_new(path: Path) -> None:
    if os.path.lexists(path):
        raise BadRequest(f"{path}: exists already, and nothing is overwritten")


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
