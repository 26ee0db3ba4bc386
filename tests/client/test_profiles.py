"""Where to go and as whom: the command line, then a profile, then a default."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_chat.client.link.dial import parse_address
from trio_chat.client.settings.profiles import (
    Wish,
    choose,
    client_options,
    read_token,
)
from trio_chat.client.settings.settings import Profile, Settings
from trio_chat.client.settings.wizard import login_for
from trio_chat.errors import ConfigError

WORK = Profile(server="chat.example:1", nick="ada", room="dev", account="lovelace", tls=True)
SETTINGS = Settings(profiles={"work": WORK, "localhost": Profile(server="10.0.0.7")})


def test_word_that_is_a_profile_wins_over_a_host() -> None:
    assert choose(Wish("work"), SETTINGS) == WORK
    assert choose(Wish("localhost"), SETTINGS).server == "10.0.0.7"
    assert choose(Wish("localhost:7373"), SETTINGS).server == "localhost:7373"
    assert choose(Wish("play"), SETTINGS).server == "play"


def test_without_an_address_it_goes_where_the_settings_say_or_here() -> None:
    assert choose(Wish(), SETTINGS).server == "127.0.0.1"
    assert choose(Wish(), Settings(profile="work", profiles={"work": WORK})) == WORK


def test_command_line_goes_before_the_profile() -> None:
    wish = Wish("work", nick="bob", room="ops", account="bob", token_file="t", ca="c.pem")
    profile = choose(wish, SETTINGS)
    assert profile == Profile(
        server="chat.example:1",
        nick="bob",
        room="ops",
        account="bob",
        token_file="t",
        tls=True,
        ca="c.pem",
    )


def test_nick_is_the_account_s_or_the_login_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    assert choose(Wish("h"), SETTINGS).nick == "grace"
    assert choose(Wish("h", account="lovelace"), SETTINGS).nick == "lovelace"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("chat.example", ("chat.example", 7373)),
        ("chat.example:1", ("chat.example", 1)),
        ("[::1]:1", ("::1", 1)),
        ("[::1]", ("::1", 7373)),
        ("::1", ("::1", 7373)),
    ],
)
def test_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == (*address, False)
    assert parse_address(f"tls://{text}") == (*address, True)


@pytest.mark.parametrize(
    "text", [":1", "host:x", "host:65536", "host:١", "[]:1", "tls://", "http://h", "a b"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write the server as HOST or HOST:PORT"):
        parse_address(text)


def test_options_say_everything_to_the_client(tmp_path: Path) -> None:
    options = client_options(WORK, SETTINGS, None, is_json=True)
    assert (options.host, options.port, options.nick, options.room) == (
        "chat.example",
        1,
        "ada",
        "dev",
    )
    assert options.tls is not None
    assert options.tls.check_hostname
    assert options.is_json
    assert client_options(Profile(server="tls://h"), SETTINGS, None).tls is not None
    assert client_options(Profile(server="h"), SETTINGS, None).tls is None
    with pytest.raises(ConfigError, match=r"none\.pem: no certificates in it"):
        client_options(Profile(server="h", ca=str(tmp_path / "none.pem")), SETTINGS, None)


def test_token_is_taken_only_from_a_file_that_nobody_else_can_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("tc_secret\n")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match=r"others may read it \(mode 640\)"):
        read_token(file)
    file.chmod(0o600)
    assert read_token(file) == "tc_secret"
    login = login_for(Profile(server="h", account="ada", token_file=str(file)), {})
    assert login is not None
    assert (login.account, login.token, login.password) == ("ada", "tc_secret", None)
    assert "tc_secret" not in repr(login)


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe", b"a\x1bb"])
def test_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigError, match="holds no token"):
        read_token(file)


def test_password_comes_from_the_environment_only_for_an_account() -> None:
    environment = {"TRIO_CHAT_PASSWORD": "secret"}
    login = login_for(Profile(server="h", account="ada"), environment)
    assert login is not None
    assert login.password == "secret"
    assert "secret" not in repr(login)
    assert login_for(Profile(server="h"), environment) is None
