"""`trio-chat account`: have a request carried out by the server that runs on the data folder, or,
where none runs, by one that is started for it."""

from __future__ import annotations

import trio

from trio_chat.config import Config
from trio_chat.server.admin.console import Answer, Office, Request, carry_out
from trio_chat.server.admin.control import ask_running
from trio_chat.server.parts import put_together
from trio_chat.server.restore import restore
from trio_chat.store.opening import open_store


async def ask(config: Config, request: Request) -> Answer:
    """Have *request* carried out.

    Raises:
        ConfigError, StoreError: the folder cannot be used (perhaps in an exception group).
    """
    answer = await ask_running(config, request)
    return await _by_ourselves(config, request) if answer is None else answer


async def _by_ourselves(config: Config, request: Request) -> Answer:
    """No server owns the folder: be one, without listeners, for one request."""
    async with trio.open_nursery() as services:
        async with open_store(config) as store:
            parts = put_together(config, store, services.start_soon)
            services.start_soon(parts.broadcaster.run)
            await restore(parts.hub)
            answer = await carry_out(Office(parts.hub, parts.operations), request)
        services.cancel_scope.cancel()
    return answer
