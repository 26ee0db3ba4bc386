"""Flood control: a line is paid for from the member's budget, a query from another one."""

from __future__ import annotations

import math

import trio

from trio_chat.chat.pace import TokenBucket
from trio_chat.chat.rooms import Member
from trio_chat.errors import TooFast
from trio_chat.events import Notice
from trio_chat.server.delivery.session import Session
from trio_chat.server.settings import Settings


class Flood:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def pay(self, session: Session, *, queries: bool) -> None:
        """Take a token for a line. A peer that cannot repeat a line waits here instead.

        Raises:
            TooFast: with `retry_after`.
        """
        limits = self._settings.config.limits
        if not limits.flood:
            return
        bucket = self.bucket(session.speaker(), queries=queries)
        wait = bucket.take(trio.current_time())
        if wait and session.wire.resumable:
            rate = limits.query_per_second if queries else limits.flood_per_second
            burst = limits.query_burst if queries else limits.flood_burst
            raise TooFast(
                f"slow down: {burst} at once, then {rate:g} a second", retry_after=_rounded_up(wait)
            )
        while wait:
            self._tell_to_slow_down(session)
            await trio.sleep(wait)
            wait = bucket.take(trio.current_time())

    def _tell_to_slow_down(self, session: Session) -> None:
        if not session.slowed:
            session.slowed = True
            rate = self._settings.config.limits.flood_per_second
            text = f"slow down: {rate:g} lines a second are read; nothing is lost"
            session.send(Notice(text=text))

    def bucket(self, member: Member, *, queries: bool) -> TokenBucket:
        """The member's, so that another link brings no other."""
        limits = self._settings.config.limits
        if queries:
            if member.queries is None:
                member.queries = TokenBucket(limits.query_burst, limits.query_per_second)
            return member.queries
        if member.flood is None:
            member.flood = TokenBucket(limits.flood_burst, limits.flood_per_second)
        return member.flood


def _rounded_up(seconds: float) -> float:
    return math.ceil(seconds * 1000) / 1000
