"""The settings of a person: frozen structs, read from `config.toml`.

It knows no terminal and no prompt_toolkit. Each setting carries its reason, which `client-config
--init` writes into the file above it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
import platformdirs

from trio_chat.client.settings.keymap import Keys, bindings
from trio_chat.client.settings.themes import THEMES, Rules, check_styles, theme_name
from trio_chat.config import nearest, read_toml
from trio_chat.errors import ConfigError

T = TypeVar("T", bound="_Table")

FILE_VARIABLE = "TRIO_CHAT_CLIENT_CONFIG"
ScreenKind: TypeAlias = Literal["auto", "full", "inline", "plain"]
Theme: TypeAlias = Literal["auto", "dark", "light", "high-contrast", "none"]


def _why(reason: str) -> msgspec.Meta:
    return msgspec.Meta(description=reason)


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Notifications(_Table, frozen=True, kw_only=True):
    """How you are told that somebody means you."""

    bell: Annotated[bool, _why("Rings the terminal's bell, which every terminal has.")] = True
    desktop: Annotated[
        Literal["auto", "on", "off"],
        _why("Asks the terminal for a notification; auto: where it is known to have them."),
    ] = "auto"


class Paste(_Table, frozen=True, kw_only=True):
    """Which pastes are asked about, so that nothing is said by mistake."""

    ask_lines: Annotated[
        int,
        msgspec.Meta(ge=1, description="With more lines than this you are asked before they go."),
    ] = 5
    most_bytes: Annotated[
        int,
        msgspec.Meta(ge=1, description="More than this is not taken in: it is a whole file."),
    ] = 65_536


class Profile(_Table, frozen=True, kw_only=True):
    """A server you go to: `trio-chat connect NAME`."""

    server: Annotated[str, _why("HOST or HOST:PORT.")]
    nick: Annotated[str, _why("What you are called there; empty: your login name.")] = ""
    room: Annotated[str, _why("A room to enter at the start.")] = ""
    account: Annotated[str, _why("The account to log in to; its password is asked for.")] = ""
    token_file: Annotated[
        str,
        _why(
            "A file with a token to log in with, readable by you only (0600). There is no key for"
            " a password: this file may get into a backup or a repository."
        ),
    ] = ""
    tls: Annotated[bool, _why("Encrypt, and check that the server is the one named.")] = False
    ca: Annotated[str, _why("A PEM file to trust instead of the system's certificates.")] = ""


class Settings(_Table, frozen=True, kw_only=True):
    """Everything in `config.toml`; see `load_settings`."""

    profile: Annotated[str, _why("Where `connect` without an address goes: a profile.")] = ""
    screen: Annotated[
        ScreenKind, _why("full, inline or plain; auto: full in a terminal, else plain.")
    ] = "auto"
    theme: Annotated[
        Theme,
        _why(
            "dark, light, high-contrast or none; auto: none where NO_COLOR is set, else dark, "
            "which can be read on a light terminal too."
        ),
    ] = "auto"
    clock: Annotated[Literal[12, 24], _why("How times are shown: 24 or 12 hours.")] = 24
    mouse: Annotated[
        bool, _why("The wheel scrolls; off, because then the terminal selects text as always.")
    ] = False
    highlights: Annotated[
        tuple[str, ...], _why("Words that mean you, beside your nick, in any case.")
    ] = ()
    log_file: Annotated[
        str, _why("Everything shown is appended to this file (0600); empty: to none.")
    ] = ""
    notifications: Notifications = Notifications()
    paste: Paste = Paste()
    keys: Annotated[
        dict[str, tuple[str, ...]], _why("Action = keys, instead of the default ones.")
    ] = {}
    styles: Annotated[
        dict[str, str], _why("Class = style, on top of the theme: own = 'bold #5f87d7'.")
    ] = {}
    profiles: dict[str, Profile] = {}

    def bindings(self) -> dict[str, tuple[Keys, ...]]:
        """Return action -> its keys, as prompt_toolkit names them; see `keymap.ACTIONS`."""
        return bindings(self.keys)

    def is_monochrome(self, environment: Mapping[str, str] = os.environ) -> bool:
        """Return whether nothing may have a colour, the terminal's menus included."""
        return theme_name(self.theme, environment) == "none"

    def rules(self, environment: Mapping[str, str] = os.environ) -> Rules:
        """Return class -> style: the theme's, with the person's own on top."""
        return {**THEMES[theme_name(self.theme, environment)], **self.styles}


def settings_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of the settings: TRIO_CHAT_CLIENT_CONFIG, or the system's place for them."""
    named = environment.get(FILE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_config_path("trio-chat", appauthor=False) / "config.toml"


def load_settings(
    file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Read the settings from *file*, or from `settings_path` if it exists.

    Raises:
        ConfigError: naming the file, the key, and what is wrong with it.
    """
    path = file or settings_path(environment)
    is_named = file is not None or bool(environment.get(FILE_VARIABLE))
    if not is_named and not path.exists():
        return Settings()
    return settings_from(read_toml(path), path)


def settings_from(values: Mapping[str, Any], file: Path) -> Settings:
    """Return what the *values* read from *file* say. Raises ConfigError."""
    tables: dict[str, Any] = {}
    for name, kind in (("notifications", Notifications), ("paste", Paste)):
        tables[name] = _table(values.get(name, {}), kind, file, name)
    profiles = values.get("profiles", {})
    if not isinstance(profiles, Mapping):
        raise ConfigError(f"{file}: profiles holds tables, write [profiles.NAME]")
    tables["profiles"] = {
        name: _table(profile, Profile, file, f"profiles.{name}")
        for name, profile in profiles.items()
    }
    plain = {name: value for name, value in values.items() if name not in tables}
    settings = msgspec.structs.replace(_table(plain, Settings, file, ""), **tables)
    _check(settings, file)
    return settings


def _table(values: Any, kind: type[T], file: Path, where: str) -> T:
    """Return *values* as a *kind*; the errors name the file and the key."""
    dot = f"{where}." if where else ""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{file}: {where} is a table, write [{where}] above its keys")
    for key in values:
        if key not in kind.__struct_fields__:
            near = nearest(key, kind.__struct_fields__)
            raise ConfigError(f"{file}: there is no key {dot}{key}{near}")
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as exc:
        reason, _, path = str(exc).partition(" - at ")
        name = f"{dot}{path.strip('`$.')}".rstrip(".")
        raise ConfigError(f"{file}: {name}: {reason}") from None


def _check(settings: Settings, file: Path) -> None:
    try:
        settings.bindings()
    except ValueError as exc:
        raise ConfigError(f"{file}: keys: {exc}") from None
    try:
        check_styles(settings.styles)
    except ValueError as exc:
        raise ConfigError(f"{file}: styles: {exc}") from None
    for name in settings.profiles:
        if not name or set(name) & set(".:[]"):
            raise ConfigError(f"{file}: profiles: {name!r} could be a host; leave out . and :")
    if settings.profile and settings.profile not in settings.profiles:
        near = nearest(settings.profile, settings.profiles)
        raise ConfigError(f"{file}: profile: there is no [profiles.{settings.profile}]{near}")
