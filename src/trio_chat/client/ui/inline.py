"""The inline screen: a prompt at the bottom of the normal terminal, events printed above it.

It keeps the terminal's own scrollback. Printing is batched: one erase, print and redraw per frame,
however many lines arrived.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from prompt_toolkit import PromptSession
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.application.run_in_terminal import run_in_terminal
from prompt_toolkit.filters import Always
from prompt_toolkit.history import DummyHistory
from prompt_toolkit.key_binding import KeyBindingsBase, KeyPressEvent, merge_key_bindings
from prompt_toolkit.keys import Keys as Key
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.styles import Style

from trio_chat.client.link.connection import Connection
from trio_chat.client.link.status import Status
from trio_chat.client.settings.settings import Settings
from trio_chat.client.state.effects import Bell, Effect, Show
from trio_chat.client.state.inputs import beginning
from trio_chat.client.state.model import Model
from trio_chat.client.state.passwords import wanted
from trio_chat.client.state.room.line import safe_text, shown_room
from trio_chat.client.state.room.room import Room
from trio_chat.client.ui.aiotrio import Aio, open_asyncio
from trio_chat.client.ui.input.completion import ChatCompleter
from trio_chat.client.ui.input.drafts import Drafts
from trio_chat.client.ui.input.drawing import DrawSteady
from trio_chat.client.ui.input.history import open_history
from trio_chat.client.ui.input.keyboard import (
    LEAVE_SECONDS,
    Keys,
    bind_rooms,
    question_keys,
    tell_escape_apart,
    typing_keys,
)
from trio_chat.client.ui.input.masking import MaskPasswords
from trio_chat.client.ui.input.paste import (
    PASTE_CHARACTERS,
    PasteGuard,
    PasteInput,
    UnmarkedPaste,
    cleaned,
    separate,
)
from trio_chat.client.ui.input.question import Question, Secret
from trio_chat.wire.render_text import render

FRAME_SECONDS = 0.04
BATCH_LINES = 1000
# Beyond this many lines that are not printed yet the server is not read from.
UNPRINTED_LINES = 10_000
_NO_STYLE = Style([])


class Interrupt(Exception):
    """Ctrl-C was pressed at the prompt; KeyboardInterrupt would take the loop down."""


class InlineScreen:
    """The screen of `run_client` for `--screen inline`."""

    def __init__(self, model: Model, settings: Settings, aio: Aio) -> None:
        self._model = model
        self._settings = settings
        self._aio = aio
        self._connection: Connection | None = None
        self._question: Question | None = None
        self._guard = PasteGuard(
            settings.paste.ask_lines, PASTE_CHARACTERS, settings.paste.most_bytes
        )
        self._leave_until = 0.0  # Ctrl-C leaves until then, in monotonic seconds
        self._lines: list[str] = []
        self._queued = trio.Event()
        self._printed = trio.Event()
        keyboard = PasteInput(get_app_session().input)
        self._session: PromptSession[str] = PromptSession(
            self._prompt,
            interrupt_exception=Interrupt,
            erase_when_done=True,
            color_depth=ColorDepth.DEPTH_1_BIT if settings.is_monochrome() else None,
            completer=ChatCompleter(model),
            history=open_history(lambda name: model.commands.find(name) is not None),
            input_processors=[MaskPasswords(), DrawSteady()],
            key_bindings=self._bindings(),
            input=keyboard,
        )
        self._secret_session: PromptSession[str] = PromptSession(
            interrupt_exception=Interrupt,
            erase_when_done=True,
            is_password=True,
            history=DummyHistory(),
            key_bindings=merge_key_bindings([typing_keys(), self._secret_keys()]),
            input=keyboard,
        )
        for session in (self._session, self._secret_session):
            tell_escape_apart(session.app)
        self._drafts = Drafts(self._session.default_buffer)

    def _bindings(self) -> KeyBindingsBase:
        keys = Keys(self._settings, Always())
        bind_rooms(keys, self._model.rooms, self._go_to)

        @keys.on("suspend")
        def suspend(event: KeyPressEvent) -> None:
            event.app.suspend_to_background()

        @keys.add(Key.BracketedPaste)
        def paste(event: KeyPressEvent) -> None:
            is_marked = not isinstance(event.key_sequence[-1], UnmarkedPaste)
            self._paste(event.data, is_marked=is_marked)

        keys.ignore_others()
        questions = question_keys(self._settings, lambda: self._question, self._close_question)
        return merge_key_bindings([typing_keys(), keys, questions])

    def _secret_keys(self) -> Keys:
        keys = Keys(self._settings, Always())

        @keys.add(Key.BracketedPaste)
        def paste(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("".join(event.data.splitlines()))

        keys.ignore_others()
        return keys

    # --- `app.Screen`

    def on_effects(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Bell):
                self._session.output.bell()
            elif isinstance(effect, Show):
                self._lines += render(effect.event)
                if effect.refused:
                    self._lines.append(f"* not sent: {beginning(effect.refused)!r}")
        self._drafts.come_to(self._model.rooms.current)
        if self._lines:
            self._queued.set()

    def on_status(self) -> None:
        self._session.app.invalidate()
        status = self._connection.status if self._connection else Status()
        if status.state == "offline" and not self._model.has_been_online:
            seconds = max(0, math.ceil(status.retry_at - trio.current_time()))
            self._lines.append(f"* {status.reason}; trying again in {seconds} s")
            self._queued.set()

    async def keep_pace(self) -> None:
        while len(self._lines) > UNPRINTED_LINES:
            await self._printed.wait()
        await trio.lowlevel.checkpoint()

    async def run(self, connection: Connection) -> None:
        """Return when the person leaves, the terminal restored.

        Between two prompts the terminal stays raw: cooked it would echo what is typed, make a
        signal of Ctrl-C and swallow Ctrl-D.
        """
        self._connection = connection
        with self._session.app.input.raw_mode():
            while (text := await self.read_line()) is not None:
                self._was_read(connection)
                if self._model.inputs.is_quit(text):
                    connection.leave(text)
                    return
                if wanted(text):
                    text = await self._read_secret(Secret(safe_text(text), self._model.rooms.nick))
                if text and text.strip():
                    connection.typed(text, self._model.rooms.current)

    async def serve(self) -> None:
        while True:
            await self._queued.wait()
            self._queued = trio.Event()
            while self._lines:
                batch, self._lines = self._lines[:BATCH_LINES], self._lines[BATCH_LINES:]
                await self._aio.run(self._print, "".join(f"{line}\n" for line in batch))
                self._printed.set()
                self._printed = trio.Event()
                await trio.sleep(FRAME_SECONDS)

    async def flush(self) -> None:
        while self._lines:
            await self._printed.wait()
        await trio.lowlevel.checkpoint()

    # --- the prompt

    async def read_line(self) -> str | None:
        """Return the next entered line, None at the end. Cancelled, it keeps what was typed."""
        buffer = self._session.default_buffer
        while True:
            try:
                text = await self._aio.run(
                    self._session.prompt_async, default=buffer.document, handle_sigint=False
                )
            except EOFError:
                return None
            except Interrupt:
                if not buffer.text and self._is_leaving():
                    return None
                buffer.reset()
            else:
                buffer.reset()
                return text

    def _is_leaving(self) -> bool:
        """Return whether Ctrl-C, which also clears the line, was pressed twice to leave."""
        now = trio.current_time()
        if now < self._leave_until:
            return True
        self._leave_until = now + LEAVE_SECONDS
        self._lines.append(f"* Ctrl-C again within {LEAVE_SECONDS:.0f} s leaves")
        self._queued.set()
        return False

    def _go_to(self, room: Room) -> None:
        self._model.rooms.go_to(room)
        self._drafts.come_to(room)

    def _paste(self, text: str, *, is_marked: bool) -> None:
        """Take in what was pasted, or ask first. *is_marked*: the terminal says it was pasted."""
        text, buffer = cleaned(text), self._session.default_buffer
        limits = self._model.limits
        self._question = self._guard.question(
            text, limits, buffer.insert_text, self._say_each, is_marked=is_marked
        )
        if self._question is None:
            buffer.insert_text(text)

    def _say_each(self, text: str) -> None:
        if self._connection is not None:
            for line in separate(text):
                self._connection.typed(line, self._model.rooms.current)

    def _close_question(self) -> None:
        self._question = None

    def _was_read(self, connection: Connection) -> None:
        """Take what stands above the prompt for read: somebody has typed below it."""
        now = trio.current_time()
        rooms = self._model.rooms.open_rooms
        for room in rooms:
            room.start_reading()
        is_new = [self._model.saw(room, now) for room in rooms]
        if any(is_new):
            connection.apply(())  # it is to be told in time

    async def _read_secret(self, secret: Secret) -> str:
        """Ask for what a command lacks, without echo; return it whole, or nothing."""
        while True:
            try:
                given = await self._aio.run(
                    self._secret_session.prompt_async, secret.label, handle_sigint=False
                )
            except (EOFError, Interrupt):
                return ""
            if whole := secret.give(given):
                return whole

    async def _print(self, text: str) -> None:
        def emit() -> None:
            print_formatted_text(self._session.output, [("", text)], _NO_STYLE)

        if self._session.app.is_running or self._secret_session.app.is_running:
            await run_in_terminal(emit)
        else:
            emit()

    def _prompt(self) -> str:
        if self._question is not None:
            return f"{self._question.text} "
        room = self._model.rooms.current
        return f"{shown_room(room.name) if room else self._model.rooms.nick} ❯ "


@asynccontextmanager
async def open_inline_screen(model: Model, settings: Settings) -> AsyncIterator[InlineScreen]:
    async with open_asyncio() as aio:
        yield InlineScreen(model, settings, aio)
