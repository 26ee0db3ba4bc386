"""The command line: arguments to a configuration, `trio.run`, and exit codes. The only place
that calls `trio.run`.

Each command imports what it needs when it runs: `--help` must not wait for SQLite or
prompt_toolkit.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from trio_chat import __version__
from trio_chat.arguments import Parser
from trio_chat.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from trio_chat.client.settings.settings import Profile, ScreenKind, Settings
    from trio_chat.config import Config, Loaded

EXIT_OK = 0
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141

# A person mistypes; a wrong password three times is not a mistype.
LOGIN_ATTEMPTS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `trio-chat ARGUMENTS`; return the exit code."""
    _open_standard_files()
    parsed = _parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except BrokenPipeError:  # `| head`: nobody reads on, and nobody is to be told
        _print_no_more()
        return EXIT_PIPE
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _print_no_more()
        return EXIT_PIPE
    except OSError as exc:
        _print_no_more()
        return _refuse(f"stdout: cannot be written: {exc.strerror}")
    return code


def _open_standard_files() -> None:
    """Open what a shell closed by `<&-` or `>&-`, for else the next file would get its number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="trio-chat", description="Group chat that people run themselves.")
    parser.add_argument("--version", action="version", version=f"trio-chat {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_account(commands)
    _add_connect(commands)
    _add_config(commands)
    _add_client_config(commands)
    _add_schema(commands)
    show_help = commands.add_parser("help", help="show this, or the help of a command")
    show_help.add_argument("command", nargs="?", choices=[*commands.choices], metavar="COMMAND")
    show_help.set_defaults(run=_help)
    return parser


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


def _add_connect(commands: argparse._SubParsersAction[Parser]) -> None:
    connect = commands.add_parser(
        "connect",
        help="chat",
        description="Connect to a server and chat. Without a terminal on stdin and stdout every "
        "line of stdin is sent, and events are printed.",
        epilog="Exit codes: 0 quit, 1 a bug, 2 usage, 3 unreachable or refused; 130 interrupted.",
    )
    connect.add_argument(
        "address",
        nargs="?",
        default="",
        metavar="PROFILE|HOST[:PORT]",
        help="the server, or a profile of the settings (default 127.0.0.1:7373)",
    )
    connect.add_argument(
        "--nick", default="", help="what you are called (default: your login name)"
    )
    connect.add_argument("--room", default="", help="a room to enter at the start")
    connect.add_argument(
        "--account",
        default="",
        metavar="NAME",
        help="log in; the password is asked for, or read from TRIO_CHAT_PASSWORD",
    )
    connect.add_argument(
        "--token-file", default="", metavar="FILE", help="log in with the token in FILE (0600)"
    )
    connect.add_argument(
        "--tls", action="store_true", help="encrypt, and check the server's certificate"
    )
    connect.add_argument(
        "--ca", default="", metavar="FILE", help="the certificates to trust instead; means --tls"
    )
    connect.add_argument(
        "--json", action="store_true", help="plain, with events as JSON: one object a line"
    )
    _add_looks(connect)
    connect.set_defaults(run=_connect)


def _add_looks(connect: argparse.ArgumentParser) -> None:
    """What is said here goes before what the settings say."""
    connect.add_argument(
        "--screen",
        choices=["auto", "full", "inline", "plain"],
        help="full screen, line by line, or plain for scripts (default: by the terminal)",
    )
    connect.add_argument(
        "--theme",
        choices=["auto", "dark", "light", "high-contrast", "none"],
        help="how it looks (default: dark, or none where NO_COLOR is set)",
    )
    connect.add_argument("--mouse", action="store_true", default=None, help="let the wheel scroll")
    connect.add_argument(
        "--log-file", metavar="FILE", help="append everything shown to FILE (made with 0600)"
    )
    connect.add_argument("--config", type=Path, metavar="FILE", help="the settings to use")


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


def _add_client_config(commands: argparse._SubParsersAction[Parser]) -> None:
    client_config = commands.add_parser(
        "client-config",
        help="show or begin the client's settings",
        description="Print the client's settings that are in force.",
    )
    client_config.add_argument(
        "--init", action="store_true", help="write a file with every setting, commented out"
    )
    client_config.add_argument(
        "--force", action="store_true", help="with --init: instead of the file there is"
    )
    client_config.add_argument("--path", action="store_true", help="print where the file is")
    client_config.add_argument("--config", type=Path, metavar="FILE", help="another file")
    client_config.set_defaults(run=_client_config)


def _add_schema(commands: argparse._SubParsersAction[Parser]) -> None:
    schema = commands.add_parser(
        "schema",
        help="print the native wire as JSON Schema",
        description="Print the native wire as JSON Schema, for programs in any language. "
        "docs/protocol.md says what it means.",
    )
    schema.set_defaults(run=_schema)


# --- serve


def _serve(parsed: argparse.Namespace) -> int:
    import trio

    from trio_chat.server.process import prepare, serve

    refused: BaseException | None = None
    try:
        config = _server_config(parsed)
        log_writer = prepare(config)
        trio.run(serve, config, partial(_server_config, parsed), log_writer)
    except* (ConfigError, StoreError) as group:
        refused = _first_leaf(group)
    return EXIT_OK if refused is None else _refuse(str(refused))


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
        return _refuse(str(exc))
    return EXIT_OK


def _help(parsed: argparse.Namespace) -> int:
    _parser().parse_args([*filter(None, [parsed.command]), "--help"])
    return EXIT_OK


def _account(parsed: argparse.Namespace) -> int:
    import trio
    from msgspec.structs import replace

    from trio_chat.server.admin.account_command import request_of, show
    from trio_chat.server.admin.control import check_folder
    from trio_chat.server.ask import ask
    from trio_chat.server.logs import set_up_log

    code = EXIT_OK
    try:
        config = _server_config(parsed)
        check_folder(config, is_new=parsed.act == "add")
        set_up_log(replace(config.log, level="warning"))
        answer = trio.run(ask, config, request_of(parsed))
        show(answer, is_json=parsed.json)
        code = EXIT_OK if answer.done else EXIT_USAGE
    except* (ConfigError, StoreError) as group:
        code = _refuse(str(_first_leaf(group)))
    except* (KeyboardInterrupt, EOFError):  # while something was asked
        print(file=sys.stderr)
        code = EXIT_INTERRUPTED
    return code


# --- connect


def _connect(parsed: argparse.Namespace) -> int:
    try:
        return _chat(parsed)
    except ConfigError as exc:
        return _refuse(str(exc))
    except (KeyboardInterrupt, EOFError):  # while something was asked
        print(file=sys.stderr)
        return EXIT_INTERRUPTED


def _chat(parsed: argparse.Namespace) -> int:
    from trio_chat.client.settings import profiles, settings, wizard

    values = vars(parsed)
    chosen = settings.load_settings(parsed.config)
    wish = profiles.Wish(**{field: values[field] for field in profiles.Wish.__struct_fields__})
    profile = profiles.choose(wish, chosen)
    file = parsed.config or settings.settings_path()
    is_known = parsed.nick or parsed.account or parsed.json
    if is_known or file.exists() or not wizard.is_terminal():
        return _talk(parsed, chosen, profile)
    first = wizard.FirstStart(profile, file)
    code = EXIT_UNREACHABLE
    while code == EXIT_UNREACHABLE and not first.was_welcomed:
        code = _talk(parsed, *first.ask(), first.welcomed)
    return code


def _talk(
    parsed: argparse.Namespace,
    chosen: Settings,
    profile: Profile,
    on_welcome: Callable[[], str] | None = None,
) -> int:
    """Go where *profile* says; a wrong password is asked for again."""
    import trio

    from trio_chat.client.app import run_client
    from trio_chat.client.link.failures import LoginRefused
    from trio_chat.client.settings import profiles, wizard

    looks = _with_looks(parsed, chosen)
    login = wizard.login_for(profile)
    for attempts_left in range(LOGIN_ATTEMPTS - 1, -1, -1):
        options = profiles.client_options(
            profile, looks, login, is_json=parsed.json, on_welcome=on_welcome
        )
        try:
            return trio.run(run_client, options)
        except LoginRefused as exc:
            print(f"trio-chat: {exc}", file=sys.stderr)
            if not attempts_left or not wizard.may_ask_again(profile):
                break
            login = wizard.ask_password(profile)
    return EXIT_UNREACHABLE


def _with_looks(parsed: argparse.Namespace, chosen: Settings) -> Settings:
    """Return the settings with what the command line says on top."""
    from msgspec.structs import replace

    values = vars(parsed)
    looks = {name: values[name] for name in ("theme", "mouse", "log_file")}
    said = {name: value for name, value in looks.items() if value is not None}
    return replace(chosen, **said, screen=_screen(parsed, chosen))


def _screen(parsed: argparse.Namespace, settings: Settings) -> ScreenKind:
    """Return the screen: the setting is for terminals, while `--screen` is for here and now.

    Raises:
        ConfigError: what `--screen` says cannot be had.
    """
    from trio_chat.client.settings import options, wizard

    is_terminal = wizard.is_terminal()
    if parsed.screen in ("full", "inline"):
        if not is_terminal:
            raise ConfigError(f"--screen {parsed.screen} needs a terminal on stdin and stdout")
        return cast("ScreenKind", parsed.screen)
    return options.choose_screen(parsed.screen or settings.screen, is_terminal=is_terminal)


def _client_config(parsed: argparse.Namespace) -> int:
    from trio_chat.client.settings import settings, settings_text

    file = parsed.config or settings.settings_path()
    try:
        if parsed.path:
            print(file)
        elif parsed.init:
            text = settings_text.commented(settings.Settings())
            settings_text.write_private(file, text, force=parsed.force)
            print(file)
        else:
            print(settings_text.effective(settings.load_settings(parsed.config)))
    except ConfigError as exc:
        return _refuse(str(exc))
    return EXIT_OK


def _schema(parsed: argparse.Namespace) -> int:
    import json

    from trio_chat.schema import native_schema

    print(json.dumps(native_schema(), indent=2))
    return EXIT_OK


def _first_leaf(exc: BaseException) -> BaseException:
    """What went wrong, out of the groups that nested nurseries wrap it in."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def _refuse(message: str) -> int:
    with suppress(OSError):  # nobody reads it
        print(f"trio-chat: {message}", file=sys.stderr)
    return EXIT_USAGE
