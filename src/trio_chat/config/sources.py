"""The configuration from all its sources: the defaults, a TOML file, the environment
(`TRIO_CHAT_LIMITS_FLOOD=false`) and `--set`. Later sources win."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import platformdirs

from trio_chat.config.keys import described_keys, keys, nearest
from trio_chat.config.sections import Config
from trio_chat.errors import ConfigError

ENVIRONMENT_PREFIX = "TRIO_CHAT_"
# Of the client, which has settings of its own.
_OTHER_VARIABLES = frozenset({"TRIO_CHAT_PASSWORD", "TRIO_CHAT_CLIENT_CONFIG"})
_SHOWN_CHARACTERS = 40
_SOURCE_CHARACTERS = 80


class Loaded(NamedTuple):
    """Attributes:
    origins: by key, where its value comes from; a key that is missing has its default.
    """

    config: Config
    origins: dict[str, str]


class _Assignment(NamedTuple):
    source: str
    name: str
    text: str


def default_file() -> Path:
    """The file that is read when none is named, if it is there."""
    return platformdirs.user_config_path("trio-chat", appauthor=False) / "server.toml"


def found_file() -> Path | None:
    """`default_file`, if it is there and may be looked for."""
    file = default_file()
    try:
        return file if file.exists() else None
    except OSError:  # a service that may not look into anybody's home
        return None


def load_config(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    assignments: Iterable[str] = (),
) -> Config:
    """Read the configuration from all its sources.

    Args:
        file: a TOML file, or None for none.
        environment: variables named `TRIO_CHAT_SECTION_KEY`; those without the prefix are ignored.
        assignments: `section.key=value` each, as given to `--set`.

    Raises:
        ConfigError: naming the source, the key and what is wrong with the value.
    """
    return load(file, environment=environment, assignments=assignments).config


def load(
    file: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    assignments: Iterable[str] = (),
) -> Loaded:
    """Like `load_config`; it also tells where each value comes from."""
    config, origins = Config(), {}
    if file is not None:
        tables = read_toml(file)
        config = _apply(config, tables, str(file))
        origins = {f"{section}.{key}": str(file) for section in tables for key in tables[section]}
    for source, name, text in (*_from_environment(environment), *_from_options(assignments)):
        config = _assigned(config, name, text, source)
        origins[name] = source
    return Loaded(config, origins)


def assigned(config: Config, name: str, text: str) -> Config:
    """*config* with the key *name* set to *text*, as by `--set`.

    Raises:
        ConfigError: there is no such key, or that is no value for it.
    """
    return _assigned(config, name, text, name)


def read_toml(file: Path) -> dict[str, Any]:
    """Raises ConfigError, naming the file, if it cannot be read or is no TOML."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:  # a number without end is no TOMLDecodeError
        raise ConfigError(f"{file}: no valid TOML: {exc}") from exc


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Assignment]:
    """Raises ConfigError: a variable with the prefix names no key."""
    known = {ENVIRONMENT_PREFIX + name.replace(".", "_").upper(): name for name in keys()}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _OTHER_VARIABLES:
            continue
        if variable not in known:
            near = nearest(variable, (*known, *_OTHER_VARIABLES))
            raise ConfigError(f"the environment: there is no variable {variable}{near}")
        yield _Assignment(variable, known[variable], text)


def _from_options(assignments: Iterable[str]) -> Iterator[_Assignment]:
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        source = f"--set {assignment}"[:_SOURCE_CHARACTERS]
        if not equals or "." not in name:
            raise ConfigError(f"{source}: write it as section.key=value")
        yield _Assignment(source, name.strip(), text)


def _assigned(config: Config, name: str, text: str, source: str) -> Config:
    section, _, key = name.partition(".")
    return _apply(config, {section: {key: _value(text, name)}}, source)


def _value(text: str, name: str) -> Any:
    """A TOML value, or the bare text: `--set server.name=Our chat` needs no quotes. A key that
    holds a list takes `a,b` too, one that is on or off also `True`."""
    text = text.strip()
    default = keys().get(name)
    if isinstance(default, bool):
        text = text.lower()
    value = _toml_value(text)
    if isinstance(default, tuple) and not isinstance(value, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, str) and not isinstance(value, str):
        return text
    return value


def _toml_value(text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if len(table) == 1 else text  # a line more would be another key


def _apply(config: Config, changes: Mapping[str, Any], source: str) -> Config:
    merged = msgspec.to_builtins(config)
    for section, values in changes.items():
        if section not in merged:
            raise ConfigError(
                f"{source}: there is no section {section!r}{nearest(section, merged)}"
            )
        if not isinstance(values, Mapping):
            raise ConfigError(f"{source}: {section} is a section, write [{section}] above its keys")
        for key, value in values.items():
            if key not in merged[section]:
                near = nearest(key, merged[section])
                raise ConfigError(f"{source}: there is no key {section}.{key}{near}")
            merged[section][key] = value
            _check(merged, f"{section}.{key}", value, source)
    return msgspec.convert(merged, Config)


def _check(merged: Mapping[str, Any], name: str, value: Any, source: str) -> None:
    """Raises ConfigError: *value* is none for the key *name*."""
    try:
        msgspec.convert(merged, Config)
    except msgspec.ValidationError as exc:
        key = described_keys()[name]
        reason = str(exc).partition(" - at ")[0]
        wanted = reason if key.least is None else f"it takes {key.takes}, not {_shown(value)}"
        raise ConfigError(f"{source}: {name}: {wanted}") from exc
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and "\0" in text for text in texts):
        raise ConfigError(f"{source}: {name}: a text cannot contain U+0000")


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of more than 4,300 digits
        return "such a number"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
