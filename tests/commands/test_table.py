"""The one guard: what is known, who may, how many arguments; and the records it goes by."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.chat.roles import Role
from trio_chat.commands import default_table
from trio_chat.commands.handlers.help import ping
from trio_chat.commands.table import Command, CommandTable
from trio_chat.errors import NotPermitted, UnknownCommand, UsageError
from trio_chat.events import CommandInfo
from trio_chat.requests import Invocation, parse_slash

TABLE = default_table()


def command(usage: str = "", *, least: int = 0, most: int = 0, role: Role = Role.GUEST) -> Command:
    return Command("do", usage, "Do it.", ping, ("d",), role=role, least=least, most=most)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("/nikc bob", "unknown command /nikc; did you mean /nick?"),
        ("/SEARHC x", "unknown command /SEARHC; did you mean /search?"),
        ("/mgs bob hi", "unknown command /mgs; did you mean /msg?"),
        ("/zzz", "unknown command /zzz; /help lists them"),
        ("/xyzzy", "unknown command /xyzzy; /help lists them"),
        ("/", "unknown command /; /help lists them"),
        ("/ me waves", "unknown command /; /help lists them"),
        ("/usr/bin/env", "unknown command /usr/bin/env; // at its start says a slash"),
    ],
)
def test_an_unknown_command_names_what_was_meant(typed: str, message: str) -> None:
    invocation = parse_slash(typed)
    assert isinstance(invocation, Invocation)
    with pytest.raises(UnknownCommand) as caught:
        TABLE.find(invocation.name)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("w", "msg"),
        ("dm", "msg"),
        ("whisper", "msg"),
        ("r", "reply"),
        ("action", "me"),
        ("find", "search"),
        ("names", "who"),
        ("part", "leave"),
        ("j", "join"),
        ("list", "rooms"),
        ("exit", "quit"),
        ("q", "quit"),
        ("?", "help"),
    ],
)
def test_an_alias_is_the_command_in_any_case(alias: str, name: str) -> None:
    assert TABLE.find(alias) is TABLE.find(name) is TABLE.find(alias.upper())


@pytest.mark.parametrize("role", list(Role))
def test_a_command_is_for_its_role_and_the_ones_above(role: Role) -> None:
    table = CommandTable([command(role=Role.MODERATOR)])
    if role >= Role.MODERATOR:
        assert table.find("d").guard("", role) == ()
        assert [one.name for one in table.for_role(role)] == ["do"]
    else:
        with pytest.raises(NotPermitted, match=r"^/do needs the role moderator$"):
            table.find("do").guard("", role)
        assert table.for_role(role) == []


@pytest.mark.parametrize(
    ("least", "most", "rest", "arguments"),
    [
        (0, 0, "", ()),
        (0, 1, "", ()),
        (0, 1, "  \n", ()),
        (1, 1, "one", ("one",)),
        (1, 1, "one  two ", ("one  two",)),
        (2, 2, "bob  hi  there", ("bob", "hi  there")),
        (2, 2, "bob hi\nthere", ("bob", "hi\nthere")),
        (0, 2, "room", ("room",)),
        (0, 2, "room see you", ("room", "see you")),
    ],
)
def test_the_last_argument_holds_the_rest_of_the_line(
    least: int, most: int, rest: str, arguments: tuple[str, ...]
) -> None:
    assert command(least=least, most=most).split(rest) == arguments


@pytest.mark.parametrize(
    ("least", "most", "rest"), [(0, 0, "x"), (1, 1, ""), (1, 1, " "), (2, 2, "bob"), (2, 2, "")]
)
def test_a_wrong_number_of_arguments_is_told_the_usage(least: int, most: int, rest: str) -> None:
    with pytest.raises(UsageError, match=r"^usage: /do NICK TEXT$"):
        command("NICK TEXT", least=least, most=most).split(rest)


@given(least=st.integers(0, 2), more=st.integers(0, 2), rest=st.text(max_size=30))
def test_a_handler_never_gets_an_empty_argument_or_too_many(
    least: int, more: int, rest: str
) -> None:
    one = command(least=least, most=least + more)
    try:
        arguments = one.split(rest)
    except UsageError:
        assert len(rest.split()) < least or (one.most == 0 and rest.strip())
        return
    assert least <= len(arguments) <= least + more
    assert all(argument.strip() for argument in arguments)
    assert "".join(" ".join(arguments).split()) == "".join(rest.split())


def test_what_a_client_is_told_is_what_the_record_says() -> None:
    assert command("[NICK]", most=1, role=Role.ADMIN).info() == CommandInfo(
        name="do", aliases=("d",), usage="/do [NICK]", help="Do it.", role="admin"
    )
    assert command().synopsis == "/do"


def test_two_commands_cannot_have_one_name() -> None:
    other = Command("other", "", "Do that.", ping, ("do",))
    with pytest.raises(ValueError, match="two commands are called /do"):
        CommandTable([command(), other])


@pytest.mark.parametrize("one", TABLE.for_role(Role.OWNER), ids=lambda one: one.name)
def test_every_record_is_in_order(one: Command) -> None:
    words = re.sub(r"\[[^]]*\]|\[.*\]$", "[]", one.usage).split()
    optional = [word for word in words if word == "[]"]
    assert one.summary[0].isupper()
    assert one.summary.endswith(".")
    assert one.least == len(words) - len(optional)
    assert one.most <= len(one.usage.split())
    assert all(name == name.lower() and " " not in name for name in (one.name, *one.aliases))
