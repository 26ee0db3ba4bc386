"""What an error is about stands beside its words, for wires that make their own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_chat.chat.accounts import Account, Accounts
from trio_chat.chat.directory import Directory
from trio_chat.chat.masks import parse_mask
from trio_chat.chat.names import check_nick, check_room
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member, Room
from trio_chat.chat.rules import check_enter, check_rank, check_speak
from trio_chat.chat.sanctions import Defcon, Sanction, SanctionKind, Sanctions
from trio_chat.commands import default_table
from trio_chat.config import LimitsSection
from trio_chat.errors import ChatError
from trio_chat.events import error_for
from trio_chat.requests import Invocation
from trio_chat.text import NAME_CHARACTERS

LIMITS = LimitsSection()


def the_chat() -> tuple[Directory, Member, Room]:
    """Alice is in Lobby; there is Dev, too."""
    directory = Directory(LIMITS)
    alice = Member("guest:1", "Alice")
    directory.enter(alice, now=0.0)
    lobby = directory.open_room("Lobby")
    directory.open_room("Dev")
    lobby.add(alice)
    return directory, alice, lobby


def facts(doing: Callable[[], object]) -> dict[str, str]:
    """What the error that *doing* raises is about."""
    with pytest.raises(ChatError) as caught:
        doing()
    error = error_for(caught.value, "7")
    assert (error.id, error.code, error.message) == (
        "7",
        caught.value.code,
        caught.value.message,
    )
    found = {name: getattr(error, name) for name in ("nick", "room", "command", "account")}
    return {name: value for name, value in found.items() if value is not None}


def test_error_about_a_nick_names_it_as_it_was_asked_for() -> None:
    directory, alice, _ = the_chat()
    bob = Member("guest:2", "bob")
    directory.enter(bob, now=0.0)
    assert facts(lambda: directory.rename(bob, "ALICE", now=0.0)) == {"nick": "ALICE"}
    assert facts(lambda: directory.enter(Member("guest:3", "alice"), now=0.0)) == {"nick": "alice"}
    alice.absent_until = 5.0
    assert facts(lambda: directory.rename(bob, "alice", now=0.0)) == {"nick": "alice"}
    assert facts(lambda: directory.find_member("@bibo")) == {"nick": "bibo"}
    assert facts(lambda: check_nick("a b", LIMITS)) == {"nick": "a b"}
    assert facts(lambda: check_nick("-x", LIMITS)) == {"nick": "-x"}
    assert facts(lambda: check_rank(1, 2, "bob")) == {"nick": "bob"}


def test_error_about_a_room_names_it_as_it_is_called() -> None:
    directory, alice, _ = the_chat()
    assert facts(lambda: directory.find_room("#nowhere")) == {"room": "nowhere"}
    assert facts(lambda: directory.room_of(alice, "dev")) == {"room": "Dev"}
    assert facts(lambda: directory.find_room("dev").remove(alice, "")) == {"room": "Dev"}
    assert facts(lambda: check_room("a/b", LIMITS)) == {"room": "a/b"}


def test_error_repeats_no_name_that_cannot_be_one() -> None:
    directory, _, _ = the_chat()
    long = "x" * (NAME_CHARACTERS + 1)
    for doing in (check_nick, check_room):
        assert facts(lambda doing=doing: doing(long, LIMITS)) == {}  # type: ignore[misc]
    assert facts(lambda: directory.find_member(long)) == {}
    assert facts(lambda: directory.find_room(long)) == {}


@pytest.mark.parametrize(
    "fields", [{"private": True}, {"key": "sesame"}, {"limit": 1}], ids=lambda fields: str(fields)
)
def test_room_that_cannot_be_entered_is_named(fields: dict[str, object]) -> None:
    _, _, lobby = the_chat()
    lobby.change(**fields)
    bob = Member("guest:2", "bob")
    named = facts(lambda: check_enter(lobby, bob, "", Sanctions(), 0))["room"]
    assert named == ("lobby" if lobby.record.private else "Lobby")  # how a secret is spelt is one


@pytest.mark.parametrize(("kind", "where"), [("ban", "lobby"), ("mute", "lobby"), ("mute", "")])
def test_room_where_one_may_not_speak_is_named(kind: SanctionKind, where: str) -> None:
    _, alice, lobby = the_chat()
    sanctions = Sanctions()
    mask = parse_mask("nick:alice", account_of=lambda name: None)
    sanctions.add(Sanction(1, kind, where, mask, by="bob", reason="", at_ms=0, until_ms=None))

    def speak() -> None:
        check_speak(lobby, alice, sanctions, Defcon.NORMAL, 0, 0.0)

    assert facts(speak) == ({"room": "Lobby"} if where else {})


@pytest.mark.parametrize("fields", [{"archived": True}, {"locked": True}, {"slow_seconds": 9.0}])
def test_room_that_is_quiet_is_named(fields: dict[str, object]) -> None:
    _, alice, lobby = the_chat()
    lobby.change(**fields)
    lobby.spoke[alice.identity] = 1

    def speak() -> None:
        check_speak(lobby, alice, Sanctions(), Defcon.NORMAL, 0, 2.0)

    assert facts(speak) == {"room": "Lobby"}


def test_error_about_an_account_names_it() -> None:
    accounts = Accounts()
    accounts.put(Account(id="1", name="Ada", password=""))
    assert facts(lambda: accounts.put(Account(id="2", name="ada", password=""))) == {
        "account": "Ada"
    }
    assert facts(lambda: accounts.find("bob")) == {"account": "bob"}


@pytest.mark.parametrize(
    ("invocation", "command"),
    [
        (Invocation("nikc", "bob"), "nikc"),
        (Invocation("nick", ""), "nick"),
        (Invocation("Identify", ""), "login"),
        (Invocation("shutdown", ""), "shutdown"),
    ],
)
def test_error_about_a_command_names_it(invocation: Invocation, command: str) -> None:
    table = default_table()

    def guarded() -> None:
        table.find(invocation.name).guard(invocation.rest, Role.GUEST)

    assert facts(guarded) == {"command": command}
