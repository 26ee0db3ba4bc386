"""One server per test; its peers come both by streams and by links written to like sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from support_server import ChatServer, Links, chat_config, open_server, run_jumping


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A clock that only a fixture asks for is taken too; pytest-trio looks at the test alone."""
    for item in items:
        if "autojump_clock" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.trio(run=run_jumping), append=False)


@pytest.fixture(params=["streams", "sockets"])
def links(request: pytest.FixtureRequest) -> Links:
    kind: Links = request.param
    return kind


@pytest.fixture
async def server(autojump_clock: MockClock, links: Links) -> AsyncIterator[ChatServer]:
    async with open_server(chat_config(), links) as server:
        yield server
