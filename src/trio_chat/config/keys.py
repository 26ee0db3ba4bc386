"""The keys of the configuration by name, as `section.key`: their defaults, bounds and reasons, and
which of them may change while the server runs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from typing import NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from trio_chat.config.sections import Config

_LIVE_SECTIONS = ("rooms", "accounts", "limits", "timeouts")
_LIVE_SERVER_KEYS = ("name", "motd", "tls_certificate", "tls_key")


class Key(NamedTuple):
    """Attributes:
    least, most: the bounds, both allowed; None: it is no number.
    takes: what it takes, for people: `a whole number from 1 to 1000`.
    """

    default: object
    reason: str
    least: float | None
    most: float | None
    takes: str


@cache
def described_keys() -> dict[str, Key]:
    """Every key, in the order in which the sections have them."""
    return {
        f"{section}.{key}": _described(type(values), key, getattr(values, key))
        for section, values in _sections()
        for key in values.__struct_fields__
    }


def _sections() -> list[tuple[str, msgspec.Struct]]:
    config = Config()
    return [(section, getattr(config, section)) for section in Config.__struct_fields__]


def _described(section: type[msgspec.Struct], name: str, default: object) -> Key:
    hint = get_type_hints(section, include_extras=True)[name]
    kind, meta = hint.__origin__, hint.__metadata__[0]
    return Key(default, str(meta.description), meta.ge, meta.le, _takes(kind, meta))


def _takes(kind: type, meta: msgspec.Meta) -> str:
    if meta.ge is not None:
        number = "a whole number" if kind is int else "a number"
        return f"{number} from {meta.ge:,} to {meta.le:,}".replace(",", "_")
    if get_origin(kind) is tuple:
        return "a list of texts"
    if kind is bool:
        return "true or false"
    return " or ".join(map(repr, get_args(kind))) or "a text"


def keys() -> dict[str, object]:
    """Every key as `section.key` with its default, in the order in which the sections have them."""
    return {name: key.default for name, key in described_keys().items()}


def value_of(config: Config, name: str) -> object:
    """What the key *name*, one of `keys`, holds."""
    section, _, key = name.partition(".")
    value: object = getattr(getattr(config, section), key)
    return value


def is_live(name: str) -> bool:
    """Return whether the key *name* may change while the server runs."""
    section, _, key = name.partition(".")
    return section in _LIVE_SECTIONS or (section == "server" and key in _LIVE_SERVER_KEYS)


def with_live(config: Config, other: Config) -> Config:
    """*config* with what *other* says of the keys that may change while the server runs."""
    sections = {section: getattr(other, section) for section in _LIVE_SECTIONS}
    live = {name: getattr(other.server, name) for name in _LIVE_SERVER_KEYS}
    server = msgspec.structs.replace(config.server, **live)
    return msgspec.structs.replace(config, server=server, **sections)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` for a mistyped *word*, or nothing if none is near."""
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
