"""The desk: the parts of the full screen, and everything that a person can do with them.

It knows neither keys nor windows, and no wire.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice

import trio
from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.layout import FormattedTextControl, UIControl
from prompt_toolkit.utils import get_cwidth

from trio_chat.client.link.connection import Connection
from trio_chat.client.settings.settings import Settings
from trio_chat.client.state.model import Model
from trio_chat.client.state.passwords import wanted
from trio_chat.client.state.room.line import safe_text
from trio_chat.client.state.room.room import Room
from trio_chat.client.text.render import Renderer
from trio_chat.client.ui.full.bare import BARE_LINES, bare_lines, show_bare
from trio_chat.client.ui.full.bars import Fragments, room_bar, status_bar
from trio_chat.client.ui.full.pane import Pane
from trio_chat.client.ui.full.scrollback import Scrollback
from trio_chat.client.ui.input.completion import ChatCompleter
from trio_chat.client.ui.input.history import open_history
from trio_chat.client.ui.input.question import PasteGuard, Question, Secret, separate
from trio_chat.client.ui.lists.found import events_of, found_list
from trio_chat.client.ui.lists.keylist import key_list
from trio_chat.client.ui.lists.listing import Listing
from trio_chat.client.ui.lists.roomlist import room_list
from trio_chat.events import Result, StoredEvent
from trio_chat.text import fold

PASTE_CHARACTERS = 2000
# The answers to these are shown as lists, and not as lines of the room.
LISTED = frozenset({"search"})


class Desk:
    """The state of the full screen, and one method for each thing a person can do.

    Args:
        app: gives the application that all this is drawn by.

    Attributes:
        connection: is set before anything is drawn.
        pane: the messages of the current room.
        completer: what Tab offers.
        listing, question, secret: what is shown in place of the pane, or of the input line.
    """

    connection: Connection

    def __init__(
        self, model: Model, settings: Settings, app: Callable[[], Application[None]]
    ) -> None:
        self.model = model
        self.settings = settings
        self.listing: Listing | None = None
        self.question: Question | None = None
        self.secret: Secret | None = None
        self.pane = Pane(model, Renderer(get_cwidth, settings.clock))
        self._app = app
        self._guard = PasteGuard(
            settings.paste.ask_lines, PASTE_CHARACTERS, settings.paste.most_bytes
        )
        self.completer = ChatCompleter(model)
        self.buffer = Buffer(
            multiline=False,
            accept_handler=self._accept,
            completer=self.completer,
            complete_while_typing=True,
            history=open_history(lambda name: model.commands.find(name) is not None),
            enable_history_search=True,
            auto_suggest=AutoSuggestFromHistory(),
            tempfile_suffix=".txt",
        )
        self.secret_buffer = Buffer(multiline=False)
        self.question_control = FormattedTextControl(self._question_text, focusable=True)
        self.listing_control = FormattedTextControl(
            self._draw_listing, focusable=True, show_cursor=False
        )
        model.show_as_lists(LISTED)

    # --- what stands there

    @property
    def columns(self) -> int:
        return self._app().output.get_size().columns

    @property
    def rows(self) -> int:
        return self._app().output.get_size().rows

    def draw_title(self) -> Fragments:
        if self.listing is not None:
            return [("class:current", f" {self.listing.title}")]
        return [*room_bar(self.model)]

    def draw_status(self) -> Fragments:
        return status_bar(
            self.model,
            self.connection.status,
            trio.current_time(),
            columns=self.columns,
            clock=self.settings.clock,
            is_scrolled=self.pane.is_scrolled,
            on_click=self._go_to,
        )

    def secret_label(self) -> str:
        return f" {self.secret.label}" if self.secret else ""

    def hint(self) -> str:
        """Return how the command that is typed is used; empty: none is."""
        is_typed = self.question is None and self.secret is None
        return self.completer.hint(self.buffer.text) if is_typed else ""

    def _question_text(self) -> str:
        return self.question.text if self.question else ""

    def _draw_listing(self) -> Fragments:
        return [*self.listing.draw(self.pane.height)] if self.listing else []

    # --- going about

    def leave(self) -> None:
        app = self._app()
        if app.is_running and not app.is_done:
            app.exit()

    def go_to(self, number: int) -> None:
        """Go to the room with this number in the status bar, if there is one."""
        rooms = self.model.rooms.open_rooms
        if 1 <= number <= len(rooms):
            self._go_to(rooms[number - 1])

    def go_by(self, step: int) -> None:
        """Go to the next (1) or previous (-1) room."""
        rooms = self.model.rooms.open_rooms
        if self.model.rooms.current in rooms:
            index = rooms.index(self.model.rooms.current)
            self._go_to(rooms[(index + step) % len(rooms)])

    def go_to_called(self) -> None:
        """Go to the next room with a mention, else to the next one with something unread."""
        room = self.model.rooms.next_called()
        if room is not None:
            self._go_to(room)

    def _go_to(self, room: Room) -> None:
        self.close()
        self.model.rooms.go_to(room)
        self._app().invalidate()

    # --- in place of the pane

    def show_keys(self) -> None:
        self._open_listing(key_list(self.settings))

    def show_rooms(self) -> None:
        self._open_listing(room_list(self.model.rooms, self.pane.renderer, self._go_to))

    def show_found(self, result: Result) -> None:
        """Show what *result* found as a list, unless something is asked just now."""
        events = events_of(result) if result.command in LISTED else []
        if events and self.secret is None and self.question is None:
            renderer = self.pane.renderer
            self._open_listing(found_list(events, renderer, self.settings.clock, self._jump))

    def show_bare(self) -> None:
        """Show the lines of this room on the normal screen until a key is pressed."""
        lines = Scrollback(self.model, self.model.rooms.current)
        first = max(0, len(lines) - BARE_LINES)
        newest = islice((lines[i] for i in range(len(lines))), first, None)
        text = "\n".join(bare_lines(newest, self.settings.clock))
        app = self._app()
        app.create_background_task(show_bare(app, text))

    def close(self) -> None:
        """Go back to typing."""
        self.listing = self.question = self.secret = None
        self.secret_buffer.reset()
        self._focus(self.buffer)

    def _open_listing(self, listing: Listing) -> None:
        self.close()
        self.listing = listing
        self._focus(self.listing_control)

    def _jump(self, event: StoredEvent) -> None:
        room = self.model.rooms.by_name.get(fold(event.room))
        if room is None:
            return
        self._go_to(room)
        self.pane.show_seq(room, event.seq)
        self.connection.apply(self.model.jump(room, event.seq, trio.current_time()))

    def _focus(self, part: Buffer | UIControl) -> None:
        self._app().layout.focus(part)

    # --- what is typed

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
        self._focus(self.question_control)

    def _say_each(self, text: str) -> None:
        for line in separate(text):
            self.connection.typed(line, self.model.rooms.current)

    def give_secret(self) -> None:
        """Take what was typed without echo; send the command when it is complete."""
        text = self.secret_buffer.text
        self.secret_buffer.reset()
        whole = self.secret.give(text) if self.secret else None
        if whole is not None:
            self.close()
            self.connection.typed(whole, self.model.rooms.current)

    def _accept(self, buffer: Buffer) -> bool:
        text = buffer.text
        if not text.strip():
            return False
        if self.model.inputs.is_quit(text):
            self.connection.leave(text)
            self.leave()
        elif wanted(text):
            self.secret = Secret(safe_text(text), self.model.rooms.nick)
            self._focus(self.secret_buffer)
        else:
            self.pane.follow()
            self.connection.typed(text, self.model.rooms.current)
        return False  # clear the line
