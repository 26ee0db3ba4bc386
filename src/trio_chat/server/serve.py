"""serve_chat(): the nurseries, the signals, and the order of shutdown, which is the indentation."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from trio_chat.config import Config
from trio_chat.server.admin.console import Office
from trio_chat.server.admin.control import open_control, serve_control
from trio_chat.server.hub.logins import Hashing
from trio_chat.server.net.encryption import open_encryption
from trio_chat.server.net.listeners import TlsListener, address_of, open_listeners
from trio_chat.server.operations import LoadConfig
from trio_chat.server.parts import Parts, put_together
from trio_chat.server.restore import restore
from trio_chat.server.signals import SignalWatch
from trio_chat.store.api import Store
from trio_chat.store.opening import open_store

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness

log = structlog.get_logger()


class Started(NamedTuple):
    """The report of `serve_chat` that it serves.

    Attributes:
        addresses: what it listens on.
        owner_code: makes an account the server's owner; empty once there is one.
        parts: what it consists of, for tests.
    """

    addresses: list[str]
    owner_code: str
    parts: Parts


async def serve_chat(
    config: Config,
    *,
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]] | None = None,
    stop: trio.Event | None = None,
    load_config: LoadConfig | None = None,
    store: Callable[[Config], AbstractAsyncContextManager[Store]] = open_store,
    now_ms: Callable[[], int] | None = None,
    hashing: Hashing | None = None,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve chat until *stop* is set, then drain and return.

    Without *listeners* it opens those of the configuration; without *stop* the first SIGINT or
    SIGTERM stops, and the second cancels. *load_config* reads the configuration again, for
    `/reload`; it raises ConfigError. *store* opens the store; *now_ms* is the clock, in
    milliseconds since 1970; *hashing* is of passwords.

    Raises:
        StoreError, ConfigError: start-up refuses (in an exception group, as nurseries do).
    """
    async with trio.open_nursery() as services:
        signals = None
        if stop is None:
            stop = trio.Event()
            signals = SignalWatch(stop, services.cancel_scope)
            services.start_soon(signals.run)
        async with store(config) as opened, trio.open_nursery() as sessions:
            readiness = _readiness()
            if readiness is not None:
                services.start_soon(readiness.run)
            parts = put_together(
                config,
                opened,
                sessions.start_soon,
                stop=stop,
                load_config=load_config,
                now_ms=now_ms,
                hashing=hashing,
                readiness=readiness,
            )
            hub = parts.hub
            services.start_soon(parts.broadcaster.run)
            services.start_soon(hub.deadlines.run)
            await restore(hub)
            if signals is not None:
                signals.reload = parts.operations.reload

            def serving(addresses: list[str]) -> None:
                task_status.started(Started(addresses, hub.state.owner_code, parts))

            await _accept_until(stop, parts, listeners, opened.description, serving)
            log.info("stopping", sessions=len(parts.sessions))
            timeouts = hub.settings.config.timeouts
            parts.sessions.close(parts.operations.farewell, retry_after=timeouts.retry_seconds)
            sessions.cancel_scope.deadline = trio.current_time() + timeouts.drain_seconds
        # The store has committed the rest, and the broadcaster shown it to whoever is left.
        services.cancel_scope.cancel()
    log.info("stopped")


async def _accept_until(
    stop: trio.Event,
    parts: Parts,
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]] | None,
    store: str,
    serving: Callable[[list[str]], None],
) -> None:
    """Accept connections until *stop* is set. *store* says where things are kept; *serving* is
    told the addresses."""
    config, directory = parts.hub.settings.config, parts.hub.state.directory
    async with trio.open_nursery() as accepting:
        if listeners is None:
            encryption = parts.operations.encryption = open_encryption(config)
            listeners = await open_listeners(config.server, encryption)
        await _accept_control(parts, accepting)
        for listener in listeners:
            accepting.start_soon(parts.admission.accept, listener)
        log.info("serving", store=store, rooms=len(directory.rooms))
        serving(_addresses(listeners))
        await stop.wait()
        accepting.cancel_scope.cancel()


async def _accept_control(parts: Parts, accepting: trio.Nursery) -> None:
    """Let `trio-chat account` reach this server. What is in memory has no folder for a socket."""
    config = parts.hub.settings.config
    listener = None if config.store.memory else await open_control(config.data_folder)
    if listener is not None:
        office = Office(parts.hub, parts.operations)
        accepting.start_soon(serve_control, office, config.data_folder, listener)


def _readiness() -> Readiness | None:
    if not hasattr(select, "epoll"):
        return None  # not Linux: sessions wait with trio
    from trio_chat.server.net.readiness import Readiness

    return Readiness()


def _addresses(listeners: Sequence[trio.abc.Listener[trio.abc.Stream]]) -> list[str]:
    return [
        address_of(listener)
        for listener in listeners
        if isinstance(listener, trio.SocketListener | TlsListener)
    ]
