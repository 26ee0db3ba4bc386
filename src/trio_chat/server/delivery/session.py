"""A peer as the chat sees it: who speaks, what it may do, and where it stands in each log.

Knows no request and no byte that the peer sends: that is the business of `intake`.

| state   | told by          | accepted | lag    | cursors reached | close   | bye sent |
|---------|------------------|----------|--------|-----------------|---------|----------|
| strange | no member        | live     |        |                 | closing |          |
| live    | member           |          | behind |                 | closing |          |
| behind  | member, cursors  |          | behind | live            | closing |          |
| closing | closing          |          |        | closing         | closing | silent   |
| silent  | closing, silent  |          |        |                 | silent  |          |

A session that is resumed is accepted and lags at once. One that is closing still gets what waits
for it, and the log if it is behind; its member may have been taken from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from math import inf
from typing import Protocol

import trio

from trio_chat.chat.accounts import Scope
from trio_chat.chat.pace import TokenBucket
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.errors import HelloFirst
from trio_chat.events import Bye, Shown
from trio_chat.server.delivery.outbox import Outbox, Owner
from trio_chat.server.delivery.seat import Seat
from trio_chat.server.net.addresses import source_of
from trio_chat.server.net.fence import attempt
from trio_chat.wire import Wire

_numbers = count(1)

_BUG_RETRY_SECONDS = 1.0


class Carrier(Owner, Protocol):
    """Carries a session's bytes to its peer."""

    def start_farewell(self) -> None:
        """Say the session's `bye` in a task of its own, and end the link after it."""

    def flavour_changed(self) -> None:
        """Have the session shown what happens in the flavour that it has now."""


