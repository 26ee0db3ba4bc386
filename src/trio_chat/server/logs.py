"""The server's log: lines to stderr, written by a thread of its own. It loses lines, counts them,
and harms nobody: neither a full disk nor a reader that has stopped or gone is felt by the loop."""

from __future__ import annotations

import atexit
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from traceback import walk_tb
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from trio_chat.config import LogSection

# What waits for the thread: some 10,000 lines. When it is full further lines are lost, and counted.
QUEUE_BYTES = 1_048_576
_CLOSE_SECONDS = 1.0  # at the end of the process
_BLOCKED_SECONDS = 0.1  # between two looks at a file that takes nothing just now
_KINDS_MAX = 1000
_STDERR = 2


class LineWriter:
    """Writes lines to the file *descriptor* in a thread of its own.

    Args:
        lost_line: makes the line that tells how many were lost, for when it works again.
        due_lines: makes the lines that are due by now; asked for once a second.
    """

    def __init__(
        self,
        descriptor: int,
        lost_line: Callable[[int], str],
        due_lines: Callable[[], list[str]] = list,
    ) -> None:
        self._descriptor = descriptor
        self._lost_line = lost_line
        self._due_lines = due_lines
        self._lines: deque[bytes] = deque()
        self._queued_bytes = 0
        self._lost = 0
        self._is_broken = False  # the last line was written in part
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def put(self, line: str) -> None:
        """Have *line* written. Never blocks, never fails; called from any thread."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._changed:
            if self._queued_bytes + len(data) > QUEUE_BYTES:
                self._lost += 1
                return
            self._lines.append(data)
            self._queued_bytes += len(data)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until all is written or lost, for at most *seconds*; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queued_bytes, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines, 1.0)
                lines, self._lines = self._lines, deque()
            for line in lines:
                self._write_or_count(line)
            for due in self._due_lines():
                self.put(due)

    def _write_or_count(self, line: bytes) -> None:
        is_written = self._tell_lost() and self._write(line)
        with self._changed:
            self._lost += not is_written
            self._queued_bytes -= len(line)
            self._changed.notify_all()

    def _tell_lost(self) -> bool:
        """Return whether it is told, or there is nothing to tell."""
        lost = self._lost
        if lost and not self._write(self._lost_line(lost).encode() + b"\n"):
            return False
        with self._changed:
            self._lost -= lost
        return True

    def _write(self, line: bytes) -> bool:
        rest = b"\n" + line if self._is_broken else line
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody made the file one that does not block
                select.select([], [self._descriptor], [], _BLOCKED_SECONDS)
            except OSError:
                self._is_broken |= len(rest) < len(line)
                return False
        self._is_broken = False
        return True


class Repeats:
    """Lets one line of a kind through in *seconds*; the others are counted, and told with the next
    one, or on their own when the time is over. So no peer can fill the disk with its doings.

    Of one kind are lines of the same event and level, and of an exception raised in the same
    place; who is named in them makes no difference. A line with `always=True` is of no kind.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kinds: dict[object, _Kind] = {}
        self._lock = threading.Lock()

    def __call__(self, _: WrappedLogger, level: str, event: EventDict) -> EventDict:
        if event.pop("always", False):
            return event
        now, key = time.monotonic(), (level, event.get("event"), _place_of(event))
        with self._lock:
            kind = self._kinds.get(key)
            if kind is not None and now < kind.since + self._seconds:
                kind.held += 1
                kind.last = dict(event)
                raise structlog.DropEvent
            if len(self._kinds) >= _KINDS_MAX:
                self._kinds.clear()
            self._kinds[key] = _Kind(level, now)
        return _told(event, kind.held) if kind is not None else event

    def due(self, *, all_held: bool = False) -> list[tuple[str, EventDict]]:
        """The level and the event of each kind whose time is over, with how many were held back;
        with *all_held* of every kind."""
        since = time.monotonic() - (0 if all_held else self._seconds)
        with self._lock:
            over = {key: kind for key, kind in self._kinds.items() if kind.since <= since}
            for key in over:
                del self._kinds[key]
        return [(kind.level, _told(kind.last, kind.held)) for kind in over.values() if kind.held]


@dataclass(slots=True)
class _Kind:
    level: str
    since: float
    held: int = 0
    last: dict[str, Any] = field(default_factory=dict)


def _told(event: MutableMapping[str, Any], held: int) -> EventDict:
    return {**event, "repeated": held} if held else event


def _place_of(event: EventDict) -> object:
    """Where the exception of the event was raised, if there is one."""
    exc = event.get("exc_info")
    if not isinstance(exc, BaseException):
        return None
    places = [(frame.f_code, number) for frame, number in walk_tb(exc.__traceback__)]
    return type(exc), places[-1:]


class _Logger:
    """As structlog calls it: a method for each level."""

    def __init__(self, writer: LineWriter) -> None:
        self.msg = self.debug = self.info = self.warning = self.error = self.critical = writer.put


def set_up_log(section: LogSection) -> LineWriter:
    """Send the log to stderr, coloured for a terminal or as JSON lines; return its writer."""
    repeats = Repeats(section.repeat_seconds)
    processors = _processors(section)

    def rendered(level: str, event: EventDict) -> str:
        line: Any = event
        for processor in processors:
            line = processor(None, level, line)
        return str(line)

    def lost_line(count: int) -> str:
        return rendered("warning", {"event": "log lines were lost", "lines": count})

    def due_lines(*, all_held: bool = False) -> list[str]:
        return [rendered(level, event) for level, event in repeats.due(all_held=all_held)]

    def close() -> None:
        for line in due_lines(all_held=True):
            writer.put(line)
        writer.flush(_CLOSE_SECONDS)

    writer = LineWriter(_STDERR, lost_line, due_lines)
    logger = _Logger(writer)
    structlog.configure(
        processors=[repeats, *processors],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(section.level.upper())
        ),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=True,
    )
    atexit.register(close)
    return writer


def _processors(section: LogSection) -> list[Processor]:
    if section.format == "json":
        renderer: Processor = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        renderer,
    ]
