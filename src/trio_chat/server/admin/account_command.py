"""`trio-chat account` on a terminal: what is asked there, and what is printed. Knows no server."""

from __future__ import annotations

import argparse
import getpass
import sys

import msgspec

from trio_chat.errors import ConfigError
from trio_chat.server.admin.console import Add, Answer, GiveRole, Listing, Password, Remove, Request


def request_of(parsed: argparse.Namespace) -> Request:
    """What the command line asks for.

    Raises:
        ConfigError: an answer that was needed is missing, or is no.
    """
    match parsed.act:
        case "add":
            return Add(parsed.name, _new_password(parsed.name), parsed.role)
        case "password":
            return Password(parsed.name, _new_password(parsed.name))
        case "role":
            return GiveRole(parsed.name, parsed.role)
        case "remove":
            _confirm(parsed)
            return Remove(parsed.name, parsed.messages)
        case _:
            return Listing()


def _new_password(name: str) -> str:
    """A line of stdin; from a person twice, without echo."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"new password of {name}: ")
    if getpass.getpass("the same again: ") != password:
        raise ConfigError("these are two different passwords; nothing was done")
    return password


def _confirm(parsed: argparse.Namespace) -> None:
    if parsed.yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(f"nobody can be asked: say --yes to remove {parsed.name}")
    what = "and delete all it said " if parsed.messages else ""
    answer = input(f"Remove the account {parsed.name} {what}for good? [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise ConfigError("nothing was done")


def show(answer: Answer, *, is_json: bool) -> None:
    """Print what was done or found; what was refused goes to stderr."""
    if not answer.done:
        print(f"trio-chat: {answer.text}", file=sys.stderr)
    elif is_json:
        print(msgspec.json.encode(answer.data).decode())
    else:
        print(answer.text)