class Session:
    """See the module.

    Attributes:
        peer: the address that the peer comes from; source: the one that it is counted under.
        number: names the session in the log.
        wire: what the peer speaks; see `speak`.
        flavour: the wire's, as far as those know it who show the session what happens.
        member: who speaks here; None until the hello is accepted.
        seat: what a resumable session leaves behind, or None.
        place: the key of the room or conversation last gone to: where a plain peer talks.
        scopes: what the token allows that opened the session; None: anything.
        token: the session's own, for a resume.
        cursors: while it is behind, by log key the seq up to which it has everything; else None.
        resuming: the keys whose events come as `backlog`; True while one still needs its `members`
            before that. A session that only lagged gets events as if they happened now.
        presence_missed: while it was behind somebody came or went.
        pending: writes under way in the store.
        hello_by: when the hello must have come (seconds on trio's clock); inf while it is looked
            into, and once it is accepted.
        heard_at: when the peer was last heard (seconds on trio's clock).
        slowed: a peer that cannot repeat a line was told that it is read more slowly.
        unpaid: how many pings and refusals are answered without delay, once there was one.
        bye: what is still to be said as the last.
        closing: nothing more is taken from the peer.
        silent: nothing more is said to the peer.
        broken: it is closed because of a bug of ours.
    """

    __slots__ = (
        "_carrier",
        "_settled",
        "broken",
        "bye",
        "closing",
        "cursors",
        "flavour",
        "heard_at",
        "hello_by",
        "member",
        "number",
        "outbox",
        "peer",
        "pending",
        "place",
        "presence_missed",
        "resuming",
        "scopes",
        "seat",
        "silent",
        "slowed",
        "source",
        "token",
        "unpaid",
        "wire",
    )

    def __init__(self, peer: str, outbox: Outbox, wire: Wire, carrier: Carrier) -> None:
        self._carrier = carrier
        self._settled: trio.Event | None = None
        self.peer = peer
        self.source = source_of(peer)
        self.number = next(_numbers)
        self.wire = wire
        self.flavour = wire.flavour
        self.outbox = outbox
        self.member: Member | None = None
        self.seat: Seat | None = None
        self.place = ""
        self.scopes: tuple[Scope, ...] | None = None
        self.token = ""
        self.cursors: dict[str, int] | None = None
        self.resuming: dict[str, bool] | None = None
        self.presence_missed = False
        self.pending = 0
        self.hello_by = inf
        self.heard_at = 0.0
        self.slowed = False
        self.unpaid: TokenBucket | None = None
        self.bye: Bye | None = None
        self.closing = False
        self.silent = False
        self.broken = False

    # --- who speaks, and what it may do

    @property
    def identity(self) -> str:
        return self.member.identity if self.member else ""

    def speaker(self) -> Member:
        """The member that speaks here. Raises HelloFirst: there is none yet."""
        if self.member is None:
            raise HelloFirst("say hello first")
        return self.member

    @property
    def scope(self) -> str:
        """The scope of the ids that are compared when an input comes again."""
        return self.seat.scope if self.seat is not None else ""

    @property
    def former_scope(self) -> str:
        """The one from before a `/login` or `/logout`, or ""."""
        return self.seat.former if self.seat is not None else ""

    @property
    def role(self) -> Role:
        """The role of the member here: a token that may not moderate makes nobody a moderator."""
        if self.member is None:
            return Role.GUEST
        if not self.allows("moderate"):
            return min(self.member.role, Role.MEMBER)
        return self.member.role

    def allows(self, scope: Scope) -> bool:
        """Return whether the token that opened the session, if one did, allows *scope*."""
        return self.scopes is None or scope in self.scopes

    @property
    def filtered(self) -> bool:
        """True: the member ignores somebody, so it sees less than the others."""
        return bool(self.member and self.member.ignores)

    def hears(self, author: str) -> bool:
        return self.member is None or self.member.hears(author)

    # --- its rooms and conversations

    def talk(self, key: str) -> Room | Direct | None:
        """The room or conversation *key*, if the member is in it."""
        member = self.member
        return (member.rooms.get(key) or member.directs.get(key)) if member else None

    def talks(self) -> list[Room | Direct]:
        member = self.member
        return [*member.rooms.values(), *member.directs.values()] if member else []

    # --- what it is shown

    def send(self, event: Shown) -> None:
        """Send an answer, or anything meant for this session alone. Nothing follows a `bye`.
        Raises nothing: when the wire fails, this session ends, whoever caused the event."""
        if self.silent:
            return
        data = attempt(self.wire.show, event, session=self.number)
        self.note_flavour()
        if data is None:
            self.fail()
        else:
            self.outbox.put(data)

    def speak(self, wire: Wire) -> None:
        """Let the peer speak *wire* from now on."""
        self.wire = wire
        self.note_flavour()

    def note_flavour(self) -> None:
        """Have it known when the wire has changed its flavour, as an item that it received and an
        event that it showed may make it do."""
        if self.wire.flavour != self.flavour:
            self.flavour = self.wire.flavour
            self._carrier.flavour_changed()

    def encode(self, events: Sequence[Shown]) -> bytes | None:
        """The bytes of *events* for all sessions of this flavour. None: the wire failed."""
        return attempt(self.wire.show_shared, events, session=self.number)

    def fall_behind(self, cursors: dict[str, int], resuming: dict[str, bool] | None = None) -> None:
        """Take no more talk; read it from the log, from *cursors* on, when what waits is out."""
        if self.cursors is None:
            self.cursors, self.resuming = cursors, resuming
        self.outbox.lag()

    def read_from(self, key: str, seq: int) -> None:
        """Of the log *key* the session has everything up to *seq*, should it be behind."""
        if self.cursors is not None:
            self.cursors[key] = seq

    def read_again(self, key: str, seq: int) -> None:
        """The same, and it is shown as a backlog. The session is behind."""
        assert self.cursors is not None
        self.cursors[key] = seq
        self.resuming = self.resuming or {}
        self.resuming[key] = True

    def catch_up(self) -> None:
        """All cursors are where the others are: take talk again."""
        self.cursors = self.resuming = None
        self.outbox.caught_up()

    # --- its writes

    def written(self, count: int) -> None:
        """So many writes of this session have been committed and answered."""
        self.pending -= count
        if self._settled is not None:
            self._settled.set()
            self._settled = None

    async def settle(self, below: int = 1) -> None:
        """Wait until fewer than *below* writes are under way, all before them answered."""
        while self.pending >= below:
            if self._settled is None:
                self._settled = trio.Event()
            await self._settled.wait()

    # --- the end

    def close(self, reason: str, *, code: str = "", retry_after: float | None = None) -> None:
        """Say `bye`; what waits is still sent, what still comes is discarded. *code*: the reason
        for programs, if they have to know it."""
        if not self.closing:
            self.closing = True
            self.bye = Bye(reason=reason, code=code, retry_after=retry_after)
            self._carrier.start_farewell()

    def fail(self) -> None:
        """Close because of a bug of ours, which has been logged."""
        if not self.closing:
            self.broken = True
            self.close("internal error", retry_after=_BUG_RETRY_SECONDS)

    def say_bye(self) -> None:
        """Send the `bye`, if it is due and not sent yet, and nothing after it."""
        if self.bye is not None:
            self.send(self.bye)
            self.bye, self.silent = None, True
            self.outbox.seal()
