"""People with accounts and roles, at a server in the test's own process."""

from __future__ import annotations

import json
from typing import Any

from support_server import ChatServer, Event, Peer
from trio_chat.chat import records
from trio_chat.chat.records import Change, account_changed
from trio_chat.chat.roles import Role
from trio_chat.store.api import Put

PASSWORD = "correct-horse"


async def registered(server: ChatServer, name: str, role: Role = Role.MEMBER) -> Peer:
    """Somebody who has made an account, and been given a role by the server's owner."""
    peer = await server.native(name)
    answer = (await peer.input(f"/register {PASSWORD}"))[-1]
    assert answer["type"] == "done", answer
    if role is not Role.MEMBER:
        give_role(server, name, role)
        await peer.sync()
    return peer


def give_role(server: ChatServer, name: str, role: Role) -> None:
    """As `trio-chat account role` does it."""
    hold(server, account_changed(server.state.accounts.find(name), role=role.value))


def hold(server: ChatServer, change: Change) -> None:
    """Have a fact hold, here and in the store, whoever may decide it."""
    server.state.apply(change)
    server.hub.records.follow_up(change)
    value = None if change.after is None else records.encode(change.after)
    server.hub.records.keep(Put(change.space, change.key, value))


async def code(peer: Peer, text: str, room: str = "lobby") -> str:
    """`done`, or the code of the error."""
    answer = (await peer.input(text, room))[-1]
    return "done" if answer["type"] == "done" else str(answer["code"])


async def result(peer: Peer, text: str, room: str = "lobby") -> Event:
    """What a command answers; there must be one."""
    events = await peer.input(text, room)
    assert events[-1]["type"] == "done", events[-1]
    return next(event for event in events if event["type"] == "result")


async def login(server: ChatServer, name: str, **fields: Any) -> Peer:
    """Another device of an account, from its hello."""
    peer = Peer(server.dial())
    answers = await peer.hello(name, account=name, password=PASSWORD, **fields)
    assert answers[0]["type"] == "welcome", answers
    return peer


async def audit(server: ChatServer) -> list[dict[str, Any]]:
    """The lines of the audit room."""
    entries = await server.hub.store.page("$audit", limit=1000)
    return [json.loads(entry.text) for entry in entries]
