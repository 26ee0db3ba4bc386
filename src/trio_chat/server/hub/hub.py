"""The hub: the members and rooms of this node. Here its parts are put together; no logic."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from trio_chat.chat.state import State
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.presence import Presence
from trio_chat.server.hub.arrivals import Arrivals
from trio_chat.server.hub.conversations import Conversations
from trio_chat.server.hub.departures import Departures
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.logins import Hashing, Logins
from trio_chat.server.hub.membership import Membership
from trio_chat.server.hub.records import Records
from trio_chat.server.hub.rooms import Rooms
from trio_chat.server.hub.seats import Seats
from trio_chat.server.hub.vacancies import Vacancies
from trio_chat.server.net.deadlines import Deadlines
from trio_chat.server.settings import Settings
from trio_chat.store.api import Store


class HubStatistics(NamedTuple):
    """The figures of a hub now.

    Attributes:
        members: who are here, linked or not.
        seats: sessions that are kept, linked or not.
    """

    members: int
    seats: int
    rooms: int
    conversations: int
    accounts: int


class Hub:
    """See the module. None of the parts holds it.

    Attributes:
        now_ms: the time, in milliseconds since 1970.
        start_soon: starts a task that lives no longer than the sessions.
    """

    def __init__(
        self,
        state: State,
        store: Store,
        settings: Settings,
        deadlines: Deadlines,
        start_soon: Callable[..., object],
        now_ms: Callable[[], int],
        hashing: Hashing,
    ) -> None:
        self.state, self.store, self.settings = state, store, settings
        self.deadlines, self.start_soon, self.now_ms = deadlines, start_soon, now_ms
        self.logins = Logins(state, settings.config.accounts, hashing)
        self.audience = Audience()
        self.presence = Presence(self.audience, deadlines, settings)
        self.seats = Seats()
        self.devices = Devices(self.audience)
        self.records = Records(state, store, self.seats, start_soon)
        self.vacancies = Vacancies(state, store, self.records, deadlines, settings, start_soon)
        self.rooms = Rooms(
            state, store, self.records, deadlines, self.vacancies, settings, start_soon
        )
        self.membership = Membership(
            state,
            self.rooms,
            self.devices,
            self.audience,
            self.presence,
            self.records,
            settings,
            now_ms,
        )
        self.conversations = Conversations(
            state, store, self.seats, self.devices, self.audience, self.records, start_soon
        )
        self.departures = Departures(
            state,
            self.seats,
            self.devices,
            self.rooms,
            self.conversations,
            self.presence,
            self.records,
            deadlines,
            settings,
            now_ms,
        )
        self.arrivals = Arrivals(
            state,
            self.seats,
            self.devices,
            self.rooms,
            self.membership,
            self.conversations,
            self.departures,
            self.records,
            deadlines,
            settings,
            now_ms,
        )

    def statistics(self) -> HubStatistics:
        directory = self.state.directory
        return HubStatistics(
            members=len(directory.members),
            seats=len(self.seats),
            rooms=len(directory.rooms),
            conversations=len(directory.directs),
            accounts=len(self.state.accounts),
        )
