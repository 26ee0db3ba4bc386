"""The commands for who runs a server: `serve`, `account` and `config`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trio_chat.arguments import Parser
from trio_chat.cli import exits
from trio_chat.errors import ConfigError, StoreError, first_leaf

if TYPE_CHECKING:
    from trio_chat.config import Config, Loaded


def add_to(commands: argparse._SubParsersAction[Parser]) -> None:
    _add_serve(commands)
    _add_account(commands)
    _add_config(commands)


def _add_serve(commands: argparse._SubParsersAction[Parser]) -> None:
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
    serve.add_argument("--memory", action="store_true", help="keep nothing on disk")
    _add_settings(serve)
    serve.set_defaults(run=_serve)


def _add_settings(server: argparse.ArgumentParser) -> None:
    """Where the server's configuration comes from, beside the environment."""
    server.add_argument("--data", metavar="DIR", help="where what was said is kept")
    server.add_argument("--config", type=Path, metavar="FILE", help="a TOML file")
    server.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.key=value",
        help="set one key, e.g. limits.flood=false; may be repeated",
    )


def _add_account(commands: argparse._SubParsersAction[Parser]) -> None:
    account = commands.add_parser(
        "account",
        help="look after the accounts of a server on this machine",
        description="Look after the accounts of a server on this machine, whether it runs or not.",
        epilog="A password is asked for, or read from stdin when that is no terminal. "
        "Exit codes: 0 done, 1 a bug, 2 refused, and nothing was done.",
    )
    acts = account.add_subparsers(dest="act", required=True, metavar="ACT")
    about = {
        "add": "make an account",
        "list": "list the accounts",
        "role": "give an account another role: member, moderator, admin or owner",
        "password": "give an account another password",
        "remove": "remove an account, its tokens and its sessions",
    }
    parsers = {name: acts.add_parser(name, help=text) for name, text in about.items()}
    for name, parser in parsers.items():
        if name != "list":
            parser.add_argument("name", metavar="NAME")
        _add_settings(parser)
        parser.set_defaults(run=_account, listen=None, memory=False, json=False)
    parsers["add"].add_argument("--role", default="member", metavar="ROLE")
    parsers["role"].add_argument("role", metavar="ROLE")
    parsers["list"].add_argument("--json", action="store_true", help="as one line of JSON")
    parsers["remove"].add_argument("--yes", action="store_true", help="do not ask")
    parsers["remove"].add_argument(
        "--messages", action="store_true", help="delete what it said, too"
    )


def _add_config(commands: argparse._SubParsersAction[Parser]) -> None:
    config = commands.add_parser(
        "config",
        help="begin, check or show a server's configuration",
        description="Begin, check or show a server's configuration.",
        epilog="Without --config: the file server.toml in the system's place for the settings of a "
        "program, which `serve` reads too. Exit codes: 0 done, 1 a bug, 2 refused.",
    )
    acts = config.add_subparsers(dest="act", required=True, metavar="ACT")
    about = {
        "init": "write a file with every key, its default and its reason; never over another",
        "check": "look for mistakes",
        "show": "print each value in force, and where it comes from",
    }
    for name, text in about.items():
        parser = acts.add_parser(name, help=text, description=f"{text.capitalize()}.")
        _add_settings(parser)
        parser.set_defaults(run=_config, listen=None, memory=False)


def _serve(parsed: argparse.Namespace) -> int:
    import trio

    from trio_chat.server.process import prepare, serve

    refused: BaseException | None = None
    try:
        config = _server_config(parsed)
        log_writer = prepare(config)
        trio.run(serve, config, partial(_server_config, parsed), log_writer)
    except* (ConfigError, StoreError) as group:
        refused = first_leaf(group)
    return exits.OK if refused is None else exits.refuse(str(refused))


def _server_config(parsed: argparse.Namespace) -> Config:
    return _loaded(parsed).config


def _loaded(parsed: argparse.Namespace) -> Loaded:
    from trio_chat.config import found_file, load

    assignments = list(parsed.set)
    if parsed.listen:
        assignments.append("server.listen=" + ",".join(parsed.listen))
    if parsed.data:
        assignments.append(f"store.data={parsed.data}")
    if parsed.memory:
        assignments.append("store.memory=true")
    return load(parsed.config or found_file(), assignments=assignments)


def _config(parsed: argparse.Namespace) -> int:
    from trio_chat.server.admin import config_command

    try:
        if parsed.act == "init":
            print(config_command.init(parsed))
        else:
            act = config_command.check if parsed.act == "check" else config_command.show
            print(act(_loaded(parsed)))
    except ConfigError as exc:
        return exits.refuse(str(exc))
    return exits.OK


def _account(parsed: argparse.Namespace) -> int:
    import trio
    from msgspec.structs import replace

    from trio_chat.server.admin.account_command import request_of, show
    from trio_chat.server.admin.control import check_folder
    from trio_chat.server.ask import ask
    from trio_chat.server.logs import set_up_log

    code = exits.OK
    try:
        config = _server_config(parsed)
        check_folder(config, is_new=parsed.act == "add")
        set_up_log(replace(config.log, level="warning"))
        answer = trio.run(ask, config, request_of(parsed))
        show(answer, is_json=parsed.json)
        code = exits.OK if answer.done else exits.USAGE
    except* (ConfigError, StoreError) as group:
        code = exits.refuse(str(first_leaf(group)))
    except* (KeyboardInterrupt, EOFError):  # while something was asked
        print(file=sys.stderr)
        code = exits.INTERRUPTED
    return code
