"""Direct conversations: how they begin, end, and are found again when a session is resumed.

A conversation belongs to two persons, not to their nicks; see `chat.rooms.Direct`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.chat.members import Member
from trio_chat.chat.rooms import Direct, direct_key
from trio_chat.events import Left
from trio_chat.server.seats import Seat

if TYPE_CHECKING:
    from trio_chat.server.service import Service
    from trio_chat.server.session import Session

# Conversations whose partner has left, kept for a resume of one session.
_FORMER_DIRECTS = 20


class Conversations:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def open(self, member: Member, nick: str) -> Direct:
        """The conversation of *member* with whoever is called *nick*.

        Raises:
            NoSuchMember, NotPermitted, Unavailable.
        """
        partner = self._service.hub.find_member(nick)
        key = direct_key(member.identity, partner.identity)
        shown = 0
        if key not in self._service.hub.directs:
            last = await self._service.store.page(key, limit=1)
            shown = last[-1].seq if last else 0
            partner = self._service.hub.find_member(nick)
        if key in member.directs and key in partner.directs:
            return self._service.hub.directs[key]
        direct = self._service.hub.open_direct(member, partner, shown=shown)
        for one in (member, partner):
            self._make_way_for(direct, one)
            for session in self._service.linked(one):
                self._service.audience.add(direct.key, session)
                if session.catch_up is not None:
                    session.catch_up.cursors.setdefault(direct.key, direct.shown)
            self._service.keep_seat(one)
        return direct

    async def load(self, seat: Seat) -> None:
        """Take up the conversations of a seat whose member had left. Raises Unavailable."""
        for identity, nick in seat.directs.items():
            key = direct_key(seat.member.identity, identity)
            if key not in seat.member.directs:
                last = await self._service.store.page(key, limit=1)
                self.link(seat.member, identity, nick, {key: last[-1].seq if last else 0})

    def link(self, member: Member, partner: str, partner_nick: str, heads: dict[str, int]) -> None:
        key = direct_key(member.identity, partner)
        direct = self._service.hub.directs.get(key)
        if direct is None:
            direct = self._service.hub.directs[key] = Direct(
                (member.identity, member.nick),
                (partner, partner_nick),
                shown=heads.get(key, 0),
                keep_events=self._service.config.limits.backlog_events,
            )
        direct.link(member)

    def end(self, direct: Direct, member: Member, reason: str) -> None:
        """The partner is told, so that whoever takes the nick later is somebody else. The
        conversation stays with the partner's seat until a resume: what was sent may not have
        arrived. One whose link is away, or who catches up, is told then."""
        for partner in tuple(direct):
            linked = self._service.linked(partner)
            if partner is member or not linked or any(own.catch_up for own in linked):
                continue
            self._tell_of_end(direct, partner, member.nick, reason)
            if self._service.seats.of(partner) is None:
                direct.unlink(partner)

    def _tell_of_end(self, direct: Direct, member: Member, partner: str, reason: str) -> None:
        event = Left(room=direct.label_for(member.identity), nick=partner, reason=reason)
        for own in self._service.linked(member):
            own.send(event)
            self._service.audience.remove(direct.key, own)

    def is_lonely(self, direct: Direct, identity: str) -> bool:
        """Whether the other one has left: nothing more is said there."""
        partner = direct.partner_of(identity)
        return partner not in direct.online and not self._service.seats.is_present(partner)

    def end_lonely(self, session: Session) -> None:
        """The session has caught up: let go of the conversations whose partners have left."""
        member = session.member
        if member is None:
            return
        for direct in tuple(member.directs.values()):
            if self.is_lonely(direct, member.identity):
                partner = direct.nicks[direct.partner_of(member.identity)]
                self._tell_of_end(direct, member, partner, "")
                self._let_go(direct, member)

    def _make_way_for(self, direct: Direct, member: Member) -> None:
        """Let go of a former conversation that the member calls the same, and of the oldest
        when there are many."""
        label = direct.label_for(member.identity)
        former = [one for one in member.directs.values() if self.is_lonely(one, member.identity)]
        for number, one in enumerate(reversed(former)):
            if one.label_for(member.identity) == label or number >= _FORMER_DIRECTS:
                self._let_go(one, member)

    def _let_go(self, direct: Direct, member: Member) -> None:
        direct.unlink(member)
        if not direct.online:
            self._service.hub.directs.pop(direct.key, None)
        self._service.keep_seat(member)
