"""One server per data folder: a lock that ends with the process. Knows nothing of databases.

The folder itself is locked, which nobody can delete under a running server as one can the file
`lock`. The file says who has it, and is locked for the servers of before, which look at it alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog
import trio

from trio_chat.errors import StoreError

LOCK_NAME = "lock"
WATCH_SECONDS = 10.0

_log = structlog.get_logger()


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """Make *folder* if it is missing, readable by its owner only, and hold it until the end.

    Raises:
        StoreError: it belongs to another server, or cannot be made or written.
    """
    with ExitStack() as descriptors:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder_descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            descriptors.callback(os.close, folder_descriptor)
            descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
            descriptors.callback(os.close, descriptor)
        except OSError as exc:
            raise StoreError(
                f"{folder}: cannot be written ({exc.strerror}); choose another folder with --data"
            ) from exc
        _lock((folder_descriptor, descriptor), folder, descriptor)
        yield


def identity(file: Path) -> tuple[int, int] | None:
    """Return what tells *file* from another one of its name; None: there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


async def keep_watching(known: Mapping[Path, tuple[int, int] | None]) -> None:
    """Tell the log when a file has not the `identity` any more that is known, until cancelled."""
    left = dict(known)
    while left:
        await trio.sleep(WATCH_SECONDS)
        for file in tuple(left):
            if await trio.to_thread.run_sync(identity, file) != left[file]:
                del left[file]
                _log.error(
                    "a file of the running server was deleted or replaced: stop the server, and"
                    " look what lies there before you start it again",
                    file=str(file),
                )
    await trio.sleep_forever()


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


def _lock(descriptors: Iterable[int], folder: Path, told: int) -> None:
    """Lock all of them; the file *told* says by whom."""
    try:
        for descriptor in descriptors:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(told, 32).decode("ascii", "replace").strip() or "unknown"
        raise StoreError(
            f"{folder}: another server (pid {holder}) uses this data folder;"
            " stop it, or choose another folder with --data"
        ) from None
    except OSError as exc:
        raise StoreError(
            f"{folder}: cannot be locked ({exc.strerror});"
            " choose a folder on a local disk with --data"
        ) from exc
    os.ftruncate(told, 0)
    os.write(told, b"%d\n" % os.getpid())
