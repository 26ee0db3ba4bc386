"""The questions on a terminal before the chat begins: a password, and at the first start the rest.

It knows no server: whether the answers are right shows when it connects.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from trio_chat.client.link.dial import parse_address
from trio_chat.client.link.terms import Login
from trio_chat.client.settings.profiles import DEFAULT_HOST, is_encrypted, read_token
from trio_chat.client.settings.settings import Profile, Settings
from trio_chat.client.settings.settings_text import commented, write_private
from trio_chat.config import DEFAULT_PORT
from trio_chat.errors import ConfigError

PASSWORD_VARIABLE = "TRIO_CHAT_PASSWORD"
_HERE = ("127.0.0.1", "localhost", "::1")


def is_terminal() -> bool:
    """Return whether somebody can be asked."""
    return os.isatty(0) and os.isatty(1)


def login_for(profile: Profile, environment: Mapping[str, str] = os.environ) -> Login | None:
    """Return the proof of identity, from the token's file, the environment or the person; None
    if the profile names no account.

    Raises:
        ConfigError: there is nobody to ask, or the token's file is not right.
    """
    account = profile.account or None
    if profile.token_file:
        return Login(account, token=read_token(Path(profile.token_file).expanduser()))
    if account is None:
        return None
    if password := environment.get(PASSWORD_VARIABLE):
        return Login(account, password)
    if not os.isatty(0):
        raise ConfigError(
            f"no terminal to ask for the password of {account}: set {PASSWORD_VARIABLE}, or "
            "log in by --token-file"
        )
    return ask_password(profile)


def may_ask_again(profile: Profile, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the password that was wrong came from a person."""
    return not profile.token_file and not environment.get(PASSWORD_VARIABLE) and os.isatty(0)


def ask_password(profile: Profile) -> Login:
    """Ask for the account's password, without echo."""
    host = parse_address(profile.server).host
    if not is_encrypted(profile) and host not in _HERE:
        print(f"The password goes to {host} unencrypted; --tls would protect it.", file=sys.stderr)
    return Login(profile.account, getpass.getpass(f"Password of {profile.account}: "))


class FirstStart:
    """The questions of the first start: where to go and as whom. The answers are kept once a server
    has welcomed them; until then they are asked again.

    Attributes:
        was_welcomed: a server has taken the answers.
    """

    def __init__(self, profile: Profile, file: Path) -> None:
        self.was_welcomed = False
        self._profile = profile
        self._file = file
        print("Welcome to trio-chat. Press Enter to take what stands in brackets.")

    def ask(self) -> tuple[Settings, Profile]:
        """Ask, offering what was answered before; return settings with the profile, and it."""
        server = _ask_server(self._profile.server)
        nick = _ask("Nick", self._profile.nick)
        account = _ask("Account, if you have one", self._profile.account)
        self._profile = msgspec.structs.replace(
            self._profile, server=server, nick=nick, account=account
        )
        name = _profile_name(server)
        return Settings(profile=name, profiles={name: self._profile}), self._profile

    def welcomed(self) -> str:
        """Write the answers into the file; return what is to be said about it."""
        self.was_welcomed = True
        name = _profile_name(self._profile.server)
        settings = Settings(profile=name, profiles={name: self._profile})
        try:
            write_private(self._file, commented(settings))
        except ConfigError as exc:
            return f"these answers are not kept: {exc}"
        return f"Saved as profile {name!r} in {self._file}"


def _ask_server(default: str) -> str:
    default = f"{default}:{DEFAULT_PORT}" if default == DEFAULT_HOST else default
    while True:
        server = _ask("Server", default)
        try:
            parse_address(server)
        except ConfigError as exc:
            print(exc)
        else:
            return server


def _ask(question: str, default: str) -> str:
    answer = input(f"{question} [{default}]: " if default else f"{question}: ")
    return answer.strip() or default


def _profile_name(server: str) -> str:
    """Return a name for the profile: `chat` for `chat.example:7373`, `home` for an IP address."""
    host = parse_address(server).host
    first = host.partition(".")[0]
    return "home" if host in _HERE or not first[:1].isalpha() or ":" in first else first
