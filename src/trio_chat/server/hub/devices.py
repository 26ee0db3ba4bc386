"""The sessions that speak for a member: one for a guest, one for each device of an account."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.chat.rooms import Member
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session


class Devices:
    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._linked: dict[str, tuple[Session, ...]] = {}  # by identity

    def of(self, member: Member) -> Sequence[Session]:
        """The sessions that speak for the member now."""
        return self._linked.get(member.identity, ())

    def session_in(self, seat: Seat) -> Session | None:
        """The session that is linked now and has this seat."""
        return next((own for own in self.of(seat.member) if own.seat is seat), None)

    def attach(self, session: Session) -> None:
        """The session speaks for its member from now on."""
        identity = session.identity
        self._linked[identity] = (*self._linked.get(identity, ()), session)
        self._audience.subscribe_to_all(session)
        if session.member is not None:
            session.member.absent_until = None
            session.member.address = session.peer

    def detach(self, session: Session) -> None:
        """The session speaks for its member no more; its seat stays its own."""
        linked = self._linked.pop(session.identity, ())
        if rest := tuple(own for own in linked if own is not session):
            self._linked[session.identity] = rest
        self._audience.unsubscribe_from_all(session)
        session.member = None

    def release(self, session: Session) -> None:
        """The same, and its seat is left, as it is now, for whoever resumes."""
        seat, identity = session.seat, session.identity
        self.detach(session)
        if seat is not None:
            directs = seat.member.directs.values()
            seat.labels = {direct.label_for(identity): direct.key for direct in directs}
        session.seat = None

    def resubscribe(self, member: Member) -> None:
        """Whom the member ignores has changed."""
        for own in self.of(member):
            self._audience.subscribe_to_all(own)
