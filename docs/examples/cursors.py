"""Where a program stands: a small file that is replaced at once, so that it is never half
written."""

from __future__ import annotations

import json
import os
from pathlib import Path


class Cursors:
    """Name -> seq, kept in a file. What is set is on the disk when `set` returns."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seqs: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str) -> int | None:
        return self._seqs.get(name)

    def set(self, name: str, seq: int) -> None:
        self._seqs[name] = seq
        new = self._file.with_name(f"{self._file.name}.new")
        with new.open("w") as text:
            json.dump(self._seqs, text)
            text.flush()
            os.fsync(text.fileno())
        new.replace(self._file)
