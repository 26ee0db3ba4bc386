"""The full screen: message pane, bars and input line, tied to the model and the connection.

It knows no wire. prompt_toolkit runs on an asyncio loop that is the guest of one trio task, so
everything here happens in trio's thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from trio_chat.client.aiotrio import Aio, open_asyncio
from trio_chat.client.connection import Connection, Status
from trio_chat.client.effects import Bell, Effect
from trio_chat.client.model import Model
from trio_chat.client.render import Renderer
from trio_chat.client.rooms import Room
from trio_chat.client.settings import Settings
from trio_chat.client.ui.bars import member_list, room_bar, status_bar
from trio_chat.client.ui.completion import ChatCompleter
from trio_chat.client.ui.history import open_history
from trio_chat.client.ui.keys import key_bindings
from trio_chat.client.ui.pane import Pane

# Redraws are throttled to this: 30 a second look immediate.
REDRAW_SECONDS = 0.03
# The member list takes 16 columns; the text keeps at least 50.
MEMBERS_FROM_COLUMNS = 84
MEMBERS_COLUMNS = 16
INPUT_ROWS = 6


class FullScreen:
    """The screen of `run_client` for a terminal."""

    def __init__(self, model: Model, settings: Settings, aio: Aio) -> None:
        self.model = model
        self.settings = settings
        self.pane = Pane(model, Renderer(get_cwidth))
        self._aio = aio
        self._connection: Connection | None = None
        self._drawn = ""
        self._seen_room: Room | None = None
        self.buffer = Buffer(
            multiline=False,
            accept_handler=self._accept,
            completer=ChatCompleter(model),
            complete_while_typing=True,
            history=open_history(self._is_command),
        )
        self.app: Application[None] = Application(
            _layout(self),
            style=Style.from_dict(settings.rules()),
            color_depth=ColorDepth.DEPTH_1_BIT if settings.is_monochrome() else None,
            mouse_support=settings.mouse,
            full_screen=True,
            key_bindings=key_bindings(self),
            min_redraw_interval=REDRAW_SECONDS,
        )
        self.app.after_render += self._after_drawing

    # --- `app.Screen`

    def on_effects(self, effects: Sequence[Effect]) -> None:
        if any(isinstance(effect, Bell) for effect in effects):
            self.app.output.bell()
        self.app.invalidate()

    def on_status(self) -> None:
        self.app.invalidate()

    async def keep_pace(self) -> None:
        await trio.lowlevel.checkpoint()

    async def run(self, connection: Connection) -> None:
        """Return when the person leaves, the terminal restored.

        Raises:
            OSError: EIO, the terminal is gone.
        """
        self._connection = connection
        self._aio.loop.set_exception_handler(self._on_bug)
        await self._aio.run(self.app.run_async, handle_sigint=False, set_exception_handler=False)

    async def serve(self) -> None:
        """Keep the clock and the countdown going."""
        while True:
            await trio.sleep(1)
            if "".join(text for _, text in self.status()) != self._drawn:
                self.app.invalidate()

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    # --- for the layout and the keys

    def status(self) -> list[tuple[str, str]]:
        status = self._connection.status if self._connection else Status()
        return status_bar(
            self.model, status, trio.current_time(), is_scrolled=self.pane.is_scrolled
        )

    def draw_status(self) -> list[tuple[str, str]]:
        row = self.status()
        self._drawn = "".join(text for _, text in row)
        return row

    def leave(self) -> None:
        if self.app.is_running and not self.app.is_done:
            self.app.exit()

    def go_to(self, number: int) -> None:
        """Go to the room with this number in the status bar, if there is one."""
        rooms = list(self.model.house.rooms.values())
        if 1 <= number <= len(rooms):
            self.model.house.go_to(rooms[number - 1])
            self.app.invalidate()

    def go_by(self, step: int) -> None:
        """Go to the next (1) or previous (-1) room."""
        rooms = list(self.model.house.rooms.values())
        if self.model.house.current in rooms:
            index = rooms.index(self.model.house.current)
            self.go_to((index + step) % len(rooms) + 1)

    def _after_drawing(self, _: object) -> None:
        """What is in sight was read; what comes into sight soon is fetched."""
        room, connection = self.model.house.current, self._connection
        if room is None or connection is None:
            return
        if self._seen_room is not None and self._seen_room is not room:
            connection.apply(self.model.went_away(self._seen_room, trio.current_time()))
        self._seen_room = room
        if self.pane.edge is not None and (room.past is None or room.past.pull is None):
            connection.apply(self.model.pull(room, self.pane.edge, trio.current_time()))
        self.model.house.watch(not self.pane.is_scrolled)
        if self.model.house.is_watched and self.model.saw(room, trio.current_time()):
            connection.apply(())  # it is to be told in time

    def _accept(self, buffer: Buffer) -> bool:
        text = buffer.text
        if self._connection is None or not text.strip():
            return False
        if self.model.is_quit(text):
            self._connection.leave(text)
            self.leave()
        else:
            self.pane.follow()
            self._connection.typed(text, self.model.house.current)
        return False  # clear the line

    def _is_command(self, name: str) -> bool:
        return any(name == c.name or name in c.aliases for c in self.model.commands)

    def _on_bug(self, loop: object, context: dict[str, Any]) -> None:
        """An exception in a key binding or a redraw ends the client, and not only the redraw."""
        exc = context.get("exception")
        if exc is not None and self.app.is_running and not self.app.is_done:
            self.app.exit(exception=exc)


def _layout(screen: FullScreen) -> Layout:
    prompt = BeforeInput(lambda: f"{screen.model.house.nick} ❯ ", style="class:prompt")
    control = BufferControl(screen.buffer, input_processors=[prompt])
    members = Window(
        FormattedTextControl(lambda: [*member_list(screen.model, screen.pane.height)]),
        width=MEMBERS_COLUMNS,
        wrap_lines=False,
    )
    is_wide = Condition(lambda: screen.app.output.get_size().columns >= MEMBERS_FROM_COLUMNS)
    body = VSplit(
        [
            Window(screen.pane),
            ConditionalContainer(
                VSplit([Window(width=1, char="│", style="class:rule"), members]), filter=is_wide
            ),
        ]
    )
    rows = HSplit(
        [
            Window(
                FormattedTextControl(lambda: [*room_bar(screen.model)]), height=1, style="class:bar"
            ),
            body,
            Window(
                FormattedTextControl(lambda: [*screen.draw_status()]), height=1, style="class:bar"
            ),
            Window(
                control,
                height=Dimension(min=1, max=INPUT_ROWS),
                wrap_lines=True,
                dont_extend_height=True,
            ),
        ]
    )
    menu = Float(CompletionsMenu(max_height=8, scroll_offset=1), xcursor=True, ycursor=True)
    return Layout(FloatContainer(rows, [menu]), focused_element=control)


@asynccontextmanager
async def open_full_screen(model: Model, settings: Settings) -> AsyncIterator[FullScreen]:
    """Open the loop that the screen runs on; the terminal is touched by `run` only."""
    async with open_asyncio() as aio:
        yield FullScreen(model, settings, aio)
