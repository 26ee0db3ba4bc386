"""The file with a person's settings: what is wrong is named, what is right is in force."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.client.settings.keymap import ACTIONS
from trio_chat.client.settings.settings import (
    Notifications,
    Paste,
    Profile,
    Settings,
    load_settings,
    settings_from,
    settings_path,
)
from trio_chat.client.settings.settings_text import commented, effective, reason, write_private
from trio_chat.errors import ConfigError
from trio_chat.tables import as_toml

DOCUMENT = Path(__file__).parents[2] / "docs/client.md"
TABLES: dict[str, tuple[type[msgspec.Struct], msgspec.Struct]] = {
    "": (Settings, Settings()),
    "notifications.": (Notifications, Notifications()),
    "paste.": (Paste, Paste()),
    "profiles.NAME.": (Profile, Profile(server="")),
}

KEYS = [
    *(key for table, _ in TABLES.values() for key in table.__struct_fields__),
    *(action.name for action in ACTIONS[:3]),
    *["own", "dim"],
]


def plain_settings() -> dict[str, tuple[str, str]]:
    """Each setting but the tables of keys and styles -> its default as TOML, its reason."""
    return {
        f"{prefix}{key}": (as_toml(getattr(default, key)), reason(table, key))
        for prefix, (table, default) in TABLES.items()
        for key in table.__struct_fields__
        if not isinstance(getattr(default, key), dict | Notifications | Paste)
    }


def load(folder: Path, text: str) -> Settings:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert load_settings(environment={"XDG_CONFIG_HOME": str(tmp_path)}) == Settings()


def test_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_settings(missing, {})
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_settings(environment={"TRIO_CHAT_CLIENT_CONFIG": str(missing)})


def test_variable_says_where_the_file_is() -> None:
    environment = {"TRIO_CHAT_CLIENT_CONFIG": "/elsewhere/chat.toml"}
    assert settings_path(environment) == Path("/elsewhere/chat.toml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("theme = 'dork'", "theme: Invalid enum value 'dork'"),
        ("themes = 'dark'", "there is no key themes; did you mean 'theme'?"),
        ("mouse = 'yes'", "mouse: Expected `bool`, got `str`"),
        ("clock = 13", "clock: Invalid enum value 13"),
        ("highlights = 'release'", "highlights: Expected `array`, got `str`"),
        ("notifications = true", "notifications is a table, write [notifications] above its keys"),
        ("[notifications]\nbel = true", "there is no key notifications.bel; did you mean 'bell'?"),
        ("[paste]\nask_lines = 0", "paste.ask_lines: Expected `int` >= 1"),
        ("[keys]\npageup = ['f1']", "keys: there is no action 'pageup'; did you mean 'page_up'?"),
        ("[keys]\npage_up = ['hyper-x']", "keys: page_up: 'hyper-x' is no key"),
        ("[keys]\npage_up = 'f1'", "keys[...]: Expected `array`, got `str`"),
        ("[styles]\nowm = 'bold'", "styles: there is no class 'owm'; did you mean 'own'?"),
        ("[styles]\nown = 'loud'", "styles: own: 'loud' is no style"),
        ("profile = 'work'", "profile: there is no [profiles.work]"),
        ("[profiles.work]\nnick = 'ada'", "profiles.work: Object missing required field `server`"),
        ("[profiles.w]\nserver = 'h'\ntlss = 1", "there is no key profiles.w.tlss; did you mean"),
        ("[profiles.w]\nserver = 'h'\npassword = 'x'", "there is no key profiles.w.password"),
        ("[profiles.'a.b']\nserver = 'h'", "profiles: 'a.b' could be a host"),
        ("profiles = 1", "profiles holds tables, write [profiles.NAME]"),
        ("theme = ", "no valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/config.toml: {complaint}")


def test_a_person_s_own_styles_and_keys_go_before_the_defaults(tmp_path: Path) -> None:
    text = "theme = 'light'\n[styles]\nown = 'bold #112233'\n[keys]\npage_up = ['ctrl-u', 'alt-v']"
    settings = load(tmp_path, text)
    assert settings.rules({})["own"] == "bold #112233"
    assert settings.rules({})["time"] == Settings(theme="light").rules({})["time"]
    assert settings.bindings()["page_up"] == (("c-u",), ("escape", "v"))
    assert settings.bindings()["page_down"] == (("pagedown",),)


def test_no_color_takes_all_colours_unless_a_theme_was_chosen() -> None:
    assert Settings().is_monochrome({"NO_COLOR": "1"})
    assert not any("#" in rule for rule in Settings().rules({"NO_COLOR": "1"}).values())
    assert not Settings().is_monochrome({"NO_COLOR": ""})
    assert not Settings(theme="dark").is_monochrome({"NO_COLOR": "1"})


TEXTS = st.one_of(st.sampled_from(["dark", "ctrl-x", "bold", "chat.example"]), st.text(max_size=8))
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), TEXTS, st.floats(allow_nan=False)),
    lambda values: st.one_of(
        st.lists(values, max_size=3),
        st.dictionaries(st.sampled_from([*KEYS, "", "work", "a.b"]), values, max_size=3),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_file_is_settings_or_a_complaint_that_names_it(values: dict[str, Any]) -> None:
    try:
        settings = settings_from(values, Path("mine.toml"))
    except ConfigError as exc:
        complaint = str(exc)
    else:
        again = settings_from(tomllib.loads(commented(settings)), Path("again.toml"))
        assert again == settings
        return
    assert complaint.startswith("mine.toml: ")


# --- as text


def test_commented_file_changes_nothing(tmp_path: Path) -> None:
    text = commented(Settings())
    assert tomllib.loads(text) == {"notifications": {}, "paste": {}, "keys": {}, "styles": {}}
    assert load(tmp_path, text) == Settings()


def test_every_setting_is_in_the_commented_file_with_its_default_and_reason() -> None:
    text = commented(Settings())
    words = " ".join(text.replace("#", "").split())
    for name, (default, why) in plain_settings().items():
        if name != "profiles.NAME.server":
            assert f"#{name.rpartition('.')[2]} = {default}\n" in text, name
        assert " ".join(why.split()) in words, name
    for action in ACTIONS:
        assert f"#{action.name} = {as_toml(action.keys)}  # {action.help}" in text
    for name, rule in Settings(theme="dark").rules().items():
        assert f"#{name} = {as_toml(rule)}\n" in text


def test_commented_file_holds_what_was_chosen(tmp_path: Path) -> None:
    settings = Settings(
        profile="work",
        clock=12,
        notifications=Notifications(bell=False),
        keys={"send": ("alt-enter",), "new_line": ("enter",)},
        styles={"own": "bold #112233"},
        profiles={"work": Profile(server="chat.example:1", nick='a"b\\c\x7f', tls=True)},
    )
    assert load(tmp_path, commented(settings)) == settings


def test_effective_settings_are_a_file_again(tmp_path: Path) -> None:
    settings = Settings(theme="light", profiles={"work": Profile(server="chat.example")})
    again = load(tmp_path, effective(settings))
    assert again.bindings() == settings.bindings()
    assert again.rules({}) == settings.rules({})
    assert again.profiles == settings.profiles


def test_file_is_for_its_owner_only_and_never_overwritten_by_mistake(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    write_private(file, "first")
    with pytest.raises(ConfigError, match="exists already; --force"):
        write_private(file, "second")
    assert file.read_text() == "first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    write_private(file, "second", force=True)
    assert file.read_text() == "second"


def test_documentation_lists_every_setting_with_its_default() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `(.*?)` \|", text, flags=re.MULTILINE))
    expected: dict[str, Any] = {name: default for name, (default, _) in plain_settings().items()}
    expected["profiles.NAME.server"] = '"HOST:PORT"'
    assert rows == expected


def test_documentation_lists_every_action_with_its_keys() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for action in ACTIONS:
        if not action.name.startswith("room_"):
            assert re.search(
                rf"^\| {re.escape(shown(action.keys))} \| `{action.name}` \|", text, re.MULTILINE
            )
    assert "| Alt-1 ... Alt-9 | `room_1` ... `room_9` |" in text


def shown(keys: tuple[str, ...]) -> str:
    """`ctrl-c` -> `Ctrl-C`, `pageup` -> `PgUp`."""
    names = {"pageup": "PgUp", "pagedown": "PgDn"}
    return ", ".join(
        "-".join(names.get(part, part.title()) for part in key.split("-")) for key in keys
    )
