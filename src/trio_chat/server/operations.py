"""What administration asks of the server as a process: satisfies `commands.table.Operations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from trio_chat.chat.accounts import Account
from trio_chat.config import Config

if TYPE_CHECKING:
    from trio_chat.server.service import Service


class Operations:
    """See `commands.table.Operations`.

    Attributes:
        farewell: what everybody is told when the server stops.
    """

    def __init__(
        self, service: Service, stop: trio.Event | None, load_config: Callable[[], Config] | None
    ) -> None:
        self._service = service
        self._stop = trio.Event() if stop is None else stop
        self._load_config = load_config
        self.farewell = "the server is shutting down"

    # --- what was said

    async def redact(self, account: Account) -> int:
        """Delete what the account said. It goes on until nothing is left, because somebody may
        say something meanwhile.

        Raises:
            Unavailable: part of it is done.
        """
        deleted = 0
        while some := await self._service.store.redact(account.id):
            deleted += some
        for room in self._service.hub.rooms.values():
            room.unload()
        return deleted
