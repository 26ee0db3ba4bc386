"""Flood control: a line is paid for from the member's budget, a query from another one; a guest's
also from that of its address, so that coming back under another nick buys nothing. What is paid for
by neither, a ping or a refusal, slows its reading down."""

from __future__ import annotations

import math
from typing import NamedTuple

import trio

from trio_chat.chat.pace import Buckets, Throttle, TokenBucket
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member
from trio_chat.config import DAY_SECONDS, LimitsSection
from trio_chat.errors import TooFast
from trio_chat.events import Notice
from trio_chat.server.delivery.session import Session
from trio_chat.server.net.addresses import counted_address
from trio_chat.server.settings import Settings

_LATE_SECONDS = 1.0


class Wait(NamedTuple):
    """An allowance is used up. *rule* says which, for a person."""

    seconds: float
    rule: str

    def error(self) -> TooFast:
        return TooFast(f"slow down: {self.rule}", retry_after=_rounded_up(self.seconds))


class _Shared:
    """What is counted by address, and what a link less does not end, under *limits*."""

    def __init__(self, limits: LimitsSection) -> None:
        self.limits = limits
        self.talk = Buckets(limits.address_flood_burst, limits.address_flood_per_second)
        self.queries = Buckets(limits.address_query_burst, limits.address_query_per_second)
        self.hellos = Buckets(limits.address_hello_burst, limits.address_hello_per_second)
        self.makers = Throttle(limits.rooms_made_per_person, DAY_SECONDS)
        self.made_from = Throttle(limits.rooms_made_per_address, DAY_SECONDS)


class Flood:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counted = _Shared(settings.config.limits)

    # --- lines and queries

    async def pay(self, session: Session, *, queries: bool) -> None:
        """Take a token for a line. A peer that cannot repeat a line waits here instead.

        Raises:
            TooFast: with `retry_after`.
        """
        while (wait := self.take(session, session.speaker(), queries=queries)) is not None:
            if session.wire.resumable:
                raise wait.error()
            self._tell_to_slow_down(session)
            await trio.sleep(wait.seconds)

    def take(self, session: Session, member: Member, *, queries: bool) -> Wait | None:
        """Take a token from each allowance that *member*, who speaks in *session*, has to pay
        from. Return None, or what has to be waited for; then nothing was taken."""
        limits = self._settings.config.limits
        if not limits.flood:
            return None
        own, now = self._own(member, queries=queries), trio.current_time()
        if seconds := own.take(now):
            return Wait(seconds, _rule(limits, queries=queries))
        shared = self._shared(session, member, queries=queries)
        if shared is not None and (seconds := shared.take(now)):
            own.put_back()
            return Wait(seconds, _shared_rule(limits, queries=queries))
        return None

    def put_back(self, session: Session, member: Member) -> None:
        """Give back what was just taken for a line."""
        if self._settings.config.limits.flood:
            self._own(member, queries=False).put_back()
            shared = self._shared(session, member, queries=False)
            if shared is not None:
                shared.put_back()

    def _own(self, member: Member, *, queries: bool) -> TokenBucket:
        """The member's, so that another link brings no other."""
        limits = self._settings.config.limits
        if queries:
            if member.queries is None:
                member.queries = TokenBucket(limits.query_burst, limits.query_per_second)
            return member.queries
        if member.flood is None:
            member.flood = TokenBucket(limits.flood_burst, limits.flood_per_second)
        return member.flood

    def _shared(self, session: Session, member: Member, *, queries: bool) -> TokenBucket | None:
        """That of a guest's address. An account is the same wherever it comes from."""
        address = "" if member.account_id else self._address(session)
        if not address:
            return None
        counted = self._current()
        return (counted.queries if queries else counted.talk).of(address)

    def _tell_to_slow_down(self, session: Session) -> None:
        if not session.slowed:
            session.slowed = True
            rate = self._settings.config.limits.flood_per_second
            text = f"slow down: {rate:g} lines a second are read; nothing is lost"
            session.send(Notice(text=text))

    # --- hellos

    async def check_hello(self, session: Session) -> None:
        """Count a hello from the session's address. The refusal comes late: else whoever comes
        again at once would be refused a thousand times a second.

        Raises:
            TooFast: with `retry_after`.
        """
        limits, address = self._settings.config.limits, self._address(session)
        if not (address and limits.flood) or not self._take_hello(address):
            return
        await trio.sleep(_LATE_SECONDS)
        if seconds := self._take_hello(address):
            burst, rate = limits.address_hello_burst, limits.address_hello_per_second
            rule = f"one address says hello {burst} times at once, then {rate:g} a second"
            raise Wait(seconds, rule).error()

    def _take_hello(self, address: str) -> float:
        return self._current().hellos.of(address).take(trio.current_time())

    # --- rooms

    def check_new_room(self, session: Session) -> None:
        """Count a room that the session's member is about to make.

        Raises:
            TooFast: with `retry_after`.
        """
        if session.role >= Role.ADMIN:
            return
        limits, now, counted = self._settings.config.limits, trio.current_time(), self._current()
        author, address = session.speaker().author, self._address(session)
        if wait := counted.makers.check(author, now):
            text = f"one makes at most {limits.rooms_made_per_person} rooms a day"
            raise TooFast(text, retry_after=_rounded_up(wait))
        if wait := counted.made_from.check(address, now):
            text = f"at most {limits.rooms_made_per_address} rooms a day are made from one address"
            raise TooFast(text, retry_after=_rounded_up(wait))
        counted.makers.failed(author, now)
        if address:
            counted.made_from.failed(address, now)

    # --- what nobody pays for

    def hold_back(self, session: Session) -> float:
        """Count a ping or a refusal. Return 0.0, or for how long (seconds) nothing more is to be
        read from the session; then it was not counted."""
        limits = self._settings.config.limits
        if not limits.flood:
            return 0.0
        if session.unpaid is None:
            session.unpaid = TokenBucket(limits.unpaid_burst, limits.unpaid_per_second)
        return session.unpaid.take(trio.current_time())

    # --- addresses

    def _address(self, session: Session) -> str:
        return counted_address(session.peer, session.source, self._settings.config.limits)

    def _current(self) -> _Shared:
        """Under other limits everybody begins anew."""
        limits = self._settings.config.limits
        if self._counted.limits is not limits:
            self._counted = _Shared(limits)
        return self._counted


def _rule(limits: LimitsSection, *, queries: bool) -> str:
    if queries:
        return f"{limits.query_burst} at once, then {limits.query_per_second:g} a second"
    return f"{limits.flood_burst} at once, then {limits.flood_per_second:g} a second"


def _shared_rule(limits: LimitsSection, *, queries: bool) -> str:
    burst, rate = limits.address_flood_burst, limits.address_flood_per_second
    if queries:
        burst, rate = limits.address_query_burst, limits.address_query_per_second
    return f"all guests of your address together {burst} at once, then {rate:g} a second"


def _rounded_up(seconds: float) -> float:
    return math.ceil(seconds * 1000) / 1000
