"""The server as a process: what is set up round `serve_chat`, and its words on stdout."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable
from functools import partial

import structlog
import trio

from trio_chat.config import Config, LogSection
from trio_chat.server.serve import Started, serve_chat

log = structlog.get_logger()

# The store's thread and the event loop share the interpreter's lock. Handing it over after
# 0.2 ms instead of 5 keeps the loop's lag at 3,000 appends a second at 2-3 ms.
_SWITCH_SECONDS = 0.0002
# With 10,000 parked tasks a full collection takes 21 ms; what was there at the start is frozen,
# and young objects are looked at less often.
_GC_THRESHOLDS = (50_000, 20, 100)
_FILES_WANTED = 65_536


def prepare(config: Config) -> None:
    """Set up this process: its log, its share of the interpreter, its limits."""
    set_up_log(config.log)
    sys.setswitchinterval(_SWITCH_SECONDS)
    _raise_file_limit(config.limits.connections)


async def serve(config: Config, load_config: Callable[[], Config]) -> None:
    """Serve until told to stop; print `listening on HOST:PORT` for each listener when ready, and
    the owner code for as long as nobody has used it.

    Raises:
        ConfigError, StoreError: start-up refuses (in an exception group).
    """
    async with trio.open_nursery() as nursery:
        read_again = partial(trio.to_thread.run_sync, load_config)
        run = partial(serve_chat, config, load_config=read_again)
        started: Started = await nursery.start(run)
        if started.owner_code:  # before the rest, so that whoever waits for that has it
            print(f"owner code: {started.owner_code}", file=sys.stderr, flush=True)
        for address in started.addresses:
            print(f"listening on {address}", flush=True)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)


def set_up_log(section: LogSection) -> None:
    """Send the log to stderr, coloured for a terminal or as JSON lines."""
    if section.format == "json":
        renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelName(section.level.upper())
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _raise_file_limit(connections: int) -> None:
    """Each connection is an open file, and the usual limit is 1,024."""
    try:
        import resource
    except ImportError:  # not POSIX
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, _FILES_WANTED)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS says "infinite" and means fewer
            wanted = soft
    if wanted < connections:
        log.warning(
            "fewer open files are allowed than connections", files=wanted, connections=connections
        )
