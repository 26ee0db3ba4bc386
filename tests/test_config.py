"""Configuration from all its sources, and the errors that say what to mend."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from trio_chat.config import (
    ENVIRONMENT_PREFIX,
    Config,
    assigned,
    described_keys,
    keys,
    load_config,
)
from trio_chat.errors import ConfigError


def load(
    *assignments: str, file: Path | None = None, environment: dict[str, str] | None = None
) -> Config:
    return load_config(file, environment=environment or {}, assignments=assignments)


def value_of(config: Config, name: str) -> Any:
    section, key = name.split(".")
    return getattr(getattr(config, section), key)


def another(default: object) -> tuple[str, object]:
    """A value other than *default* as one writes it, and as it is then."""
    match default:
        case bool():
            return str(not default).lower(), not default
        case int():
            return str(default - 1), default - 1
        case float():
            return str(default / 2), default / 2
        case tuple():
            return "one:1, two:2", ("one:1", "two:2")
        case "FULL":
            return "NORMAL", "NORMAL"
        case "info":
            return "debug", "debug"
        case "console":
            return "json", "json"
        case "off":
            return "auto", "auto"
    return "some text", "some text"


@pytest.mark.parametrize(("name", "default"), keys().items())
def test_every_key_is_reached_by_set(name: str, default: object) -> None:
    written, value = another(default)
    assert value_of(load(), name) == default
    assert value_of(load(f"{name}={written}"), name) == value
    assert value_of(load(f" {name} = {written}"), name) == value


@pytest.mark.parametrize(("name", "default"), keys().items())
def test_every_key_is_reached_by_the_environment(name: str, default: object) -> None:
    written, value = another(default)
    variable = ENVIRONMENT_PREFIX + name.replace(".", "_").upper()
    assert value_of(load(environment={variable: written}), name) == value


@pytest.mark.parametrize(("name", "default"), keys().items())
def test_every_key_is_reached_by_a_file(name: str, default: object, tmp_path: Path) -> None:
    section, key = name.split(".")
    _, value = another(default)
    written = str(value).lower() if isinstance(value, bool) else repr(value)
    file = tmp_path / "chat.toml"
    file.write_text(
        f"[{section}]\n{key} = {written.replace('(', '[').replace(')', ']')}\n", encoding="utf-8"
    )
    assert value_of(load(file=file), name) == value


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    file.write_text("[limits]\nflood_burst = 7\nquery_burst = 7\nbad_lines = 7\n", encoding="utf-8")
    environment = {"TRIO_CHAT_LIMITS_QUERY_BURST": "8", "TRIO_CHAT_LIMITS_BAD_LINES": "8"}
    limits = load("limits.bad_lines=9", file=file, environment=environment).limits
    assert (limits.flood_burst, limits.query_burst, limits.bad_lines) == (7, 8, 9)
    assert limits.pipeline == Config().limits.pipeline


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("server.name=Our chat", "Our chat"),
        ('server.name="Our chat"', "Our chat"),
        ("server.name=5", "5"),
        ("server.name=true", "true"),
        ("server.motd=a=b", "a=b"),
        ("server.motd=", ""),
        ("server.listen=127.0.0.1:0", ("127.0.0.1:0",)),
        ('server.listen=["127.0.0.1:0", "[::1]:0"]', ("127.0.0.1:0", "[::1]:0")),
        ("rooms.auto_join=5", ("5",)),
        ("timeouts.grace_seconds=5", 5.0),
        ("limits.flood=False", False),
        ("limits.flood=TRUE", True),
    ],
)
def test_values_need_no_quotes(assignment: str, value: object) -> None:
    assert value_of(load(assignment), assignment.partition("=")[0]) == value


@pytest.mark.parametrize(
    ("assignment", "parts"),
    [
        ("limits.flod=false", ["limits.flod", "'flood'"]),
        ("limit.flood=false", ["'limit'", "'limits'"]),
        ("limits.zzz=1", ["limits.zzz"]),
        ("flood=false", ["section.key=value"]),
        ("limits.flood", ["section.key=value"]),
        ("limits.flood=maybe", ["limits.flood", "maybe", "bool"]),
        ("limits.flood=", ["limits.flood", "bool"]),
        ("limits.flood_burst=0", ["limits.flood_burst=0", "1"]),
        ("limits.flood_burst=2.5", ["limits.flood_burst", "whole number from 1 to", "not 2.5"]),
        ("limits.outbox_bytes=1", ["limits.outbox_bytes", "65_536", "not 1"]),
        ("timeouts.drain_seconds=-1", ["timeouts.drain_seconds", "0"]),
        ("timeouts.drain_seconds=nan", ["timeouts.drain_seconds"]),
        ("store.synchronous=OFF", ["store.synchronous", "OFF"]),
        ("log.level=loud", ["log.level", "loud"]),
    ],
)
def test_an_error_names_the_source_the_key_and_what_is_near(
    assignment: str, parts: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(assignment)
    assert all(part in str(caught.value) for part in ["--set", *parts])


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[limits]\nflod = true\n", "did you mean 'flood'?"),
        (b"[limit]\nflood = true\n", "did you mean 'limits'?"),
        (b"limits = 5\n", "write [limits] above its keys"),
        (b"[limits]\nflood = 5\n", "limits.flood"),
        (b"[limits\n", "no valid TOML"),
        (b"\xff", "no valid TOML"),
    ],
)
def test_an_error_in_a_file_names_the_file(content: bytes, part: str, tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file=file)
    assert str(file) in str(caught.value)
    assert part in str(caught.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read"):
        load(file=tmp_path / "missing.toml")


def test_an_error_in_the_environment_names_the_variable() -> None:
    with pytest.raises(ConfigError, match="TRIO_CHAT_LIMITS_FLOOD"):
        load(environment={"TRIO_CHAT_LIMITS_FLOOD": "maybe"})


def test_other_variables_are_ignored() -> None:
    others = ("LIMITS_FLOOD", "TRIO", "HOME", "TRIO_CHAT_PASSWORD", "TRIO_CHAT_CLIENT_CONFIG")
    assert load(environment=dict.fromkeys(others, "x")) == Config()


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("TRIO_CHAT_LIMITS_FLOD", "TRIO_CHAT_LIMITS_FLOOD"),
        ("TRIO_CHAT_LIMITS__FLOOD", "TRIO_CHAT_LIMITS_FLOOD"),
        ("TRIO_CHAT_LIMIT_FLOOD", "TRIO_CHAT_LIMITS_FLOOD"),
        ("TRIO_CHAT_SERVER_MODT", "TRIO_CHAT_SERVER_MOTD"),
        ("TRIO_CHAT_PASWORD", "TRIO_CHAT_PASSWORD"),
        ("TRIO_CHAT_", ""),
        ("TRIO_CHAT_limits_flood", ""),
    ],
)
def test_misspelt_variable_is_refused_with_the_nearest(variable: str, near: str) -> None:
    """S28"""
    with pytest.raises(ConfigError, match=f"there is no variable {variable}.*{near}"):
        load(environment={variable: "false"})


NUMBERS = [name for name, key in described_keys().items() if type(key.default) in (int, float)]
BEYOND = ("inf", "-inf", "nan", "1e20", "1e300", "1" + "0" * 20, "9" * 5000, f"0x{'f' * 5000}")


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_finite_and_has_a_least_and_a_greatest_value(
    name: str, tmp_path: Path
) -> None:
    """A3"""
    key = described_keys()[name]
    assert key.least is not None
    assert key.most is not None
    assert 0 <= key.least < key.most <= 1e8 or name.endswith("_bytes")
    for bound in (key.least, key.most):
        assert value_of(load(f"{name}={bound}"), name) == bound
    beyond = [str(key.least - 1), str(key.most + 1), *BEYOND]
    section, _, name_there = name.partition(".")
    file = tmp_path / "chat.toml"
    for number in beyond:
        file.write_text(f"[{section}]\n{name_there} = {number}\n", encoding="utf-8")
        variable = ENVIRONMENT_PREFIX + name.replace(".", "_").upper()
        for refused in (
            partial(load, f"{name}={number}"),
            partial(load, file=file),
            partial(load, environment={variable: number}),
            partial(assigned, Config(), name, number),
        ):
            with pytest.raises(ConfigError) as caught:
                refused()
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", described_keys())
def test_every_key_has_a_reason_and_says_what_it_takes(name: str) -> None:
    key = described_keys()[name]
    assert key.reason.endswith((".", "..."))
    assert key.takes


@pytest.mark.parametrize("text", ["[" * 8000, "1\nx = 2", '"a\\u0000b"', "{a = 1}", "2026-11-22"])
@pytest.mark.parametrize("name", ["limits.flood_burst", "limits.flood", "store.synchronous"])
def test_what_is_no_value_is_refused_whatever_it_is(name: str, text: str) -> None:
    """A3"""
    with pytest.raises(ConfigError, match=name):
        assigned(Config(), name, text)


@pytest.mark.parametrize("name", ["server.listen", "store.data", "server.motd", "server.tls_key"])
def test_no_text_holds_a_nul(name: str) -> None:
    """D5: a system call that is given one fails with a traceback."""
    with pytest.raises(ConfigError, match=r"U\+0000"):
        assigned(Config(), name, '["a\\u0000b"]' if name == "server.listen" else '"a\\u0000b"')


def test_home_of_somebody_unknown_is_refused() -> None:
    """D5"""
    with pytest.raises(ConfigError, match=r"store.data: ~nosuchuser/x: there is no such home"):
        _ = load("store.data=~nosuchuser/x").data_folder


def test_no_two_keys_share_a_variable() -> None:
    names = [name.replace(".", "_").upper() for name in keys()]
    assert len(names) == len(set(names))


def test_the_data_folder_is_the_one_named_or_the_platforms(tmp_path: Path) -> None:
    assert load(f"store.data={tmp_path}").data_folder == tmp_path
    assert load("store.data=~/chat").data_folder == Path.home() / "chat"
    assert load().data_folder.is_absolute()
