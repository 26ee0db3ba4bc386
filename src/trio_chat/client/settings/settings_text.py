"""Settings as text: the commented file that a person edits, and those in force. It reads
nothing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from trio_chat.client.settings.keymap import ACTIONS
from trio_chat.client.settings.settings import Notifications, Paste, Profile, Settings
from trio_chat.errors import ConfigError
from trio_chat.tables import as_toml, write_new

_TOP = """\
# How trio-chat's client looks and behaves. A line that begins with # shows a default: take the #
# away to change it. `trio-chat client-config` prints what is in force.
"""
_EXAMPLE = Profile(server="chat.example")


def commented(settings: Settings) -> str:
    """Return the whole file, every setting with its reason; what is a default is commented out."""
    default = Settings()
    lines = [_TOP, *_fields(settings, default)]
    for name in ("notifications", "paste"):
        lines += [f"[{name}]", *_fields(getattr(settings, name), getattr(default, name))]
    lines += ["[keys]", *_comment(reason(Settings, "keys"))]
    for action in ACTIONS:
        keys = settings.keys.get(action.name, action.keys)
        moment = f" (when {action.when})" if action.when else ""
        line = f"{action.name} = {as_toml(keys)}"
        lines.append(
            f"{'' if action.name in settings.keys else '#'}{line}  # {action.help}{moment}"
        )
    lines += ["", "[styles]", *_comment(reason(Settings, "styles"))]
    for name, rule in Settings(theme="dark").rules().items():
        is_own = name in settings.styles
        lines.append(f"{'' if is_own else '#'}{name} = {as_toml(settings.styles.get(name, rule))}")
    lines.append("")
    for name, profile in settings.profiles.items():
        lines += [f"[profiles.{_key(name)}]", *_fields(profile, Profile(server=""))]
    if not settings.profiles:
        lines += ["#[profiles.work]", *_fields(_EXAMPLE, _EXAMPLE)]
    return "\n".join(lines)


def effective(settings: Settings) -> str:
    """Return every setting as it is in force, as TOML."""
    tables: dict[str, Mapping[str, Any]] = {
        "notifications": _values(settings.notifications),
        "paste": _values(settings.paste),
        "keys": {a.name: settings.keys.get(a.name, a.keys) for a in ACTIONS},
        "styles": settings.rules(),
        **{f"profiles.{_key(n)}": _values(p) for n, p in settings.profiles.items()},
    }
    own = {name: value for name, value in _values(settings).items() if _is_plain(value)}
    lines = [f"{key} = {as_toml(value)}" for key, value in own.items()]
    for table, values in tables.items():
        lines += ["", f"[{table}]"]
        lines += [f"{_key(key)} = {as_toml(value)}" for key, value in values.items()]
    return "\n".join(lines)


def write_private(file: Path, text: str, *, force: bool = False) -> None:
    """Write *text* into a new file that only its owner can read.

    Raises:
        ConfigError: it cannot be written, or exists already and *force* is not given.
    """
    if force:
        try:
            file.unlink(missing_ok=True)
        except OSError as exc:
            raise ConfigError(f"{file}: cannot be written: {exc.strerror}") from None
    write_new(file, text, advice="; --force writes a new one")


def reason(table: type[msgspec.Struct], key: str) -> str:
    """Return why the setting is there."""
    meta = get_type_hints(table, include_extras=True)[key].__metadata__[0]
    return str(meta.description)


def _fields(table: msgspec.Struct, default: msgspec.Struct) -> Iterator[str]:
    """Yield the lines of a table's plain settings, those that are defaults commented out."""
    for key, value in _values(table).items():
        if _is_plain(value):
            yield from _comment(reason(type(table), key))
            sign = "#" if value == getattr(default, key) else ""
            yield f"{sign}{key} = {as_toml(value)}"
            yield ""


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 96)]


def _values(table: msgspec.Struct) -> dict[str, Any]:
    return {key: getattr(table, key) for key in table.__struct_fields__}


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict | Notifications | Paste)


def _key(name: str) -> str:
    is_bare = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if is_bare else as_toml(name)
