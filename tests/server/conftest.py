"""One server per test: its clock jumps, and its peers come both by streams and by links that are
written to like sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from support_server import ChatServer, Links, chat_config, open_server


@pytest.fixture(params=["streams", "sockets"])
def links(request: pytest.FixtureRequest) -> Links:
    kind: Links = request.param
    return kind


@pytest.fixture
async def server(autojump_clock: MockClock, links: Links) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config(), links) as server:
        yield server
