"""The parts of a server: each is made here, and given what it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import trio

from trio_chat.chat.state import State
from trio_chat.commands import default_table
from trio_chat.commands.table import CommandTable
from trio_chat.config import Config
from trio_chat.server.admission import Admission
from trio_chat.server.clock import WallClock
from trio_chat.server.delivery.broadcast import Broadcaster
from trio_chat.server.delivery.catchup import Source
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.sessions import Sessions
from trio_chat.server.hub.departures import Departures
from trio_chat.server.hub.hub import Hub
from trio_chat.server.hub.logins import Hashing
from trio_chat.server.hub.perform import Performer
from trio_chat.server.intake.connection import Shared
from trio_chat.server.intake.dispatch import Dispatcher
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.hello import Hellos
from trio_chat.server.intake.identify import Identities
from trio_chat.server.intake.introduce import Introductions
from trio_chat.server.intake.pages import Pages
from trio_chat.server.intake.places import Places
from trio_chat.server.intake.requests import Requests
from trio_chat.server.intake.talk import Talking
from trio_chat.server.intake.unread import Unreads
from trio_chat.server.intake.writes import Writes
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.operations import LoadConfig, Operations
from trio_chat.server.settings import Settings
from trio_chat.store.api import Store

if TYPE_CHECKING:
    from trio_chat.server.net.readiness import Readiness  # where there is epoll


class Parts(NamedTuple):
    """See `put_together`."""

    hub: Hub
    sessions: Sessions
    broadcaster: Broadcaster
    table: CommandTable
    operations: Operations
    admission: Admission


def put_together(
    config: Config,
    store: Store,
    start_soon: Callable[..., object],
    *,
    stop: trio.Event | None = None,
    load_config: LoadConfig | None = None,
    now_ms: Callable[[], int] | None = None,
    hashing: Hashing | None = None,
    readiness: Readiness | None = None,
) -> Parts:
    """Make the parts of a server.

    Args:
        config: what it goes by at first.
        store: what it keeps things in, as long as it is open.
        start_soon: starts a task that lives no longer than the sessions.
        stop: set when somebody asks the server to end.
        load_config: reads the configuration again; raises ConfigError.
        now_ms: the clock of sanctions and sessions; the machine's unless given.
        hashing: of passwords.
        readiness: watches the sockets, where that can be had.
    """
    state, settings, deadlines = State(config), Settings(config), Deadlines()
    hashing = Hashing() if hashing is None else hashing
    now_ms = WallClock() if now_ms is None else now_ms
    hub = Hub(state, store, settings, deadlines, start_soon, now_ms, hashing)
    sessions = Sessions(hub.audience)
    broadcaster = Broadcaster(store, state, hub.audience, hub.presence, settings, hub.records)
    stop = trio.Event() if stop is None else stop
    operations = _operations(hub, sessions, broadcaster, stop, load_config)
    table = default_table()
    introductions = Introductions(
        state, settings, hub.audience, hub.membership, hub.records, table, now_ms
    )
    _listen(hub, sessions, introductions)
    shared = _shared(hub, sessions, table, introductions, operations)
    admission = Admission(shared, sessions, settings, readiness)
    return Parts(hub, sessions, broadcaster, table, operations, admission)


def _listen(hub: Hub, sessions: Sessions, introductions: Introductions) -> None:
    """Have what follows from stored facts carried out."""
    performer = Performer(
        hub.state.directory,
        sessions,
        hub.devices,
        hub.seats,
        hub.membership,
        hub.departures,
        hub.conversations,
        welcome_again=introductions.welcome_again,
        show_wishes=introductions.show_wishes,
    )
    hub.records.perform = performer.perform
    hub.records.follow_up = performer.follow_up


def _operations(
    hub: Hub,
    sessions: Sessions,
    broadcaster: Broadcaster,
    stop: trio.Event,
    load_config: LoadConfig | None,
) -> Operations:
    return Operations(hub, sessions, broadcaster, stop, load_config)


def _shared(
    hub: Hub,
    sessions: Sessions,
    table: CommandTable,
    introductions: Introductions,
    operations: Operations,
) -> Shared:
    """Make what the connections have in common."""
    flood = Flood(hub.settings)
    requests, talking = _intake(hub, table, introductions, operations, flood)
    return Shared(
        hub.settings,
        Source(hub.store, hub.state.accounts, hub.settings),
        hub.deadlines,
        hub.audience,
        hub.start_soon,
        take=talking.say_nowait,
        answer=requests.answer,
        hold_back=flood.hold_back,
        went_live=hub.conversations.end_abandoned,
        ended=partial(_ended, sessions, hub.departures),
    )


def _intake(
    hub: Hub,
    table: CommandTable,
    introductions: Introductions,
    operations: Operations,
    flood: Flood,
) -> tuple[Requests, Talking]:
    """Make what answers the peers' requests; return it, and the part that takes plain talk."""
    settings = hub.settings
    writes = Writes(hub.store, hub.state.directory, settings)
    places = Places(hub.state, hub.conversations, hub.now_ms)
    talking = Talking(hub.state, settings, hub.audience, places, writes, flood, hub.now_ms)
    hellos = _hellos(hub, introductions, writes, flood)
    dispatcher = Dispatcher(hub, table, operations, places, writes, talking, hellos, flood)
    pages = Pages(
        hub.store, hub.state.accounts, settings, hub.devices, hub.records, places, writes, flood
    )
    return Requests(table, flood, talking, hellos, dispatcher, pages), talking


def _hellos(hub: Hub, introductions: Introductions, writes: Writes, flood: Flood) -> Hellos:
    return Hellos(
        Identities(hub.state.accounts, hub.seats, hub.logins),
        hub.arrivals,
        hub.departures,
        hub.seats,
        introductions,
        Unreads(hub.state, hub.store),
        writes,
        flood,
        hub.settings,
        hub.now_ms,
    )


def _ended(sessions: Sessions, departures: Departures, session: Session) -> None:
    """The link of a session is gone."""
    sessions.discard(session)
    departures.lose_link(session)
