"""Carrying out what a command decided, in the order that `commands.effects` tells; answering it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from trio_chat.chat import records
from trio_chat.chat.records import Change
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.rules import check_enter, check_words
from trio_chat.commands.effects import (
    Announce,
    Archive,
    Converse,
    Dismiss,
    Effect,
    EndSession,
    Enter,
    Join,
    Leave,
    Line,
    LogIn,
    LogOut,
    Quit,
    Rename,
    Say,
    Tell,
    Whisper,
)
from trio_chat.commands.table import Command, Outcome
from trio_chat.errors import Muted, NotPermitted, Unavailable
from trio_chat.events import Done, Notice, Result
from trio_chat.requests import Input
from trio_chat.server.delivery.session import Session
from trio_chat.server.delivery.view import done
from trio_chat.server.hub.hub import Hub
from trio_chat.server.intake.asking import link_id
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.hello import Hellos
from trio_chat.server.intake.talk import Talking
from trio_chat.store.api import Put, Write

_SHOWN = (Tell, Announce, Dismiss, Archive)  # to others, once it is stored
Spoken: TypeAlias = "Say | Line"


class Carrying:
    """The carrying out of one command's outcome for one session."""

    def __init__(
        self,
        hub: Hub,
        talking: Talking,
        hellos: Hellos,
        flood: Flood,
        session: Session,
        request: Input,
        command: Command,
        outcome: Outcome,
    ) -> None:
        self._hub = hub
        self._talking = talking
        self._hellos = hellos
        self._flood = flood
        self._session = session
        self._request = request
        self._command = command
        self._outcome = outcome
        self._puts: list[Put] = []
        self._answer = Done(id=request.id or "")

    async def carry_out(self) -> None:
        """Do all of it, and answer.

        Raises:
            ChatError: it was refused; nothing of it happened that is stored.
            Conflict: it has to be decided again.
        """
        effects = self._outcome.effects
        self._check_words(effects)
        if any(_makes_room(change) for change in self._outcome.changes):
            self._flood.check_new_room(self._session)
        lines = [self._line(effect) for effect in effects if isinstance(effect, Say | Line)]
        for effect in effects:
            await self._do_at_once(effect)
        await self._store(lines)
        for effect in effects:
            await self._do_after(effect)
        self._show_answer()
        for effect in effects:
            if isinstance(effect, Quit):
                await self._quit(effect)

    # --- words

    def _check_words(self, effects: Iterable[Effect]) -> None:
        """Raises Muted: the command carries words of somebody who may not speak."""
        for effect in effects:
            if isinstance(effect, Line) and effect.words:
                room = self._hub.state.directory.rooms.get(effect.key)
                self._check_muted(() if room is None else (room,))
            elif (isinstance(effect, Tell) and effect.words and effect.identities) or isinstance(
                effect, Enter
            ):
                self._check_muted(())

    def _check_muted(self, rooms: Iterable[Room]) -> None:
        hub = self._hub
        check_words(self._member, hub.state.sanctions, hub.now_ms(), rooms=rooms)

    def _last_words(self, reason: str, rooms: Iterable[Room]) -> str:
        """*reason*, or nothing from somebody who may not speak."""
        if not self._session.allows("write"):
            return ""
        try:
            self._check_muted(rooms)
        except Muted:
            return ""
        return reason

    # --- lines

    def _line(self, effect: Say | Line) -> Write:
        if isinstance(effect, Say):
            return self._talking.spoken(self._session, effect)
        write = self._write(effect.key, effect.text, effect.target)
        write.kind = effect.kind
        if effect.expels:
            write.effects = (effect,)
        return write

    def _write(self, room: str, text: str, target: int | str | None) -> Write:
        member = self._member
        return Write(room=room, sender=member.nick, account=member.author, text=text, target=target)

    # --- at once

    async def _do_at_once(self, effect: Effect) -> None:
        hub, session = self._hub, self._session
        match effect:
            case Rename():
                hub.membership.rename(self._member, effect.nick)
            case Leave():
                room = hub.state.directory.rooms[effect.key]
                reason = self._last_words(effect.reason, (room,))
                self._puts += hub.membership.leave(self._member, room, reason)
            case Join():
                await self._join(effect)
            case Converse():
                self._talking.show_conversation(session, effect.nick)
            case LogIn(after=False) | LogOut():
                await self._become(effect)
                return
            case _:
                return
        if session.member is not None:
            self._puts += hub.records.member_puts(session.member)

    async def _join(self, effect: Join) -> None:
        hub, session = self._hub, self._session
        if hub.state.directory.named(effect.name) is None:
            hub.state.directory.check_new_room(effect.name)
            if not session.allows("write"):
                raise NotPermitted("this token may not make rooms")
            self._check_muted(())
            self._flood.check_new_room(session)
        room = await hub.rooms.open(effect.name, self._member)
        member = self._member
        if room.key not in member.rooms:
            check_enter(room, member, effect.key, hub.state.sanctions, hub.now_ms())
        self._puts += hub.membership.enter(session, room)

    async def _become(self, effect: LogIn | LogOut) -> None:
        account = None
        if isinstance(effect, LogIn):
            account = self._hub.state.accounts.by_id(effect.account)
            if account is None:
                raise Unavailable("the account was removed meanwhile")
        self._puts += await self._hellos.switch(self._session, account)

    # --- stored

    async def _store(self, lines: Sequence[Write]) -> None:
        outcome, request = self._outcome, self._request
        is_nothing = not (lines or outcome.changes or outcome.act or self._puts or request.id)
        shown = tuple(effect for effect in outcome.effects if isinstance(effect, _SHOWN))
        if (self._command.reads and not outcome.changes) or (is_nothing and not shown):
            return
        member = self._member
        first = lines[0] if lines else Write(sender=member.nick, account=member.author)
        first.scope, first.key = self._session.scope, request.id or ""
        first.answer = msgspec.json.encode(self._result()) if outcome.text is not None else b""
        first.audit = msgspec.json.encode(outcome.act).decode() if outcome.act else ""
        first.puts = tuple(self._puts)
        first.effects = (*first.effects, *shown)
        self._puts.clear()
        await self._hub.records.commit(first, outcome.changes)
        for further in lines[1:]:
            await self._hub.records.commit(further)
        if first.key and first.seq:
            self._answer = done(first, self._session, self._hub.state.directory)

    def _result(self) -> Result:
        outcome = self._outcome
        return Result(
            id=self._request.id,
            command=self._command.name,
            data=outcome.data,
            text=outcome.text or "",
        )

    # --- afterwards

    async def _do_after(self, effect: Effect) -> None:
        hub, session = self._hub, self._session
        match effect:
            case Enter():
                room = hub.state.directory.rooms.get(effect.key)
                if room is not None:
                    hub.records.keep(*hub.membership.enter(session, room))
                    hub.records.keep_member(self._member)
            case LogIn(after=True):
                await self._become(effect)
                hub.records.keep(*self._puts)
            case EndSession():
                self._end_sessions(effect.id)
            case Whisper():
                session.send(Notice(text=effect.text))
            case _:
                pass

    def _end_sessions(self, id: str) -> None:
        """End the session with that id, or all others of the account."""
        hub, member, own = self._hub, self._member, self._session
        for seat in hub.seats.of_account(member.account_id):
            if seat.id == id or (not id and seat is not own.seat):
                hub.departures.end_device(seat)
        for other in tuple(hub.devices.of(member)):
            if id == link_id(other) or (not id and other is not own):
                hub.departures.end_device(other)

    def _show_answer(self) -> None:
        if self._outcome.text is not None:
            self._session.send(self._result())
        if self._request.id:
            self._session.send(self._answer)

    async def _quit(self, effect: Quit) -> None:
        session = self._session
        if session.member is None:
            return
        reason = self._last_words(effect.reason, session.member.rooms.values())
        self._hub.departures.quit(session, reason)
        session.close(reason or "bye")

    @property
    def _member(self) -> Member:
        """Raises Unavailable: while this waited, the session was resumed on another link."""
        member = self._session.member
        if member is None:
            raise Unavailable("this session goes on elsewhere")
        return member


def _makes_room(change: Change) -> bool:
    return change.space == records.ROOM and change.before is None and change.after is not None
