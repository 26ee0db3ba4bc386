"""The desk: the parts of the full screen, and everything that a person can do with them.

It knows neither keys nor windows, and no wire.
"""

from __future__ import annotations

from collections.abc import Callable
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
from trio_chat.client.state.room.line import safe_text, shown_room
from trio_chat.client.state.room.room import Room
from trio_chat.client.text.render import Renderer
from trio_chat.client.ui.full.bare import BARE_LINES, bare_lines, show_bare
from trio_chat.client.ui.full.bars import Fragments, room_bar, status_bar
from trio_chat.client.ui.full.pane import Pane
from trio_chat.client.ui.full.scrollback import Scrollback
from trio_chat.client.ui.input.completion import ChatCompleter
from trio_chat.client.ui.input.drafts import Drafts
from trio_chat.client.ui.input.history import open_history
from trio_chat.client.ui.input.keyboard import LEAVE_SECONDS
from trio_chat.client.ui.input.paste import PASTE_CHARACTERS, PasteGuard, cleaned, separate
from trio_chat.client.ui.input.question import Question, Secret
from trio_chat.client.ui.lists.found import events_of, found_list
from trio_chat.client.ui.lists.keylist import key_list
from trio_chat.client.ui.lists.listing import Listing
from trio_chat.client.ui.lists.roomlist import room_list
from trio_chat.events import Result, StoredEvent
from trio_chat.text import fold

# The room's name before the input line has at most this share of the columns.
ROOM_SHARE = 3
# The answers to these are shown as lists, and not as lines of the room.
LISTED = frozenset({"search"})

# Stands in the input line until somebody types there.
GREETING = "F1 lists the keys, /help the commands"


class Desk:
    """The state of the full screen, and one method for each thing a person can do.

    Args:
        app: gives the application that all this is drawn by.

    Attributes:
        connection: is set before anything is drawn.
        pane: the messages of the current room.
        completer: what Tab offers.
        listing, question, secret: what is shown in place of the pane, or of the input line.
        buffer, secret_buffer, filter_buffer: the line for what is said, for a password, and for
            the words that the rows of a list are to hold.
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
        self._has_typed = False
        self.buffer = Buffer(
            multiline=False,
            accept_handler=self._accept,
            on_text_changed=self._greeted,
            completer=self.completer,
            complete_while_typing=True,
            history=open_history(lambda name: model.commands.find(name) is not None),
            enable_history_search=True,
            auto_suggest=AutoSuggestFromHistory(),
            tempfile_suffix=".txt",
        )
        self.secret_buffer = Buffer(multiline=False)
        self.filter_buffer = Buffer(multiline=False, on_text_changed=self._filter)
        self._drafts = Drafts(self.buffer)
        self._leave_until = 0.0  # Ctrl-C leaves until then, in monotonic seconds
        self.question_control = FormattedTextControl(self._question_text, focusable=True)
        self.listing_control = FormattedTextControl(self._draw_listing, show_cursor=False)
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
        return [*room_bar(self.model, self.connection.status)]

    def draw_status(self) -> Fragments:
        return status_bar(
            self.model,
            self.connection.status,
            trio.current_time(),
            columns=self.columns,
            clock=self.settings.clock,
            is_scrolled=self.pane.is_scrolled,
            on_click=self.go_to,
        )

    def prompt(self) -> str:
        """Return what stands before the input line: where it is said, and by whom."""
        room = self.model.rooms.current
        if room is None:
            return f"{self.model.rooms.nick} ❯ "
        name = self.pane.renderer.measure.fit(shown_room(room.name), self.columns // ROOM_SHARE)
        return f"{name} {self.model.rooms.nick} ❯ "

    def greeting(self) -> str:
        """Return what helps somebody who has not typed anything yet."""
        return "" if self._has_typed else GREETING

    def secret_label(self) -> str:
        return f" {self.secret.label}" if self.secret else ""

    def hint(self) -> str:
        """Return how the command that is typed is used, or how to leave; empty: nothing."""
        if trio.current_time() < self._leave_until:
            return f" Ctrl-C again within {LEAVE_SECONDS:.0f} s leaves "
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

    def leave_if_meant(self) -> None:
        """Leave when this is asked for twice within LEAVE_SECONDS."""
        now = trio.current_time()
        if now < self._leave_until:
            self.leave()
        self._leave_until = now + LEAVE_SECONDS

    def come_to_current(self) -> None:
        """Bring the draft of the room that is current now, whoever made it so."""
        self._drafts.come_to(self.model.rooms.current)

    def go_to(self, room: Room) -> None:
        """Talk in *room* from now on."""
        self.close()
        self.model.rooms.go_to(room)
        self.come_to_current()
        self._app().invalidate()

    # --- in place of the pane

    def show_keys(self) -> None:
        self._open_listing(key_list(self.settings))

    def show_rooms(self) -> None:
        self._open_listing(room_list(self.model.rooms, self.pane.renderer, self.go_to))

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
        self.filter_buffer.reset()
        self._focus(self.buffer)

    @property
    def is_filtering(self) -> bool:
        """True while what is typed filters a list."""
        return self.listing is not None and self.listing.can_filter

    def _open_listing(self, listing: Listing) -> None:
        """Show *listing*. Only one that can be filtered takes what is typed: the answer to a search
        may come in the middle of a line."""
        self.close()
        self.listing = listing
        if listing.can_filter:
            self._focus(self.filter_buffer)

    def _filter(self, buffer: Buffer) -> None:
        if self.listing is not None:
            self.listing.filter(buffer.text)

    def _jump(self, event: StoredEvent) -> None:
        room = self.model.rooms.by_name.get(fold(event.room))
        if room is None:
            return
        self.go_to(room)
        self.pane.show_seq(room, event.seq)
        self.connection.apply(self.model.jump(room, event.seq, trio.current_time()))

    def show_marker(self) -> None:
        """Show where reading stopped, however long ago that was."""
        seq, room = self.pane.show_marker(), self.model.rooms.current
        if seq is not None and room is not None:
            self.connection.apply(self.model.jump(room, seq, trio.current_time()))

    def _focus(self, part: Buffer | UIControl) -> None:
        self._app().layout.focus(part)

    # --- what is typed

    def clear(self) -> None:
        """Empty the input line."""
        self._leave_until = 0.0
        self.buffer.reset()

    def paste(self, text: str, *, is_marked: bool) -> None:
        """Take in what was pasted, or ask first. *is_marked*: the terminal says it was pasted."""
        text = cleaned(text)
        self.question = self._guard.question(
            text,
            self.model.limits,
            self.buffer.insert_text,
            self._say_each,
            is_marked=is_marked,
        )
        if self.question is None:
            self.buffer.insert_text(text)
        else:
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

    def send(self) -> None:
        """Say what stands in the input line, or do what it commands."""
        text = self.buffer.text
        self.buffer.reset(append_to_history=True)  # what follows may bring another draft
        if not text.strip():
            return
        self.listing = None
        if self.model.inputs.is_quit(text):
            self.connection.leave(text)
            self.leave()
        elif wanted(text):
            self.secret = Secret(safe_text(text), self.model.rooms.nick)
            self._focus(self.secret_buffer)
        else:
            self.pane.follow()
            self.connection.typed(text, self.model.rooms.current)

    def _greeted(self, _: Buffer) -> None:
        self._has_typed = True

    def _accept(self, _: Buffer) -> bool:
        self.send()
        return True  # the buffer is as it should be
