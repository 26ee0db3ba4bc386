"""Changes of records are submitted to the store and applied when they are committed; what merely
follows a member is kept behind. Knows no session."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog
import trio

from trio_chat.chat import records
from trio_chat.chat.accounts import Account
from trio_chat.chat.profiles import differing
from trio_chat.chat.records import Change
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.state import State
from trio_chat.errors import Unavailable
from trio_chat.server.hub.seats import Seats, put_changed, put_seat
from trio_chat.server.net.fence import attempt
from trio_chat.store.api import Put, Store, Write

log = structlog.get_logger()


class Records:
    """See the module.

    Attributes:
        follow_up: called with each change that was applied.
        perform: called with each effect of a write that was committed and shown.
    """

    def __init__(
        self, state: State, store: Store, seats: Seats, start_soon: Callable[..., object]
    ) -> None:
        """*start_soon* starts a task that lives no longer than the sessions."""
        self._state = state
        self._store = store
        self._seats = seats
        self._start_soon = start_soon
        self.follow_up: Callable[[Change], object] = lambda change: None
        self.perform: Callable[[Any], object] = lambda effect: None
        self._released = trio.Event()

    # --- facts: decided, committed, applied

    async def commit(self, write: Write, changes: Sequence[Change] = ()) -> None:
        """Store *write* with *changes*; return when it is durable, applied and shown.

        Raises:
            Conflict: a record is not as it was when its change was decided; nothing happened.
            Unavailable: it is not stored, or perhaps not.
            BadRequest: it cannot be stored.
        """
        expected = self._state.prepare(changes)
        puts = (
            self._put(change, version) for change, version in zip(changes, expected, strict=True)
        )
        write.puts = (*write.puts, *puts)
        write.changes = tuple(changes)
        settled = write.settled = trio.Event()
        try:
            await self._store.submit(write)
        except trio.ClosedResourceError:
            self._release(changes)
            raise Unavailable("the server is shutting down") from None
        except trio.Cancelled:
            self._release(changes)
            raise
        await settled.wait()
        if write.error is not None:
            await self._read_again(changes)
            raise write.error

    async def _read_again(self, changes: Sequence[Change]) -> None:
        """Hold what the store holds: it may have stored what it reported as refused, and somebody
        else may have changed the records. What cannot be read now is read again by the next
        conflict."""
        for change in changes:
            if change.space not in records.DECIDED:
                continue
            try:
                stored = await self._store.get(change.space, change.key)
            except Unavailable:
                return
            version = stored.version if stored is not None else 0
            if version != self._state.version(change.space, change.key):
                record = None if stored is None else records.decode(change.space, stored.value)
                self._apply(msgspec.structs.replace(change, after=record))
                self._state.note_version(change.space, change.key, version)

    def _put(self, change: Change, expect: int | None) -> Put:
        if change.space == records.PROFILE:
            seat = self._seats.of_identity(change.key.partition(" ")[0])
            if seat is not None:
                return put_changed(seat, change)
        value = None if change.after is None else records.encode(change.after)
        return Put(change.space, change.key, value, expect)

    def apply(self, write: Write) -> None:
        """Have the changes of *write*, which was committed, hold, but for those that are due only
        after its event was shown."""
        self._apply_all(write, late=False)

    def _apply_all(self, write: Write, *, late: bool) -> None:
        for change in write.changes:
            if change.late == late:
                attempt(self._apply, change)

    def _apply(self, change: Change) -> None:
        self._state.apply(change)
        self.follow_up(change)

    def settle(self, write: Write, *, holds: bool) -> None:
        """Do what follows from *write* once its event was shown, and wake who waits for it."""
        if holds:
            for effect in write.effects:
                attempt(self.perform, effect)
            self._apply_all(write, late=True)
        if write.changes:
            self._release(write.changes)
        write.changes = write.effects = ()  # the room's recent lines keep the write
        if write.settled is not None:
            write.settled.set()
            write.settled = None

    def _release(self, changes: Sequence[Change]) -> None:
        self._state.settle(changes)
        self._released.set()
        self._released = trio.Event()

    async def drop(self, room: Room, claim: Change) -> None:
        """Forget the log of *room*, with from where on each may read it. *claim* keeps its name
        meanwhile, and is released.

        Raises:
            Unavailable: perhaps it is forgotten.
        """
        try:
            for identity in room.floors:
                self.keep(*self.floor_puts(room.key, identity, None))
            await self._store.drop(room.key)
        finally:
            self._release([claim])

    async def wait_released(self) -> None:
        """Wait until a change that is under way has been applied, or was refused."""
        await self._released.wait()

    # --- what merely follows

    def keep(self, *puts: Put) -> None:
        """Store *puts* without anybody waiting for it."""
        if not puts:
            return
        write = Write(puts=puts)
        try:
            self._store.submit_nowait(write)
        except trio.WouldBlock:
            self._start_soon(self._keep_later, write)
        except trio.ClosedResourceError:
            log.warning("too late to keep a session")

    async def _keep_later(self, write: Write) -> None:
        try:
            await self._store.submit(write)
        except trio.ClosedResourceError:
            log.warning("too late to keep a session")

    def keep_member(self, member: Member) -> None:
        """Keep the member as it is now."""
        self.keep(*self.member_puts(member))

    def member_puts(self, member: Member) -> tuple[Put, ...]:
        """What keeps the member as it is now: entry by entry with its account, or with a guest's
        seat."""
        if not member.account_id:
            seat = self._seats.of_guest(member)
            return (put_seat(seat),) if seat is not None else ()
        if self._state.accounts.by_id(member.account_id) is None:
            return ()  # it was removed
        return entry_puts(member.identity, self._state.keep_profile(member))

    def profile_puts(self, account: Account, **fields: Any) -> tuple[Put, ...]:
        """Change *fields* of the profile of an account that is not here; return what keeps them."""
        former = self._state.profile(account.id)
        profile = msgspec.structs.replace(former, **fields)
        self._state.restore_profile(account.id, profile)
        return entry_puts(account.identity, differing(former, profile))

    def floor_puts(self, key: str, identity: str, seq: int | None) -> tuple[Put, ...]:
        """What keeps from where on a member may read the room with that *key*; None: nowhere."""
        value = None if seq is None else records.encode(seq)
        return (Put(records.FLOOR, records.floor_key(key, identity), value),)


def entry_puts(identity: str, entries: Mapping[str, Any]) -> tuple[Put, ...]:
    """What keeps these entries of a profile; None takes one away."""
    return tuple(
        Put(
            records.PROFILE,
            f"{identity} {entry}",
            None if value is None else records.encode(value),
        )
        for entry, value in entries.items()
    )
