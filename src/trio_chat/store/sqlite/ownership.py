"""One server per data folder: a lock that ends with the process. Knows nothing of databases."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trio_chat.errors import StoreError

LOCK_NAME = "lock"


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Make *folder* if it is missing, readable by its owner only, and hold it until the end.

    Raises:
        StoreError: it belongs to another server, or cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise StoreError(
            f"{folder}: cannot be written ({exc.strerror}); choose another folder with --data"
        ) from exc
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def create_private(file: Path) -> None:
    """Make *file*, if it is missing, readable by its owner only.

    Raises:
        StoreError: it cannot be made or written.
    """
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as exc:
        raise StoreError(
            f"{file}: cannot be written ({exc.strerror}); choose another folder with --data"
        ) from exc


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        raise StoreError(
            f"{folder}: another server (pid {holder}) uses this data folder;"
            " stop it, or choose another folder with --data"
        ) from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, b"%d\n" % os.getpid())
