"""Talk: the one place that lets what a member says into a room or a conversation, be it typed or
said by a command."""

from __future__ import annotations

from collections.abc import Callable

import trio

from trio_chat.chat.names import check_text
from trio_chat.chat.rooms import Direct, Member, Room
from trio_chat.chat.rules import check_speak, note_spoke
from trio_chat.chat.state import State
from trio_chat.commands.effects import Say
from trio_chat.errors import ChatError, NotPermitted
from trio_chat.events import Backlog
from trio_chat.requests import Input, parse_slash
from trio_chat.server.delivery.audience import Audience
from trio_chat.server.delivery.session import Session
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.places import Places
from trio_chat.server.intake.writes import Writes
from trio_chat.server.settings import Settings
from trio_chat.store.api import Write


class Talking:
    def __init__(
        self,
        state: State,
        settings: Settings,
        audience: Audience,
        places: Places,
        writes: Writes,
        flood: Flood,
        now_ms: Callable[[], int],
    ) -> None:
        self._state = state
        self._settings = settings
        self._audience = audience
        self._places = places
        self._writes = writes
        self._flood = flood
        self._now_ms = now_ms

    def say_nowait(self, session: Session, request: Input) -> bool:
        """Give plain talk to the store, where nothing has to be waited for, looked up or refused.
        This is the way of nearly every line. False: nothing was done."""
        limits = self._settings.config.limits
        is_free = session.pending < limits.pipeline and not session.former_scope
        member, parsed = session.member, parse_slash(request.text)
        if member is None or not is_free or type(parsed) is not str:
            return False
        place = self._places.known(session, request.room)
        if place is None:
            return False
        try:
            self._check_speak(session, place, None)
            text = check_text(parsed, limits)
        except ChatError:
            return False
        if self._flood.take(session, member, queries=False) is not None:
            return False
        if not self._writes.submit_nowait(session, _line(session, member, request, place, text)):
            self._flood.put_back(session, member)
            return False
        note_spoke(place, member, trio.current_time())
        return True

    async def say(self, session: Session, request: Input, text: str) -> None:
        """Say *text*, which *request* holds, where it wants to be said; whatever that takes.

        Raises:
            ChatError: it was refused.
        """
        await self._flood.pay(session, queries=False)
        text = check_text(text, self._settings.config.limits)
        place = self._places.known(session, request.room)
        if place is None:
            # Said, and left since? An error would mean that it did not happen.
            if await self._writes.answered_before(session, request.id):
                return
            place = self._places.open(session, request.room)
        elif session.former_scope and await self._writes.answered_before(session, request.id):
            return
        refusal: ChatError | None = None
        try:
            self._let_in(session, place)
        except ChatError as exc:
            refusal = exc
        if refusal is not None:
            # Said, and muted since? An error would mean that it did not happen.
            if await self._writes.answered_before(session, request.id):
                return
            raise refusal
        member = session.speaker()
        await self._writes.submit(session, _line(session, member, request, place, text))

    def show_conversation(self, session: Session, nick: str) -> None:
        """Have the session go to the member's conversation with whoever is called *nick*, which
        begins if there is none, and see its last lines.

        Raises:
            NoSuchMember, Muted, NotPermitted.
        """
        direct = self._places.converse(session, nick)
        session.place = direct.key
        if direct.shown and session.allows("read"):
            self._audience.lag(session)
            begin = direct.shown - self._settings.config.limits.backlog_events
            session.read_again(direct.key, max(0, begin))
        else:
            label = direct.label_for(session.identity)
            session.send(Backlog(room=label, events=(), more=False))

    def spoken(self, session: Session, say: Say) -> Write:
        """The line that a command says for its member, let in like plain talk.

        Raises:
            ChatError: it was refused.
        """
        place = self._places.meant(session, say)
        self._let_in(session, place, mends=say.target if say.mends else None)
        member = session.speaker()
        return Write(
            room=place.key,
            kind=say.kind,
            sender=member.nick,
            account=member.author,
            text=say.text,
            target=say.target,
        )

    def _let_in(self, session: Session, place: Room | Direct, *, mends: int | None = None) -> None:
        """Let the member say something there, and note that it does. *mends*: see
        `rules.check_speak`.

        Raises:
            Muted, Banned, NotPermitted, TooFast.
        """
        self._check_speak(session, place, mends)
        note_spoke(place, session.speaker(), trio.current_time(), mends=mends)

    def _check_speak(self, session: Session, place: Room | Direct, mends: int | None) -> None:
        if not session.allows("write"):
            raise NotPermitted("this token may not write")
        state = self._state
        is_open = not (isinstance(place, Direct) or place.quiet)
        if not is_open or state.defcon or not state.sanctions.is_quiet:
            check_speak(
                place,
                session.speaker(),
                state.sanctions,
                state.defcon,
                self._now_ms(),
                trio.current_time(),
                mends=mends,
            )


def _line(
    session: Session, member: Member, request: Input, place: Room | Direct, text: str
) -> Write:
    return Write(
        room=place.key,
        sender=member.nick,
        account=member.author,
        text=text,
        scope=session.scope,
        key=request.id or "",
    )
