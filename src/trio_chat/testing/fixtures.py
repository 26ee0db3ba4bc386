"""The test server as a fixture for pytest with pytest-trio. In a conftest.py:

from trio_chat.testing.fixtures import chat_server  # noqa: F401
"""

from __future__ import annotations

import pytest
import trio

from trio_chat.testing.server import TestServer, start_server


@pytest.fixture
async def chat_server(nursery: trio.Nursery) -> TestServer:
    """A chat server of this test alone."""
    return await start_server(nursery)
