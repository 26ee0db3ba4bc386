"""Long words from a peer: what each costs is bounded, whatever command, wire or field it is."""

from __future__ import annotations

import json
import unicodedata
from typing import Literal

import pytest

from support_accounts import registered
from support_server import ChatServer, Event, Peer, PlainPeer
from trio_chat.chat.roles import Role
from trio_chat.commands import default_table
from trio_chat.text import NAME_CHARACTERS

# To order a row of marks takes the square of its length: these 16 KiB took 260 ms.
MARKS = "\u0344" * 3000 + "\u0323" * 4200
LONGEST = 2 * NAME_CHARACTERS  # U+0344 becomes two
ARGUMENTS = ("{marks}", "x{marks}", "x {marks}", "@x{marks}", "#x{marks}", "nick:x{marks}")
NAMES = sorted(
    {name for command in default_table().commands for name in (command.name, *command.aliases)}
)


@pytest.fixture
def normalized(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the texts that were normalised."""
    lengths: list[int] = []
    normalize = unicodedata.normalize

    def count(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", count)
    return lengths


async def ask(peer: Peer, **request: object) -> Event:
    """The answer to *request*, sent without escapes: those would be longer than a line."""
    await peer.send_raw(json.dumps({"id": "long", **request}, ensure_ascii=False).encode() + b"\n")
    return (await peer.answer("long"))[-1]


@pytest.mark.parametrize("name", NAMES)
async def test_no_command_normalizes_a_long_word_as_a_whole(
    server: ChatServer, name: str, normalized: list[int]
) -> None:
    """A1"""
    ada = await registered(server, "ada", Role.OWNER)
    await ada.input("said before")
    for argument in ARGUMENTS:
        text = f"/{name} {argument.format(marks=MARKS)}"
        try:
            answer = await ask(ada, type="input", room="lobby", text=text)
        except EOFError:  # some of them end the session
            break
        assert answer.get("code") != "bad_request" or "16384" not in answer["message"]
    assert max(normalized) <= LONGEST


async def test_no_field_of_a_request_is_normalized_as_a_whole(
    server: ChatServer, normalized: list[int]
) -> None:
    """A1"""
    for field in ("nick", "account", "password", "client", "token"):
        peer = Peer(server.dial())
        hello = {"nick": "bob", "account": "bob", "password": "x", field: MARKS}
        await ask(peer, type="hello", protocol=1, **hello)
        peer.reset()
    bob = await server.native("bob")
    await ask(bob, type="page", room=MARKS, limit=5)
    await ask(bob, type="read", room=MARKS, seq=1)
    for room in (MARKS, f"@{MARKS}", f"#{MARKS}"):
        await ask(bob, type="input", room=room, text="text")
    await ask(bob, type="input", room="lobby", text=MARKS[:2000])
    assert max(normalized) <= LONGEST


@pytest.mark.parametrize("line", ["{marks}", "/login {marks}", "/login bob {marks}"])
async def test_no_first_line_of_a_plain_peer_is_normalized_as_a_whole(
    server: ChatServer, normalized: list[int], line: str
) -> None:
    """A1"""
    peer = PlainPeer(server.dial())
    await peer.send(line.format(marks=MARKS))
    await peer.next()
    assert max(normalized, default=0) <= LONGEST
