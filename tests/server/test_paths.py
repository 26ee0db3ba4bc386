"""Each path by which words of one person reach another, walked by somebody who may not speak. A
command or an event that is not listed here fails."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from support_accounts import registered
from support_server import ChatServer, Peer
from trio_chat import events
from trio_chat.chat.roles import Role
from trio_chat.commands import default_table

WORD = "xyzzy"

# What is typed in the room that the speaker owns, and where, so that a word of it would be seen.
PATHS = {
    "": (f"{WORD}", "dev"),
    "direct": (f"{WORD}", "@alice"),
    "me": (f"/me {WORD}", "dev"),
    "msg": (f"/msg alice {WORD}", "dev"),
    "query": (f"/query alice {WORD}", "dev"),
    "reply": (f"/reply {WORD}", "dev"),
    "edit": (f"/edit last {WORD}", "dev"),
    "delete": (f"/delete last {WORD}", "dev"),
    "topic": (f"/topic {WORD}", "dev"),
    "describe": (f"/describe {WORD}", "dev"),
    "create": (f"/create {WORD}", "dev"),
    "join": (f"/join {WORD}", "dev"),
    "nick": (f"/nick {WORD}", "dev"),
    "away": (f"/away {WORD}", "dev"),
    "leave": (f"/leave dev {WORD}", "dev"),
    "quit": (f"/quit {WORD}", "dev"),
    "kick": (f"/kick dave {WORD}", "dev"),
    "ban": (f"/ban dave 1h {WORD}", "dev"),
    "mute": (f"/mute dave 1h {WORD}", "dev"),
    "warn": (f"/warn alice {WORD}", "dev"),
}
# Words that only those who keep order are shown, and those of server roles, whom nobody silences.
TO_STAFF = {"report", "audit"}
OF_STAFF = {"kill", "sban", "silence", "announce", "motd", "shutdown"}
# They carry no words of their own to anybody.
WORDLESS = {
    *("account", "archive", "back", "backlog", "backup", "bans", "block", "claim", "close"),
    *("config", "connections", "defcon", "deop", "erase", "export", "help", "highlight"),
    *("history", "howtoban", "ignore", "invite", "key", "limit", "lock", "login", "logout"),
    *("notify", "op", "passwd", "ping", "private", "register", "reload", "role", "rooms"),
    *("sbans", "search", "sessions", "slow", "stats", "sunban", "time", "token", "transfer"),
    *("unban", "unblock", "undo", "unignore", "uninvite", "unmute", "unsilence", "unvoice"),
    *("uptime", "version", "voice", "who", "whois"),
}
# Events that show words of others, and those that show none.
CARRIERS = {
    *("said", "edited", "deleted", "topic", "kicked", "joined", "left", "renamed", "members"),
    *("backlog", "result", "notice", "announced"),
}
OTHERS = {"gap", "read", "settings", "welcome", "done", "error", "pong", "bye"}


def test_every_command_is_a_path_or_carries_no_words() -> None:
    listed = [*(PATHS.keys() - {"", "direct"}), *TO_STAFF, *OF_STAFF, *WORDLESS]
    assert sorted(listed) == sorted(command.name for command in default_table().commands)


def test_every_event_is_known_to_carry_words_or_not() -> None:
    tags = {str(event.__struct_config__.tag) for event in get_args(events.Event)}
    assert tags == CARRIERS | OTHERS


def test_the_page_about_security_names_each_path() -> None:
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    table = page[page.index("| path |") :]
    missing = {f"/{name}" for name in PATHS.keys() - {"", "direct"} if f"`/{name}`" not in table}
    assert missing == set()


async def what_alice_sees(alice: Peer) -> str:
    """All that came to her, and all that she can look up."""
    shown = await alice.sync()
    for line in ("/whois bob", "/who", "/rooms", "/describe", "/topic", "/history"):
        shown += await alice.input(line, "dev")
    return str(shown)


async def the_room(server: ChatServer) -> tuple[Peer, Peer, Peer]:
    """A moderator, bob, who owns #dev and has said something, and alice, who is there."""
    mod = await registered(server, "mod", Role.MODERATOR)
    bob, alice = await registered(server, "bob"), await registered(server, "alice")
    dave = await server.native("dave")
    await bob.input("/create dev")
    for peer in (alice, dave):
        await peer.input("/join dev")
    await bob.input("hello", "dev")
    await alice.input("/msg bob hi")
    await bob.input("hi", "@alice")
    await alice.sync()
    return mod, bob, alice


@pytest.mark.parametrize("path", PATHS)
async def test_words_of_who_is_silenced_reach_nobody(server: ChatServer, path: str) -> None:
    """P3: on no path, by construction."""
    mod, bob, alice = await the_room(server)
    await mod.input("/silence bob 1h")
    text, room = PATHS[path]
    await bob.send(type="input", id="x", room=room, text=text)
    await bob.answer("x")
    assert WORD not in await what_alice_sees(alice)


@pytest.mark.parametrize("path", ["", "me", "msg", "query", "reply", "direct", "away", "edit"])
async def test_words_that_nobody_forbids_reach_her(server: ChatServer, path: str) -> None:
    """Else the test above would hold for any word."""
    _, bob, alice = await the_room(server)
    text, room = PATHS[path]
    await bob.input(text, room)
    assert WORD in await what_alice_sees(alice)
