"""The server of a test: the real one, on streams in memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import trio
from argon2 import PasswordHasher
from trio.testing import memory_stream_pair

from trio_chat.client import Chat, open_chat
from trio_chat.config import load_config
from trio_chat.server.hub.logins import Hashing
from trio_chat.server.serve import Started, serve_chat
from trio_chat.testing.clock import now_ms
from trio_chat.testing.person import Person

# More links than a test has; a dial beyond it fails as one to a busy server does.
_WAITING_LINKS = 100
PASSWORD = "correct-horse-battery"

# A password is hashed at once and cheaply: a clock that jumps does not wait for threads.
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class _MemoryListener(trio.abc.Listener[trio.abc.Stream]):
    def __init__(self) -> None:
        self._dialled, self._accepted = trio.open_memory_channel[trio.abc.Stream](_WAITING_LINKS)

    def dial(self) -> trio.abc.Stream:
        """Return the far end of a new link. Raises ConnectionRefusedError."""
        near, far = memory_stream_pair()
        try:
            self._dialled.send_nowait(near)
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            raise ConnectionRefusedError(111, "Connection refused") from None
        return far

    async def accept(self) -> trio.abc.Stream:
        return await self._accepted.receive()

    async def aclose(self) -> None:
        self._accepted.close()
        await trio.lowlevel.checkpoint()


class TestServer:
    """A server of one test; `start_server` makes it.

    Attributes:
        owner_code: makes an account the server's owner, by `/claim CODE`.
    """

    __test__ = False  # pytest: this is no test

    def __init__(
        self,
        nursery: trio.Nursery,
        listener: _MemoryListener,
        stop: trio.Event,
        owner_code: str,
    ) -> None:
        self.owner_code = owner_code
        self._nursery = nursery
        self._listener = listener
        self._stop = stop
        self._links: list[trio.abc.Stream] = []

    # --- for the program that is tested

    async def dial(self) -> trio.abc.Stream:
        """Open a link: what `open_chat` takes as `dial=`."""
        await trio.lowlevel.checkpoint()
        stream = self._listener.dial()
        self._links.append(stream)
        return stream

    def open_chat(self, nick: str, **options: Any) -> AbstractAsyncContextManager[Chat]:
        """Like `trio_chat.client.open_chat`, to this server."""
        return open_chat("test", nick=nick, dial=self.dial, **options)

    # --- for the test

    async def person(self, nick: str) -> Person:
        """Return somebody who is here until the test ends, and in the lobby."""
        chat = await self._nursery.start(partial(self.stay, nick))
        return Person(chat)

    async def owner(self, nick: str = "owner") -> Person:
        """The same with an account that owns the server; once in a test."""
        person = await self.person(nick)
        await person.chat.command(f"/register {PASSWORD}")
        await person.chat.command(f"/claim {self.owner_code}")
        return person

    async def cut(self) -> None:
        """Break every link, without a word; programs come back by themselves."""
        links, self._links = self._links, []
        for stream in links:
            await trio.aclose_forcefully(stream)

    def stop(self) -> None:
        """End the server in order, as SIGTERM does."""
        self._stop.set()

    # --- inside

    async def stay(self, nick: str, task_status: trio.TaskStatus[Chat]) -> None:
        async with self.open_chat(nick) as chat:
            task_status.started(chat)
            await trio.sleep_forever()


async def start_server(nursery: trio.Nursery, *assignments: str) -> TestServer:
    """Serve in *nursery*, in memory and without flood control. The server ends with the nursery.

    Args:
        assignments: configuration as for `--set`, such as `rooms.auto_join=lobby,dev`.

    Raises:
        ConfigError: an assignment is not right.
    """
    memory = ("store.memory=true", "limits.flood=false")
    config = load_config(environment={}, assignments=[*memory, *assignments])
    listener, stop = _MemoryListener(), trio.Event()
    serve = partial(
        serve_chat,
        config,
        listeners=[listener],
        stop=stop,
        now_ms=now_ms,
        hashing=Hashing(_CHEAP, _at_once),
    )
    started: Started = await nursery.start(serve)
    return TestServer(nursery, listener, stop, started.owner_code)


async def _at_once(work: Callable[[], Any]) -> Any:
    await trio.lowlevel.checkpoint()
    return work()
