"""The full screen: it ties the desk to the terminal, the model and the connection.

It knows no wire. prompt_toolkit runs on an asyncio loop that is the guest of one trio task, so
everything here happens in trio's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from trio_chat.client.link.connection import Connection
from trio_chat.client.settings.settings import Settings
from trio_chat.client.state.effects import Bell, Effect, Show
from trio_chat.client.state.model import Model
from trio_chat.client.state.room.room import Room
from trio_chat.client.ui.aiotrio import Aio, open_asyncio
from trio_chat.client.ui.full.bars import Fragments
from trio_chat.client.ui.full.desk import Desk
from trio_chat.client.ui.full.keys import key_bindings
from trio_chat.client.ui.full.layout import make_layout
from trio_chat.client.ui.full.notify import Notifier
from trio_chat.client.ui.input.keyboard import tell_escape_apart
from trio_chat.client.ui.input.paste import PasteInput
from trio_chat.events import Result

# What somebody types is seen within this time. A redraw costs some 5 ms, so what others say is
# drawn less often while they say much; the first line after a pause is drawn at once.
REDRAW_SECONDS = 0.015
NEWS_SECONDS = 0.1
# Whoever has pressed no key for this long is not taken for a reader.
READER_SECONDS = 300.0


class FullScreen:
    """The screen of `run_client` for a terminal."""

    def __init__(self, model: Model, settings: Settings, aio: Aio) -> None:
        self._model = model
        self._aio = aio
        self._drawn_at = 0.0
        self._redraw: asyncio.TimerHandle | None = None  # for what was said since
        self._seen_room: Room | None = None
        self._key_at = trio.current_time()
        self._drawn = ""
        self._desk = Desk(model, settings, lambda: self._app)
        self._app: Application[None] = Application(
            make_layout(self._desk, self._draw_status),
            style=Style.from_dict(settings.rules()),
            color_depth=ColorDepth.DEPTH_1_BIT if settings.is_monochrome() else None,
            mouse_support=settings.mouse,
            full_screen=True,
            input=PasteInput(get_app_session().input),
            key_bindings=key_bindings(self._desk),
            min_redraw_interval=REDRAW_SECONDS,
        )
        tell_escape_apart(self._app)
        self._app.after_render += self._after_drawing
        self._app.key_processor.before_key_press += self._on_key
        self._notifier = Notifier(settings.notifications, lambda: self._app.output)

    # --- `app.Screen`

    def on_effects(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Bell):
                self._notifier.tell(effect, trio.current_time())
            elif isinstance(effect, Show) and isinstance(effect.event, Result):
                self._desk.show_found(effect.event)
        self._desk.come_to_current()
        wait_seconds = self._drawn_at + NEWS_SECONDS - trio.current_time() if effects else 0
        if wait_seconds <= 0:
            self._app.invalidate()
        elif self._redraw is None:
            self._redraw = self._aio.loop.call_later(wait_seconds, self._app.invalidate)

    def on_status(self) -> None:
        self._app.invalidate()

    async def keep_pace(self) -> None:
        await trio.lowlevel.checkpoint()

    async def run(self, connection: Connection) -> None:
        """Return when the person leaves, the terminal restored.

        Raises:
            OSError: EIO, the terminal is gone.
        """
        self._desk.connection = connection
        self._aio.loop.set_exception_handler(self._on_bug)
        await self._aio.run(self._app.run_async, handle_sigint=False, set_exception_handler=False)

    async def serve(self) -> None:
        """Keep the clock and the countdown going."""
        while True:
            await trio.sleep(1)
            if self._drawn and self._changing_text(self._desk.draw_status()) != self._drawn:
                self._app.invalidate()

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    # --- inside

    def _draw_status(self) -> Fragments:
        row = self._desk.draw_status()
        self._drawn = self._changing_text(row)
        return row

    def _changing_text(self, status: Fragments) -> str:
        """Return what changes with time alone."""
        return "".join(fragment[1] for fragment in status) + self._desk.hint()

    def _on_key(self, _: object) -> None:
        self._key_at = trio.current_time()

    def _after_drawing(self, _: object) -> None:
        """Note that what is in sight was read, and fetch what comes into sight soon."""
        room, now = self._model.rooms.current, trio.current_time()
        self._drawn_at = now
        if self._redraw is not None:
            self._redraw.cancel()
            self._redraw = None
        if room is None:
            return
        connection, pane = self._desk.connection, self._desk.pane
        if self._seen_room is not None and self._seen_room is not room:
            connection.apply(self._model.went_away(self._seen_room, now))
        self._seen_room = room
        if pane.edge is not None and (room.past is None or room.past.pull is None):
            connection.apply(self._model.pull(room, pane.edge, now))
        self._note_reading(room, now)

    def _note_reading(self, room: Room, now: float) -> None:
        """Take the newest lines of *room* for read, if they are in sight and somebody is there."""
        is_reader = now - self._key_at < READER_SECONDS
        sees_end = not self._desk.pane.is_scrolled and self._desk.listing is None
        self._model.rooms.watch(is_reader and sees_end, keeps_rule=is_reader)
        if self._model.rooms.is_watched and self._model.saw(room, now):
            self._desk.connection.apply(())  # it is to be told in time

    def _on_bug(self, loop: object, context: dict[str, Any]) -> None:
        """End the client, not only the redraw, at an exception in a key binding or a redraw."""
        exc = context.get("exception")
        if exc is not None and self._app.is_running and not self._app.is_done:
            self._app.exit(exception=exc)


@asynccontextmanager
async def open_full_screen(model: Model, settings: Settings) -> AsyncIterator[FullScreen]:
    """Open the loop that the screen runs on; the terminal is touched by `run` only."""
    async with open_asyncio() as aio:
        yield FullScreen(model, settings, aio)
