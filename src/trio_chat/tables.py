"""Values and files in TOML, for the settings of the server and those of the client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from trio_chat.errors import ConfigError


def as_toml(value: Any) -> str:
    """Return *value* as TOML writes it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    # JSON's strings, numbers and truth are TOML's, but for the one control character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_new(file: Path, text: str, *, advice: str = "") -> None:
    """Write *text* into a new file that only its owner can read: it may come to hold a secret.

    Raises:
        ConfigError: it cannot be written; or it exists already, and *advice* is what to do then.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise ConfigError(f"{file}: exists already{advice}") from None
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be written: {exc.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as exc:
        file.unlink(missing_ok=True)  # half a file would be in the way of the next attempt
        raise ConfigError(f"{file}: cannot be written: {exc.strerror}") from None
