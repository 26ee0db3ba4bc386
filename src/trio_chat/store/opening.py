"""Choosing the back end of the store that a configuration asks for."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from trio_chat.config import Config
from trio_chat.store.api import Store


def open_store(config: Config) -> AbstractAsyncContextManager[Store]:
    """Open the store that *config* asks for; on leaving, what was submitted is committed first.

    Raises:
        StoreError: the data folder belongs to another server, is newer than this program,
            cannot be written, or is no database of ours.
    """
    if config.store.memory:
        from trio_chat.store.memory import open_memory_store

        return open_memory_store(config.store)
    from trio_chat.store.sqlite.store import open_sqlite_store

    return open_sqlite_store(config.data_folder, config.store)
