"""The requests of a program, from the call to the answer, over broken links and until the chat has
ended. It knows no events but answers."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from trio_chat.client.link.connection import Connection
from trio_chat.client.program.answers import History
from trio_chat.client.program.replies import InputReply, PageReply, Replies, chat_error
from trio_chat.client.state.model import RETRY_SECONDS, RETRYABLE, Model
from trio_chat.client.state.room.line import bare_room
from trio_chat.errors import TrioChatError, Unavailable
from trio_chat.events import Backlog, Gap
from trio_chat.requests import MAX_ID_CHARACTERS, Input, Page
from trio_chat.wire.native import encode_request

# So many requests wait for their answers at once; more wait for their turn.
UNANSWERED = 64
PAGE_EVENTS = 200


class Asking:
    """Asks the server, for all tasks of the program.

    Attributes:
        end: what has ended the chat; None: it goes on.
    """

    def __init__(self, model: Model, connection: Connection, replies: Replies) -> None:
        self.end: TrioChatError | None = None
        self._model = model
        self._connection = connection
        self._replies = replies
        self._turns = trio.Semaphore(UNANSWERED)
        self._changed = trio.Event()

    # --- waiting

    def wake(self) -> None:
        """Have everybody look again at what they wait for."""
        self._changed.set()
        self._changed = trio.Event()

    async def wait_changed(self) -> None:
        """Wait for the next `wake`."""
        await self._changed.wait()

    async def wait_online(self) -> None:
        """Wait until there is a link, and the server has told all that belongs to a hello.

        Raises:
            TrioChatError: what ended the chat.
        """
        await trio.lowlevel.checkpoint()
        while not self._model.rooms.is_online:
            self._check_not_ended()
            await self.wait_changed()
        self._check_not_ended()

    def finish(self, error: TrioChatError) -> None:
        """Raise *error* for all that is waited for, and for all that is asked from now on."""
        self.end = error
        self._replies.end(error)
        self.wake()

    def _check_not_ended(self) -> None:
        if self.end is not None:
            raise self.end

    # --- lines

    async def ask(self, text: str, room: str | None, id: str | None) -> InputReply:
        """Say *text* and wait for its answer. Raises ChatError, ValueError."""
        await trio.lowlevel.checkpoint()
        _check_id(id)
        # What no server would take is refused before it is queued.
        encode_request(Input(id="i" * MAX_ID_CHARACTERS, room=room or "r" * 64, text=text))
        async with self._turns:
            self._check_not_ended()
            answer = await self._wait_for(text, room, id or self._model.outgoing.new_id())
        if answer.error is not None:
            raise answer.error
        return answer

    async def _wait_for(self, text: str, room: str | None, id: str) -> InputReply:
        answer = self._replies.inputs.setdefault(id, InputReply())
        answer.waiting += 1
        try:
            self._type(text, room, id)
            self.wake()
            await answer.arrived.wait()
        finally:
            answer.waiting -= 1
            if not answer.waiting:
                del self._replies.inputs[id]
        return answer

    def _type(self, text: str, room: str | None, id: str) -> None:
        """Queue the line, unless one with that *id* waits already. Raises Unavailable."""
        outgoing = self._model.outgoing
        if outgoing.get(id) is not None:
            return
        waiting = len(outgoing)
        place = self._model.rooms.room(room) if room is not None else None
        self._connection.typed(text, place, is_literal=True, id=id)
        if len(outgoing) == waiting:
            raise Unavailable(f"{waiting} lines wait for the server already")

    # --- pages

    async def page(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int
    ) -> History:
        """Return a page of the log, whatever happens to the link. Raises ChatError."""
        while True:
            async with self._turns:
                await self.wait_online()
                answer = await self._ask_page(room, before, after, limit)
            if answer.error is not None and answer.error.code not in RETRYABLE:
                raise chat_error(answer.error)
            if answer.error is not None:
                await trio.sleep(answer.error.retry_after or RETRY_SECONDS)
            elif answer.backlog is not None:
                return _history(answer.backlog, answer.gaps, is_forward=after is not None)

    async def read_after(self, room: str, seq: int) -> History:
        """Return what comes after *seq*. Raises ChatError."""
        return await self.page(room, after=seq, limit=PAGE_EVENTS)

    async def _ask_page(
        self, room: str, before: int | None, after: int | None, limit: int
    ) -> PageReply:
        id = self._model.outgoing.new_id()
        answer = self._replies.pages[id] = PageReply(room)
        self.wake()
        try:
            page = Page(id=id, room=room, before=before, after=after, limit=limit)
            self._connection.ask(page)
            await answer.arrived.wait()
        finally:
            del self._replies.pages[id]
        return answer


def _history(backlog: Backlog, gaps: Sequence[Gap], *, is_forward: bool) -> History:
    edge = backlog.next
    if backlog.events:
        edge = backlog.events[-1 if is_forward else 0].seq
    return History(backlog.events, backlog.more, edge if backlog.more else None, tuple(gaps))


def room_name(room: str) -> str:
    """Return *room* as the server writes it. Raises ValueError: it can be no room."""
    name = bare_room(room)
    if not name.removeprefix("@") or any(character.isspace() for character in name):
        raise ValueError(f"{room!r} is no room: write 'lobby', or '@nick' for one person")
    return name


def _check_id(id: str | None) -> None:
    """Raises ValueError."""
    if id is not None and not 0 < len(id) <= MAX_ID_CHARACTERS:
        raise ValueError(f"{id!r} is no id: it has 1 to {MAX_ID_CHARACTERS} characters")
