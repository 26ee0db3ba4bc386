"""From the options to an exit code: chooses the screen, links it to a server, answers signals.

It opens the client's one nursery, and prints the last words when the terminal is itself again.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from typing import Protocol

import trio

from trio_chat.client.link.connection import Connection
from trio_chat.client.link.dial import Dial, dial_tcp, dial_tls
from trio_chat.client.link.failures import LoginRefused, Refused, Unreachable
from trio_chat.client.settings.options import ClientOptions, choose_screen
from trio_chat.client.settings.settings import ScreenKind
from trio_chat.client.state.effects import Effect
from trio_chat.client.state.model import Model
from trio_chat.client.text.printer import Printer
from trio_chat.client.text.transcript import Transcript, open_transcript
from trio_chat.client.ui.plain import PlainScreen

EXIT_QUIT = 0
EXIT_UNREACHABLE = 3

# A script is better told than kept waiting for ever; a person can press Ctrl-C.
PLAIN_GIVE_UP_SECONDS = 60.0
# What was received is still printed at the end, unless nobody takes it.
FLUSH_SECONDS = 5.0


class Screen(Protocol):
    """One of the screens in `ui`."""

    def on_effects(self, effects: Sequence[Effect]) -> None:
        """Show a batch; called for every batch that was received, also an empty one."""

    def on_status(self) -> None:
        """Show `Connection.status`, which has changed."""

    async def keep_pace(self) -> None:
        """Wait while the screen cannot take more."""

    async def run(self, connection: Connection) -> None:
        """Return when the person leaves."""

    async def serve(self) -> None:
        """Do what goes on beside `run`; is cancelled at the end."""

    async def flush(self) -> None:
        """Wait until everything is shown."""


async def run_client(options: ClientOptions, dial: Dial | None = None) -> int:
    """Talk until the person leaves; return the exit code. *dial*: opens the link, if not TCP.

    0: left. 3: the server cannot be reached, does not want us, or did not take a script's line.
    128 + n: ended by signal n.

    Raises:
        LoginRefused: account, password or token are wrong, at the start; nothing was said about it.
        ConfigError: the file for the transcript cannot be written.
    """
    kind = _choose_screen(options)
    model = Model(options.nick, options.room, highlights=options.settings.highlights)
    with _open_transcript(options.settings.log_file) as transcript:
        async with _open_screen(kind, model, options) as screen:
            connection = Connection(
                dial or _dial(options),
                model,
                address=f"{options.host}:{options.port}",
                login=options.login,
                give_up_seconds=PLAIN_GIVE_UP_SECONDS if kind == "plain" else inf,
                waits_for_nick=kind != "plain",
                on_effects=partial(_show, [*transcript, screen]),
                keep_pace=partial(_keep_pace, screen, transcript),
                on_status=screen.on_status,
                on_welcome=options.on_welcome,
            )
            end = await _talk_to_the_end(connection, screen, transcript)
    if isinstance(end.error, LoginRefused) and not model.has_been_online:
        raise end.error
    is_script = isinstance(screen, PlainScreen)
    code = _last_words(end, model, is_script=is_script)
    is_incomplete = isinstance(screen, PlainScreen) and screen.was_refused
    for name, printer in _printers(screen, transcript, options):
        if printer.error is not None:
            _say(f"trio-chat: {name}: cannot be written: {printer.error.strerror}")
            is_incomplete = True
    return EXIT_UNREACHABLE if code == EXIT_QUIT and is_incomplete else code


def _printers(
    screen: Screen, transcripts: Sequence[Transcript], options: ClientOptions
) -> Iterator[tuple[str, Printer]]:
    """Yield what was printed to, with its name."""
    if isinstance(screen, PlainScreen):
        yield "stdout", screen.stdout
    for transcript in transcripts:
        yield options.settings.log_file, transcript.printer


def _show(viewers: Sequence[Screen | Transcript], effects: Sequence[Effect]) -> None:
    for viewer in viewers:
        viewer.on_effects(effects)


async def _keep_pace(screen: Screen, transcripts: Sequence[Transcript]) -> None:
    for transcript in transcripts:
        await transcript.printer.wait_below()
    await screen.keep_pace()


@dataclass(slots=True)
class _End:
    """How the chat came to an end: by which signals, or by which error."""

    signals: list[int] = field(default_factory=list)
    error: Unreachable | Refused | None = None


async def _talk_to_the_end(
    connection: Connection, screen: Screen, transcripts: Sequence[Transcript]
) -> _End:
    end = _End()
    # A hangup shows in a redraw, often before its signal: that one must not kill us at the end.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    await _talk(connection, screen, transcripts, end)
    if signal.SIGHUP not in end.signals:
        signal.signal(signal.SIGHUP, before)
    return end


async def _talk(
    connection: Connection, screen: Screen, transcripts: Sequence[Transcript], end: _End
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_leave_on_signal, connection, end.signals, nursery.cancel_scope)
        for transcript in transcripts:
            nursery.start_soon(transcript.printer.run)
        nursery.start_soon(_until_hangup, screen.serve, connection, end)
        nursery.start_soon(_run_screen, screen, connection, end)
        try:
            await connection.run()
        except (Unreachable, Refused) as exc:
            end.error = exc
        with trio.move_on_after(FLUSH_SECONDS):
            if signal.SIGHUP not in end.signals:  # else nobody sees it
                await screen.flush()
            for transcript in transcripts:
                await transcript.printer.wait_below(1)
        nursery.cancel_scope.cancel()


async def _run_screen(screen: Screen, connection: Connection, end: _End) -> None:
    await _until_hangup(partial(screen.run, connection), connection, end)
    connection.leave()


async def _until_hangup(
    part: Callable[[], Awaitable[None]], connection: Connection, end: _End
) -> None:
    """Run a *part* of the screen. When its terminal is gone say `/quit`, so that the nick is free
    at once."""
    try:
        await part()
    except* (OSError, EOFError, termios.error) as group:
        if not _is_hangup(group):
            raise
        end.signals.append(signal.SIGHUP)
        connection.leave()


async def _leave_on_signal(
    connection: Connection, received: list[int], scope: trio.CancelScope
) -> None:
    """Say `/quit` at the first signal; at the second do not wait for the answer."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async for number in signals:
            # A terminal that goes away may say so several times: that is one signal.
            if received and number != signal.SIGHUP:
                scope.cancel()
            received.append(number)
            connection.leave()


