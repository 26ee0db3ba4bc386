"""The file in which a program keeps the token of its session, to go on with it after its own
death."""

from __future__ import annotations

import os
from pathlib import Path

from trio_chat.errors import ConfigError


def read_token(file: Path) -> str:
    """Return the token in *file*; empty if there is none yet.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: cannot be read: {_reason(exc)}") from None


def write_token(file: Path, token: str) -> None:
    """Replace what *file* holds, at once, so that it is never half written. Only its owner may
    read it: the token lets one in.

    Raises:
        ConfigError: the file cannot be written.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as text:
            text.write(f"{token}\n")
        new.replace(file)
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be written: {_reason(exc)}") from None


def _reason(exc: OSError | UnicodeDecodeError) -> str:
    return exc.strerror or str(exc) if isinstance(exc, OSError) else "it is not text"
