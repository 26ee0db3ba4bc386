"""The full screen: message pane, bars and input line, tied to the model and the connection.

It knows no wire. prompt_toolkit runs on an asyncio loop that is the guest of one trio task, so
everything here happens in trio's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from typing import Any

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from trio_chat.client.link.connection import Connection, Status
from trio_chat.client.settings.settings import Settings
from trio_chat.client.state.effects import Bell, Effect, Show
from trio_chat.client.state.line import safe_text
from trio_chat.client.state.model import Model
from trio_chat.client.state.passwords import wanted
from trio_chat.client.state.room import Room
from trio_chat.client.text.render import Renderer, Row
from trio_chat.client.ui.aiotrio import Aio, open_asyncio
from trio_chat.client.ui.full.bare import BARE_LINES, bare_lines, show_bare
from trio_chat.client.ui.full.bars import Fragments, room_bar, status_bar
from trio_chat.client.ui.full.keys import key_bindings
from trio_chat.client.ui.full.layout import Places
from trio_chat.client.ui.full.notify import Notifier
from trio_chat.client.ui.full.pane import Pane
from trio_chat.client.ui.full.scrollback import View
from trio_chat.client.ui.input.completion import ChatCompleter
from trio_chat.client.ui.input.history import open_history
from trio_chat.client.ui.input.question import PasteGuard, Question, Secret, separate
from trio_chat.client.ui.lists.found import events_of, found_list
from trio_chat.client.ui.lists.keylist import key_list
from trio_chat.client.ui.lists.listing import Listing
from trio_chat.client.ui.lists.roomlist import room_list
from trio_chat.events import Result, StoredEvent
from trio_chat.text import fold

# What somebody types is seen within this time. A redraw costs some 5 ms, so what others say is
# drawn less often while they say much; the first line after a pause is drawn at once.
REDRAW_SECONDS = 0.015
NEWS_SECONDS = 0.1
# After Escape this is waited for the rest of what may be another key.
ESCAPE_SECONDS = 0.1
# Whoever has pressed no key for this long is not taken for a reader.
READER_SECONDS = 300.0
PASTE_CHARACTERS = 2000
# The answers to these are shown as lists, and not as lines of the room.
LISTED = frozenset({"search"})


class FullScreen:
    """The screen of `run_client` for a terminal.

    Attributes:
        completer: what Tab offers.
        listing, question, secret: what is shown in place of the pane, or of the input line.
    """

    def __init__(self, model: Model, settings: Settings, aio: Aio) -> None:
        self.model = model
        self.settings = settings
        self.listing: Listing | None = None
        self.question: Question | None = None
        self.secret: Secret | None = None
        self.pane = Pane(model, Renderer(get_cwidth, settings.clock))
        self._aio = aio
        self._connection: Connection | None = None
        self._drawn = ""
        self._drawn_at = 0.0
        self._redraw: asyncio.TimerHandle | None = None  # for what was said since
        self._seen_room: Room | None = None
        self._key_at = trio.current_time()
        self._guard = PasteGuard(
            settings.paste.ask_lines, PASTE_CHARACTERS, settings.paste.most_bytes
        )
        self.completer = ChatCompleter(model)
        self.buffer = Buffer(
            multiline=False,
            accept_handler=self._accept,
            completer=self.completer,
            complete_while_typing=True,
            history=open_history(self._is_command),
            enable_history_search=True,
            auto_suggest=AutoSuggestFromHistory(),
            tempfile_suffix=".txt",
        )
        self.secret_buffer = Buffer(multiline=False)
        self._places = Places(self)
        self.app: Application[None] = Application(
            self._places.layout,
            style=Style.from_dict(settings.rules()),
            color_depth=ColorDepth.DEPTH_1_BIT if settings.is_monochrome() else None,
            mouse_support=settings.mouse,
            full_screen=True,
            key_bindings=key_bindings(self),
            min_redraw_interval=REDRAW_SECONDS,
        )
        self.app.ttimeoutlen = ESCAPE_SECONDS
        self.app.after_render += self._after_drawing
        self.app.key_processor.before_key_press += self._on_key
        self._notifier = Notifier(settings.notifications, lambda: self.app.output)
        model.listed = LISTED

    # --- `app.Screen`

    def on_effects(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Bell):
                self._notifier.tell(effect, trio.current_time())
            elif isinstance(effect, Show) and isinstance(effect.event, Result):
                self._on_result(effect.event)
        wait_seconds = self._drawn_at + NEWS_SECONDS - trio.current_time() if effects else 0
        if wait_seconds <= 0:
            self.app.invalidate()
        elif self._redraw is None:
            self._redraw = self._aio.loop.call_later(wait_seconds, self.app.invalidate)

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
            if _text(self._status()) != self._drawn:
                self.app.invalidate()

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    # --- for the layout

    def draw_title(self) -> Row:
        if self.listing is not None:
            return [("class:current", f" {self.listing.title}")]
        return room_bar(self.model)

    def draw_status(self) -> Fragments:
        row = self._status()
        self._drawn = _text(row)
        return row

    def draw_listing(self) -> Row:
        return self.listing.draw(self.pane.height) if self.listing else []

    def question_text(self) -> str:
        return self.question.text if self.question else ""

    def secret_label(self) -> str:
        return f" {self.secret.label}" if self.secret else ""

    def hint(self) -> str:
        """How the command that is typed is used; empty: none is."""
        is_typed = self.question is None and self.secret is None
        return self.completer.hint(self.buffer.text) if is_typed else ""

    def _status(self) -> Fragments:
        status = self._connection.status if self._connection else Status()
        return status_bar(
            self.model,
            status,
            trio.current_time(),
            columns=self.app.output.get_size().columns,
            clock=self.settings.clock,
            is_scrolled=self.pane.is_scrolled,
            on_click=self._go_to,
        )

    # --- for the keys

    def leave(self) -> None:
        if self.app.is_running and not self.app.is_done:
            self.app.exit()

    def go_to(self, number: int) -> None:
        """Go to the room with this number in the status bar, if there is one."""
        rooms = self.model.house.open_rooms
        if 1 <= number <= len(rooms):
            self._go_to(rooms[number - 1])

    def go_by(self, step: int) -> None:
        """Go to the next (1) or previous (-1) room."""
        rooms = self.model.house.open_rooms
        if self.model.house.current in rooms:
            index = rooms.index(self.model.house.current)
            self._go_to(rooms[(index + step) % len(rooms)])

    def go_to_called(self) -> None:
        """Go to the next room with a mention, else to the next one with something unread."""
        room = self.model.house.next_called()
        if room is not None:
            self._go_to(room)

    def show_keys(self) -> None:
        self._open_listing(key_list(self.settings))

    def show_rooms(self) -> None:
        self._open_listing(room_list(self.model.house, self.pane.renderer, self._go_to))

    def show_bare(self) -> None:
        """Show the lines of this room on the normal screen until a key is pressed."""
        view = View(self.model, self.model.house.current)
        newest = islice((view[i] for i in range(len(view))), max(0, len(view) - BARE_LINES), None)
        text = "\n".join(bare_lines(newest, self.settings.clock))
        self.app.create_background_task(show_bare(self.app, text))

    def close(self) -> None:
        """Go back to typing."""
        self.listing = self.question = self.secret = None
        self.secret_buffer.reset()
        self.app.layout.focus(self._places.input)

    def paste(self, text: str) -> None:
        """Take in what was pasted, or ask first."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if self._guard.is_too_long(text):
            self.question = Question(
                f"{self._guard.describe(text, {})}: too much", {"n": ("forget it", lambda: None)}
            )
        elif self._guard.is_long(text):
            self.question = Question(
                self._guard.describe(text, self.model.limits),
                {
                    "o": ("one message, to edit", partial(self.buffer.insert_text, text)),
                    "s": ("several, sent now", partial(self._say_each, text)),
                    "n": ("forget it", lambda: None),
                },
            )
        else:
            self.buffer.insert_text(text)
            return
        self.app.layout.focus(self._places.question)

    def give_secret(self) -> None:
        """Take what was typed without echo; send the command when it is complete."""
        text, connection = self.secret_buffer.text, self._connection
        self.secret_buffer.reset()
        whole = self.secret.give(text) if self.secret else None
        if whole is not None and connection is not None:
            self.close()
            connection.typed(whole, self.model.house.current)

    # --- inside

    def _on_key(self, _: object) -> None:
        self._key_at = trio.current_time()

    def _go_to(self, room: Room) -> None:
        self.close()
        self.model.house.go_to(room)
        self.app.invalidate()

    def _open_listing(self, listing: Listing) -> None:
        self.close()
        self.listing = listing
        self.app.layout.focus(self._places.listing)

    def _on_result(self, result: Result) -> None:
        events = events_of(result) if result.command in LISTED else []
        if events and self.secret is None and self.question is None:
            renderer = self.pane.renderer
            self._open_listing(found_list(events, renderer, self.settings.clock, self._jump))

    def _jump(self, event: StoredEvent) -> None:
        room = self.model.house.rooms.get(fold(event.room))
        if room is None or self._connection is None:
            return
        self._go_to(room)
        self.pane.show_seq(room, event.seq)
        self._connection.apply(self.model.jump(room, event.seq, trio.current_time()))

    def _say_each(self, text: str) -> None:
        for line in separate(text):
            if self._connection is not None:
                self._connection.typed(line, self.model.house.current)

    def _after_drawing(self, _: object) -> None:
        """What is in sight was read; what comes into sight soon is fetched."""
        room, connection, now = self.model.house.current, self._connection, trio.current_time()
        self._drawn_at = now
        if self._redraw is not None:
            self._redraw.cancel()
            self._redraw = None
        if room is None or connection is None:
            return
        if self._seen_room is not None and self._seen_room is not room:
            connection.apply(self.model.went_away(self._seen_room, now))
        self._seen_room = room
        if self.pane.edge is not None and (room.past is None or room.past.pull is None):
            connection.apply(self.model.pull(room, self.pane.edge, now))
        is_reader = now - self._key_at < READER_SECONDS
        sees_end = not self.pane.is_scrolled and self.listing is None
        self.model.house.watch(is_reader and sees_end, keeps_rule=is_reader)
        if self.model.house.is_watched and self.model.saw(room, now):
            connection.apply(())  # it is to be told in time

    def _accept(self, buffer: Buffer) -> bool:
        text = buffer.text
        if self._connection is None or not text.strip():
            return False
        if self.model.is_quit(text):
            self._connection.leave(text)
            self.leave()
        elif wanted(text):
            self.secret = Secret(safe_text(text), self.model.house.nick)
            self.app.layout.focus(self._places.secret)
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


def _text(fragments: Fragments) -> str:
    return "".join(fragment[1] for fragment in fragments)


@asynccontextmanager
async def open_full_screen(model: Model, settings: Settings) -> AsyncIterator[FullScreen]:
    """Open the loop that the screen runs on; the terminal is touched by `run` only."""
    async with open_asyncio() as aio:
        yield FullScreen(model, settings, aio)
