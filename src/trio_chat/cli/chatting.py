"""The commands for who chats: `connect` and `client-config`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from trio_chat.arguments import Parser
from trio_chat.cli import exits
from trio_chat.errors import ConfigError

if TYPE_CHECKING:
    from trio_chat.client.settings.settings import Profile, ScreenKind, Settings

# A person mistypes; a wrong password three times is not a mistype.
LOGIN_ATTEMPTS = 3


def add_to(commands: argparse._SubParsersAction[Parser]) -> None:
    _add_connect(commands)
    _add_client_config(commands)


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


def _connect(parsed: argparse.Namespace) -> int:
    try:
        return _chat(parsed)
    except ConfigError as exc:
        return exits.refuse(str(exc))
    except (KeyboardInterrupt, EOFError):  # while something was asked
        print(file=sys.stderr)
        return exits.INTERRUPTED


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
    code = exits.UNREACHABLE
    while code == exits.UNREACHABLE and not first.was_welcomed:
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
    return exits.UNREACHABLE


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
        return exits.refuse(str(exc))
    return exits.OK
