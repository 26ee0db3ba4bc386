"""Direct conversations: how they begin, end, and are found again when a session is resumed.

A conversation belongs to two persons, not to their nicks; see `chat.rooms.Direct`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import structlog

from trio_chat.chat.accounts import Account
from trio_chat.chat.rooms import Direct, Member, direct_key
from trio_chat.chat.state import State
from trio_chat.errors import NotPermitted, Unavailable
from trio_chat.events import Left
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.delivery.session import Session
from trio_chat.server.hub.devices import Devices
from trio_chat.server.hub.records import Records
from trio_chat.server.hub.seats import Seats
from trio_chat.store.api import Store

log = structlog.get_logger()

# Conversations whose partner has left, kept for a resume of one session.
_FORMER_DIRECTS = 20
# Conversations an account finds again; the oldest gives way.
_ACCOUNT_DIRECTS = 100


class Conversations:
    def __init__(
        self,
        state: State,
        store: Store,
        seats: Seats,
        devices: Devices,
        audience: Audience,
        records: Records,
        start_soon: Callable[..., object],
    ) -> None:
        self._state = state
        self._directory = state.directory
        self._accounts = state.accounts
        self._store = store
        self._seats = seats
        self._devices = devices
        self._audience = audience
        self._records = records
        self._start_soon = start_soon

    def open(self, member: Member, nick: str) -> Direct:
        """The conversation of *member* with whoever is called *nick*, or has an account of that
        name: then what is written waits.

        Raises:
            NoSuchMember, NotPermitted.
        """
        partner = self._partner(nick)
        if isinstance(partner, Account):
            return self._open_absent(member, partner)
        self._check_not_blocked(member, partner.identity, partner.nick)
        key = direct_key(member.identity, partner.identity)
        if key in member.directs and key in partner.directs:
            return self._directory.directs[key]
        direct = self._directory.open_direct(member, partner, shown=self._store.head(key))
        self._note_blocks(direct)
        for one in (member, partner):
            self._begin(direct, one)
        return direct

    def _partner(self, nick: str) -> Member | Account:
        """Return the one meant: a nick that belongs to an account means that account, whoever
        goes by it just now."""
        account = self._accounts.named(nick)
        if account is None:
            return self._directory.find_member(nick)
        return self._directory.of_account(account.id) or account

    def _check_not_blocked(self, member: Member, partner: str, nick: str) -> None:
        """Raises NotPermitted."""
        if member.identity in self._blocks_of(partner):
            raise NotPermitted(f"{nick} takes no messages from you", nick=nick)

    def _open_absent(self, member: Member, account: Account) -> Direct:
        """Somebody with an account is not here: it finds the conversation on coming back."""
        self._check_not_blocked(member, account.identity, account.name)
        key = direct_key(member.identity, account.identity)
        if key in member.directs:
            return member.directs[key]
        profile = self._state.profile(account.id)
        self.link(member, account.identity, profile.nick or account.name)
        self._begin(member.directs[key], member)
        if member.identity not in profile.directs:
            directs = self._with(profile.directs, member)
            self._records.keep(*self._records.profile_puts(account, directs=directs))
        return member.directs[key]

    def _with(self, directs: Mapping[str, str], member: Member) -> dict[str, str]:
        """One conversation more. When there are many the oldest gives way; one with a guest
        before one with an account, so that passers-by push nobody's letters out."""
        kept = {**directs, member.identity: member.nick}
        spare = len(kept) - _ACCOUNT_DIRECTS
        of_identity = self._accounts.of_identity
        for identity in sorted(kept, key=lambda one: of_identity(one) is not None)[: max(0, spare)]:
            del kept[identity]
        return kept

    def _begin(self, direct: Direct, member: Member) -> None:
        self._replace_former(direct, member)
        for session in self._devices.of(member):
            self._audience.subscribe(direct.key, session)
            if session.cursors is not None:
                session.cursors.setdefault(direct.key, direct.shown)
        self._records.keep_member(member)

    def load(self, seat: Seat) -> None:
        """Take up the conversations of a guest's seat whose member had left."""
        for identity, nick in seat.directs.items():
            if direct_key(seat.member.identity, identity) not in seat.member.directs:
                self.link(seat.member, identity, nick)

    def link(self, member: Member, partner: str, partner_nick: str) -> None:
        key = direct_key(member.identity, partner)
        direct = self._directory.directs.get(key)
        if direct is None:
            direct = self._directory.directs[key] = Direct(
                (member.identity, member.nick),
                (partner, partner_nick),
                shown=self._store.head(key),
            )
        direct.link(member)
        self._note_blocks(direct)

    def _note_blocks(self, direct: Direct) -> None:
        for identity in direct.nicks:
            if direct.partner_of(identity) in self._blocks_of(identity):
                direct.blocked_by.add(identity)

    def note_block(self, member: Member, identity: str) -> None:
        """The member blocks somebody now, or no longer: their conversation, if it is open."""
        direct = member.directs.get(direct_key(member.identity, identity))
        if direct is None:
            return
        if identity in member.blocks:
            direct.blocked_by.add(member.identity)
        else:
            direct.blocked_by.discard(member.identity)

    def show_closed(self, member: Member, key: str) -> None:
        """The member has closed that conversation: its devices are told."""
        direct = member.directs.get(key)
        if direct is None:
            return
        event = Left(room=direct.label_for(member.identity), nick=member.nick, reason="closed")
        for own in self._devices.of(member):
            own.send(event)
            if own.place == key:
                own.place = next(iter(member.rooms), "")

    def _blocks_of(self, identity: str) -> Mapping[str, str]:
        """By identity, whose messages the person with *identity* does not take."""
        account = self._accounts.of_identity(identity)
        if account is None:
            seat = self._seats.of_identity(identity)
            return seat.member.blocks if seat is not None else {}
        member = self._directory.of_account(account.id)
        return member.blocks if member else self._state.profile(account.id).blocks

    def end(self, direct: Direct, member: Member, reason: str) -> None:
        """The partner is told, so that whoever takes the nick later is somebody else. The
        conversation stays with the partner's seat until a resume: what was sent may not have
        arrived. One whose link is away, or who catches up, is told then. A conversation with
        somebody who has an account does not end."""
        if self._accounts.of_identity(member.identity) is not None:
            return
        for partner in tuple(direct):
            linked = self._devices.of(partner)
            if partner is member or not linked or any(own.cursors is not None for own in linked):
                continue
            self._tell_of_end(direct, partner, member.nick, reason)
            if partner.account_id or self._seats.of_guest(partner) is None:
                direct.unlink(partner)

    def _tell_of_end(self, direct: Direct, member: Member, partner: str, reason: str) -> None:
        event = Left(room=direct.label_for(member.identity), nick=partner, reason=reason)
        for own in self._devices.of(member):
            own.send(event)
            self._audience.unsubscribe(direct.key, own)

    def is_abandoned(self, direct: Direct, identity: str) -> bool:
        """Return whether the other one has left, so that nothing more is said there."""
        partner = direct.partner_of(identity)
        if partner in direct.online or self._accounts.of_identity(partner) is not None:
            return False
        return not self._seats.is_present(partner)

    def end_abandoned(self, session: Session) -> None:
        """The session has caught up: let go of the conversations whose partners have left."""
        member = session.member
        if member is None:
            return
        for direct in tuple(member.directs.values()):
            if self.is_abandoned(direct, member.identity):
                partner = direct.nicks[direct.partner_of(member.identity)]
                self._tell_of_end(direct, member, partner, "")
                self._let_go(direct, member)

    def forget(self, identity: str, partners: Iterable[str]) -> None:
        """Somebody has gone for good: conversations that nobody can come back to are over."""
        for partner in partners:
            key = direct_key(identity, partner)
            if self._is_gone(identity, key) and self._is_gone(partner, key):
                self._directory.directs.pop(key, None)
                self._start_soon(self._drop, key)

    def _is_gone(self, identity: str, key: str) -> bool:
        """It is nobody's account, has no seat, and is not in the conversation."""
        if self._accounts.of_identity(identity) is not None:
            return False
        direct = self._directory.directs.get(key)
        is_here = direct is not None and identity in direct.online
        return not is_here and self._seats.of_identity(identity) is None

    async def _drop(self, key: str) -> None:
        try:
            await self._store.drop(key)
        except Unavailable:
            log.warning("a conversation that is over cannot be dropped", key=key)

    def _replace_former(self, direct: Direct, member: Member) -> None:
        """Let go of a former conversation that the member calls the same, and of the oldest
        when there are many."""
        label = direct.label_for(member.identity)
        former = [one for one in member.directs.values() if self.is_abandoned(one, member.identity)]
        for number, one in enumerate(reversed(former)):
            if one.label_for(member.identity) == label or number >= _FORMER_DIRECTS:
                self._let_go(one, member)

    def _let_go(self, direct: Direct, member: Member) -> None:
        direct.unlink(member)
        if not direct.online:
            self._directory.directs.pop(direct.key, None)
        self._records.keep_member(member)
