"""`trio-chat config`: the server's configuration begun, checked and shown. Starts no server."""

from __future__ import annotations

import argparse
from pathlib import Path

from trio_chat.config import Loaded, default_file
from trio_chat.config.text import commented, effective
from trio_chat.server.net.listeners import check_listen
from trio_chat.server.restore import check_auto_join
from trio_chat.tables import write_new


def init(parsed: argparse.Namespace) -> str:
    """Write the commented file; return what is to be printed.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    file: Path = parsed.config or default_file()
    write_new(file, commented())
    return str(file)


def check(loaded: Loaded) -> str:
    """Look for what `serve` would refuse, but for what only the start can tell, such as a port that
    is taken; return what is to be printed.

    Raises:
        ConfigError: naming the key, and what is wrong.
    """
    config = loaded.config
    check_auto_join(config)
    check_listen(config)
    where = config.data_folder if not config.store.memory else "memory"
    return f"the configuration is right; data: {where}; listen: {', '.join(config.server.listen)}"


def show(loaded: Loaded) -> str:
    """Return each value in force, and where it comes from."""
    return effective(loaded)
