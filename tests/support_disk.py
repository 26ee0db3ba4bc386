"""Disks that fail: they refuse to write, or lose in a power cut what was not synced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import apsw

Fault = Literal["full", "read-only", "broken"]


class FaultyDisk(apsw.VFS):
    """Writes fail while `fault` is set; reads go on."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.name = name
        self.fault: Fault | None = None

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> Any:  # noqa: N802
        return _FaultyFile(self, name, flags)

    def check(self) -> None:
        if self.fault == "full":
            raise apsw.FullError("no space left on device")
        if self.fault == "read-only":
            raise apsw.ReadOnlyError("read-only file system")
        if self.fault == "broken":
            raise apsw.IOError("input/output error")


class _FaultyFile(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        self._disk.check()
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.check()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.check()
        super().xSync(flags)


class ForgetfulDisk(apsw.VFS):
    """Keeps what is written in memory until it is synced: when the process ends, what was not
    synced is gone, as in a power cut."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.name = name
        # Shared by all connections of the process, by file.
        self.unsynced: dict[str, list[tuple[int, bytes]]] = {}

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> Any:  # noqa: N802
        return _ForgetfulFile(self, name, flags)


class _ForgetfulFile(apsw.VFSFile):
    def __init__(self, disk: ForgetfulDisk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        key = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._unsynced = disk.unsynced.setdefault(key, [])

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        self._unsynced.append((offset, bytes(data)))

    def xFileSize(self) -> int:  # noqa: N802
        return max([super().xFileSize(), *(start + len(data) for start, data in self._unsynced)])

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        length = max(min(amount, self.xFileSize() - offset), 0)
        found = bytearray(bytes(super().xRead(amount, offset) or b"")[:length].ljust(length, b"\0"))
        for start, data in self._unsynced:
            low, high = max(start, offset), min(start + len(data), offset + length)
            if low < high:
                found[low - offset : high - offset] = data[low - start : high - start]
        return bytes(found)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._write_out()
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._write_out()
        super().xSync(flags)

    def _write_out(self) -> None:
        for offset, data in self._unsynced:
            super().xWrite(data, offset)
        self._unsynced.clear()


@contextmanager
def faulty_disk(name: str = "faulty") -> Iterator[FaultyDisk]:
    disk = FaultyDisk(name)
    try:
        yield disk
    finally:
        disk.unregister()
