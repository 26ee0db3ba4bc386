"""Which sockets have something to read: at the end, when everything is cancelled at once."""

from __future__ import annotations

import select
import socket

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_chat.server.links import WatchedLink

if not hasattr(select, "epoll"):
    pytest.skip("Linux only", allow_module_level=True)

from trio_chat.server.readiness import Readiness


async def test_link_is_closed_although_the_watch_has_ended_before_it() -> None:
    readiness = Readiness()
    ours, theirs = socket.socketpair()
    with theirs:
        link = WatchedLink(ours, "unix", readiness)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await link.aclose()
        assert theirs.recv(1) == b""
