"""The choice of server and person: from the command line, else a profile, else a default.

It asks nobody; the password, if one is needed, is for the wizard to ask.
"""

from __future__ import annotations

import getpass
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec

from trio_chat.client.link.dial import parse_address, tls_context
from trio_chat.client.link.terms import Login
from trio_chat.client.settings.options import ClientOptions
from trio_chat.client.settings.settings import Profile, Settings
from trio_chat.errors import ConfigError

DEFAULT_HOST = "127.0.0.1"
TOKEN_BYTES = 4096


class Wish(msgspec.Struct, frozen=True):
    """The words of the command line about the server and the person; empty: nothing was said."""

    address: str = ""
    nick: str = ""
    room: str = ""
    account: str = ""
    token_file: str = ""
    tls: bool = False
    ca: str = ""


def choose(wish: Wish, settings: Settings) -> Profile:
    """Return the profile to use: the one that *wish* names, even if a host has the same name, or
    one made of the address, with what *wish* says on top."""
    named = wish.address or settings.profile
    profile = settings.profiles.get(named) or Profile(server=named or DEFAULT_HOST)
    words = {"nick": wish.nick, "room": wish.room, "account": wish.account, "ca": wish.ca}
    words["token_file"] = wish.token_file
    said = {key: word for key, word in words.items() if word}
    profile = msgspec.structs.replace(profile, **said, tls=profile.tls or wish.tls)
    nick = profile.nick or profile.account or _login_name()
    return msgspec.structs.replace(profile, nick=nick)


def client_options(
    profile: Profile,
    settings: Settings,
    login: Login | None,
    *,
    is_json: bool = False,
    on_welcome: Callable[[], str] | None = None,
) -> ClientOptions:
    """Return what `run_client` needs; see `ClientOptions`.

    Raises:
        ConfigError: the address is none, or the certificates cannot be used.
    """
    address = parse_address(profile.server)
    return ClientOptions(
        host=address.host,
        port=address.port,
        nick=profile.nick,
        room=profile.room or None,
        login=login,
        tls=tls_context(profile.ca) if is_encrypted(profile) else None,
        is_json=is_json,
        on_welcome=on_welcome,
        settings=settings,
    )


def is_encrypted(profile: Profile) -> bool:
    """Return whether the link is to be encrypted. Raises ConfigError."""
    return profile.tls or bool(profile.ca) or parse_address(profile.server).is_tls


def read_token(file: Path) -> str:
    """Return the token in *file*.

    Raises:
        ConfigError: it cannot be read, or others may read it too.
    """
    try:
        with file.open(encoding="ascii") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            token = stream.read(TOKEN_BYTES).strip()
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: holds no token") from None
    if mode & 0o077:
        raise ConfigError(f"{file}: others may read it (mode {mode:o}); chmod 600 {file}")
    if not token.isprintable() or not token:
        raise ConfigError(f"{file}: holds no token")
    return token


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user, and no variable that tells
        return "guest"
