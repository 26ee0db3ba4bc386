"""A real server on a real port, in the test's own process, for tests of the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from trio_chat.config import load_config
from trio_chat.server.serve import serve_chat


@asynccontextmanager
async def real_server(*assignments: str) -> AsyncIterator[str]:
    """Yield its address; *assignments*: as for `--set`."""
    listen = ("store.memory=true", "server.listen=127.0.0.1:0")
    config = load_config(environment={}, assignments=[*listen, *assignments])
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        started = await nursery.start(partial(serve_chat, config, stop=stop))
        [address] = started.addresses
        yield address
        stop.set()
