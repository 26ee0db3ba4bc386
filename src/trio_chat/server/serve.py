"""serve_chat(): the nurseries, the signals, and the order of shutdown, which is the indentation."""

from __future__ import annotations

import select
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import structlog
import trio

from trio_chat.config import Config
from trio_chat.server.admin.control import open_control, serve_control
from trio_chat.server.net.encryption import Terms, open_encryption
from trio_chat.server.net.fence import attempt, fence
from trio_chat.server.net.listeners import TlsListener, address_of, open_listeners
from trio_chat.server.restore import restore
from trio_chat.server.service import Service
from trio_chat.store.opening import open_store

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness

log = structlog.get_logger()

_ACCEPT_RETRY_SECONDS = 0.1  # keeps the loop from spinning meanwhile


class Started(NamedTuple):
    """What `serve_chat` reports when it serves.

    Attributes:
        addresses: what it listens on.
        owner_code: makes an account the server's owner; empty once there is one.
    """

    addresses: list[str]
    owner_code: str


async def serve_chat(
    config: Config,
    *,
    listeners: Sequence[trio.abc.Listener[trio.abc.Stream]] | None = None,
    stop: trio.Event | None = None,
    load_config: Callable[[], Config] | None = None,
    task_status: trio.TaskStatus[Started] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve chat until *stop* is set, then drain and return.

    Without *listeners* it opens those of the configuration; without *stop* the first SIGINT or
    SIGTERM stops, and the second cancels. *load_config* reads the configuration again, for
    `/reload`; it raises ConfigError.

    Raises:
        StoreError, ConfigError: start-up refuses (in an exception group, as nurseries do).
    """
    async with trio.open_nursery() as services:
        if stop is None:
            stop = trio.Event()
            services.start_soon(_watch_signals, stop, services.cancel_scope)
        async with open_store(config) as store, trio.open_nursery() as sessions:
            readiness = _readiness()
            if readiness is not None:
                services.start_soon(readiness.run)
            service = Service(
                config, store, sessions.start_soon, readiness, stop=stop, load_config=load_config
            )
            services.start_soon(service.broadcaster.run)
            services.start_soon(service.deadlines.run)
            await restore(service)
            async with trio.open_nursery() as accepting:
                if listeners is None:
                    listeners = await open_listeners(config.server, open_encryption(config))
                await _accept_control(service, accepting)
                for listener in listeners:
                    accepting.start_soon(_accept, service, listener, sessions)
                log.info(
                    "serving", store=store.description, rooms=len(service.state.directory.rooms)
                )
                task_status.started(Started(_addresses(listeners), service.state.owner_code))
                await stop.wait()
                accepting.cancel_scope.cancel()
            log.info("stopping", sessions=len(service.sessions))
            timeouts = service.config.timeouts
            service.say_bye(service.operations.farewell, timeouts.retry_seconds)
            sessions.cancel_scope.deadline = trio.current_time() + timeouts.drain_seconds
        # The store has committed the rest, and the broadcaster shown it to whoever is left.
        services.cancel_scope.cancel()
    log.info("stopped")


async def _accept_control(service: Service, accepting: trio.Nursery) -> None:
    """Let `trio-chat account` reach this server. What is in memory has no folder for a socket."""
    folder = service.config.data_folder
    listener = None if service.config.store.memory else await open_control(folder)
    if listener is not None:
        accepting.start_soon(serve_control, service, folder, listener)


def _readiness() -> Readiness | None:
    if not hasattr(select, "epoll"):
        return None  # not Linux: sessions wait with trio
    from trio_chat.server.net.readiness import Readiness

    return Readiness()


async def _accept(
    service: Service, listener: trio.abc.Listener[trio.abc.Stream], sessions: trio.Nursery
) -> None:
    """Like `trio.serve_listeners`, but a session takes its stream over, so that nothing of trio's
    own stream is kept for each: a kilobyte and a half of some seven."""
    terms = listener.terms if isinstance(listener, TlsListener) else None
    async with listener:
        while True:
            try:
                stream = await listener.accept()
            except OSError as exc:  # most often there are no more files: somebody will close one
                log.error("no connection can be accepted", reason=exc.strerror)
                await trio.sleep(_ACCEPT_RETRY_SECONDS)
            else:
                await _begin(service, stream, terms, sessions)


async def _begin(
    service: Service, stream: trio.abc.Stream, terms: Terms | None, sessions: trio.Nursery
) -> None:
    """Start a session on *stream*. A bug in making one is the end of the stream alone."""
    connection = attempt(service.open_session, stream, terms)
    if connection is not None:
        sessions.start_soon(connection.run)
    else:
        await fence(partial(trio.aclose_forcefully, stream), "a stream without a session")


def _addresses(listeners: Sequence[trio.abc.Listener[trio.abc.Stream]]) -> list[str]:
    return [
        address_of(listener)
        for listener in listeners
        if isinstance(listener, trio.SocketListener | TlsListener)
    ]


async def _watch_signals(stop: trio.Event, everything: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            log.info("signal", signal=signal.Signals(number).name)
            if stop.is_set():
                everything.cancel()
            stop.set()
