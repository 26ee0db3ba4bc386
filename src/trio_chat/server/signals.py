"""The signals of the server's process: an orderly end, the configuration read again, and the tasks
written to the log."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

import structlog
import trio

log = structlog.get_logger()

_STOPPING = (signal.SIGINT, signal.SIGTERM)
# Not every system has these.
_RELOADING = tuple(getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name))
_SHOWING = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))
_TREE_LINES = 500


def ignore_until_served() -> None:
    """Let the signals that are no reason to end do nothing while the server starts."""
    for number in (*_RELOADING, *_SHOWING):
        signal.signal(number, signal.SIG_IGN)


class SignalWatch:
    """Attributes:
    reload: reads the configuration again; None while there is nothing yet to reload.
    """

    def __init__(self, stop: trio.Event, everything: trio.CancelScope) -> None:
        self._stop = stop
        self._everything = everything
        self.reload: Callable[[], Awaitable[None]] | None = None

    async def run(self) -> None:
        """The first SIGINT or SIGTERM sets *stop*, the second cancels *everything*. SIGHUP reloads;
        SIGUSR1 and SIGUSR2 write the tasks to the log."""
        with trio.open_signal_receiver(*_STOPPING, *_RELOADING, *_SHOWING) as signals:
            async for number in signals:
                name = signal.Signals(number).name
                if number in _STOPPING:
                    self._end(name)
                elif number in _SHOWING:
                    log.warning(f"{name}: the tasks", stack=task_tree(), always=True)
                elif self.reload is None:
                    log.warning(f"{name}: there is nothing to reload yet", always=True)
                else:
                    await self.reload()

    def _end(self, name: str) -> None:
        log.info(name, always=True)
        if self._stop.is_set():
            self._everything.cancel()
        self._stop.set()


def task_tree() -> str:
    """Every task of the program, and where it waits. Tasks that wait in the same place are one
    line, with their number."""
    root = trio.lowlevel.current_root_task()
    lines = list(_lines_of([root], "")) if root is not None else []
    if len(lines) > _TREE_LINES:
        lines[_TREE_LINES:] = [f"and {len(lines) - _TREE_LINES} lines more"]
    return "\n".join(lines)


def _lines_of(tasks: Iterable[trio.lowlevel.Task], indent: str) -> Iterator[str]:
    alike: dict[str, list[trio.lowlevel.Task]] = {}
    for task in tasks:
        alike.setdefault(f"{task.name}  {_where(task)}", []).append(task)
    for line, some in alike.items():
        yield f"{indent}{line}" + (f"  x {len(some)}" if len(some) > 1 else "")
        nurseries = [nursery for task in some for nursery in task.child_nurseries]
        children = [child for nursery in nurseries for child in nursery.child_tasks]
        yield from _lines_of(children, indent + "  ")


def _where(task: trio.lowlevel.Task) -> str:
    """The innermost place in this program, or in a library if there is none."""
    places = [(frame.f_code.co_filename, line) for frame, line in task.iter_await_frames()]
    own = [place for place in places if "trio_chat" in place[0]]
    return ", ".join(f"{Path(file).name}:{line}" for file, line in (own or places)[-1:])
