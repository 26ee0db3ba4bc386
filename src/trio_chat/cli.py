"""The command line: arguments to a configuration, `trio.run`, and exit codes. The only place
that calls `trio.run`.

Each command imports what it needs when it runs: `--help` must not wait for SQLite or
prompt_toolkit.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trio_chat import __version__
from trio_chat.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from trio_chat.config import Config

EXIT_OK = 0
EXIT_USAGE = 2

_DEFAULT_HOST = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `trio-chat ARGUMENTS`; return the exit code."""
    parsed = _parser().parse_args(arguments)
    code: int = parsed.run(parsed)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trio-chat", description="Group chat that people run themselves."
    )
    parser.add_argument("--version", action="version", version=f"trio-chat {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_connect(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="run a server",
        description="Run a server until Ctrl-C or SIGTERM; a second one ends it at once.",
        epilog="Every key of docs/operations.md can be set in the file, by --set, or in the "
        "environment as TRIO_CHAT_SECTION_KEY. Exit codes: 0 stopped, 1 a bug, 2 it refuses to "
        "start.",
    )
    serve.add_argument(
        "--listen",
        action="append",
        metavar="HOST:PORT",
        help="where to listen (default 127.0.0.1:7373); may be repeated; port 0 takes a free one",
    )
    serve.add_argument("--data", metavar="DIR", help="where what was said is kept")
    serve.add_argument("--memory", action="store_true", help="keep nothing on disk")
    serve.add_argument("--config", type=Path, metavar="FILE", help="a TOML file")
    serve.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.key=value",
        help="set one key, e.g. limits.flood=false; may be repeated",
    )
    serve.set_defaults(run=_serve)


def _add_connect(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    connect = commands.add_parser(
        "connect",
        help="chat",
        description="Connect to a server and chat. Without a terminal on stdin and stdout every "
        "line of stdin is sent, and events are printed.",
        epilog="Exit codes: 0 quit, 1 a bug, 2 usage, 3 unreachable or refused.",
    )
    connect.add_argument(
        "address",
        nargs="?",
        default=_DEFAULT_HOST,
        metavar="HOST[:PORT]",
        help="the server (default 127.0.0.1:7373)",
    )
    connect.add_argument("--nick", help="what you are called (default: your login name)")
    connect.add_argument("--room", help="a room to enter at the start")
    connect.add_argument(
        "--screen",
        choices=["auto", "full", "inline", "plain"],
        help="full screen, line by line, or plain for scripts (default: by the terminal)",
    )
    connect.add_argument("--config", type=Path, metavar="FILE", help="the settings to use")
    connect.set_defaults(run=_connect)


# --- serve


def _serve(parsed: argparse.Namespace) -> int:
    import trio

    from trio_chat.server.process import prepare, serve

    refused: BaseException | None = None
    try:
        config = _server_config(parsed)
        prepare(config)
        trio.run(serve, config)
    except* (ConfigError, StoreError) as group:
        refused = _first_leaf(group)
    return EXIT_OK if refused is None else _refuse(str(refused))


def _server_config(parsed: argparse.Namespace) -> Config:
    from trio_chat.config import load_config

    assignments = list(parsed.set)
    if parsed.listen:
        assignments.append("server.listen=" + ",".join(parsed.listen))
    if parsed.data:
        assignments.append(f"store.data={parsed.data}")
    if parsed.memory:
        assignments.append("store.memory=true")
    return load_config(parsed.config, assignments=assignments)


# --- connect


def _connect(parsed: argparse.Namespace) -> int:
    import trio
    from msgspec.structs import replace

    from trio_chat.client.app import ClientOptions, run_client
    from trio_chat.client.settings import load_settings

    try:
        settings = load_settings(parsed.config)
        host, port = _address(parsed.address)
    except ConfigError as exc:
        return _refuse(str(exc))
    options = ClientOptions(
        host=host,
        port=port,
        nick=parsed.nick or _login_name(),
        room=parsed.room,
        settings=replace(settings, screen=parsed.screen or settings.screen),
    )
    return trio.run(run_client, options)


def _address(text: str) -> tuple[str, int]:
    """`HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`. Raises ConfigError."""
    from trio_chat.config import DEFAULT_PORT

    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and int(port) <= 65_535)):
        raise ConfigError(f"{text}: write the server as HOST or HOST:PORT")
    return host, int(port or DEFAULT_PORT)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user, and no variable that tells
        return "guest"


def _first_leaf(exc: BaseException) -> BaseException:
    """What went wrong, out of the groups that nested nurseries wrap it in."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def _refuse(message: str) -> int:
    print(f"trio-chat: {message}", file=sys.stderr)
    return EXIT_USAGE
