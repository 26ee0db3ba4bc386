"""The requests of all sessions: each is passed on to the part that answers it.

The order of a session's requests is kept: whatever is not plain talk waits until the talk before
it is committed and shown.
"""

from __future__ import annotations

from trio_chat.commands.table import CommandTable
from trio_chat.errors import BadRequest, UnknownCommand
from trio_chat.events import Pong
from trio_chat.requests import (
    Hello,
    Input,
    Invocation,
    Lookalike,
    Page,
    Ping,
    Read,
    Request,
    parse_slash,
)
from trio_chat.server.delivery.session import Session
from trio_chat.server.intake.dispatch import Dispatcher
from trio_chat.server.intake.flood import Flood
from trio_chat.server.intake.hello import Hellos
from trio_chat.server.intake.pages import Pages
from trio_chat.server.intake.talk import Talking


class Requests:
    """Answers the requests of all sessions."""

    def __init__(
        self,
        table: CommandTable,
        flood: Flood,
        talking: Talking,
        hellos: Hellos,
        dispatcher: Dispatcher,
        pages: Pages,
    ) -> None:
        self._table = table
        self._flood = flood
        self._talking = talking
        self._hellos = hellos
        self._dispatcher = dispatcher
        self._pages = pages

    async def answer(self, session: Session, request: Request) -> None:
        """Do what *request* asks for.

        Raises:
            ChatError: it was refused.
        """
        if type(request) is Input:
            await self._input(session, request)
            return
        await session.settle()
        if type(request) is Hello:
            if session.member is not None:
                raise BadRequest("you have said hello already")
            await self._hellos.hello(session, request)
        elif type(request) is Ping:
            session.send(Pong(id=request.id))
        elif type(request) is Page:
            await self._pages.page(session, request)
        elif type(request) is Read:
            await self._pages.read(session, request)

    async def _input(self, session: Session, request: Input) -> None:
        if self._talking.say_nowait(session, request):
            return
        session.speaker()
        parsed = parse_slash(request.text)
        if isinstance(parsed, Invocation):
            await session.settle()
            if not self._table.is_free(parsed.name):
                await self._flood.pay(session, queries=self._table.reads(parsed.name))
            await self._dispatcher.run(session, request, parsed)
        elif isinstance(parsed, Lookalike):
            await session.settle()
            await self._flood.pay(session, queries=False)
            raise UnknownCommand(parsed.message)
        else:
            await self._talking.say(session, request, parsed)