def _is_hangup(group: BaseExceptionGroup[Exception]) -> bool:
    """Return whether all of *group* say that the terminal is gone: it can neither be read nor
    drawn on nor restored, often before the signal comes."""
    others = group.split(lambda exc: isinstance(exc, EOFError) or errno.EIO in exc.args)[1]
    return others is None


def _last_words(end: _End, model: Model, *, is_script: bool) -> int:
    """Print what is left to say, and return the exit code."""
    reason = str(end.error) if end.error else model.first_room_refused if is_script else None
    if end.error is not None:
        _say(f"trio-chat: {reason}")
    lines = len(model.outgoing)
    if lines and (end.error or end.signals or not is_script):
        _say(f"trio-chat: {lines} {'line was' if lines == 1 else 'lines were'} not acknowledged")
    if end.signals:
        return 128 + end.signals[0]
    return EXIT_QUIT if reason is None else EXIT_UNREACHABLE


def _say(text: str) -> None:
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def _choose_screen(options: ClientOptions) -> ScreenKind:
    if options.is_json:
        return "plain"
    if options.settings.screen != "auto":
        return options.settings.screen
    return choose_screen("auto", is_terminal=os.isatty(0) and os.isatty(1))


def _open_screen(
    kind: str, model: Model, options: ClientOptions
) -> AbstractAsyncContextManager[Screen]:
    """Open the screen *kind*. prompt_toolkit takes 150 ms to import, so only the screens that need
    it do."""
    if kind == "full":
        from trio_chat.client.ui.full.full import open_full_screen

        return open_full_screen(model, options.settings)
    if kind == "inline":
        from trio_chat.client.ui.inline import open_inline_screen

        return open_inline_screen(model, options.settings)
    return nullcontext(PlainScreen(model, is_json=options.is_json))


@contextmanager
def _open_transcript(file: str) -> Iterator[list[Transcript]]:
    """Yield the transcript, if one is wanted."""
    if not file:
        yield []
        return
    with open_transcript(Path(file).expanduser()) as transcript:
        yield [transcript]


def _dial(options: ClientOptions) -> Dial:
    if options.tls is not None:
        return dial_tls(options.host, options.port, options.tls)
    return dial_tcp(options.host, options.port)
