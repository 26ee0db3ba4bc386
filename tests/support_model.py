"""A model without any stream: online in an empty lobby, told events by hand."""

from __future__ import annotations

from collections.abc import Sequence

from trio_chat.client.state.effects import Bell, Effect, Send
from trio_chat.client.state.model import Model
from trio_chat.client.state.room.room import Room
from trio_chat.events import (
    Backlog,
    Done,
    Event,
    Joined,
    MemberInfo,
    Members,
    Said,
    Welcome,
)
from trio_chat.requests import Page, Request

AT = "2026-11-22T12:00:00.000Z"


def said(seq: int, text: str = "hi", sender: str = "bob", room: str = "lobby") -> Said:
    return Said(room=room, seq=seq, at=AT, sender=sender, text=text, kind="message")


def welcome(
    nick: str, *, account: str | None = None, role: str = "guest", resumed: bool = False
) -> Welcome:
    return Welcome(
        protocol=1,
        server="fake",
        version="0",
        session="token",
        nick=nick,
        account=account,
        role=role,
        resumed=resumed,
        commands=(),
        limits={},
        motd="be kind",
    )


def online(model: Model, *backlog: Said, more: bool = False) -> Model:
    """Bring *model* through a hello to a fresh session in a lobby with *backlog*."""
    hello = model.hello()
    members = tuple(
        MemberInfo(nick=nick, account=None, role="", away=None) for nick in ("alice", "bob")
    )
    events: list[Event] = [
        welcome(hello.nick),
        Joined(room="lobby", nick=hello.nick),
        Members(room="lobby", members=members, total=2, topic="t"),
        Backlog(room="lobby", events=backlog, more=more),
        Done(id=hello.id or ""),
    ]
    model.receive(events, 0)
    return model


def lobby(model: Model) -> Room:
    return model.rooms.room("lobby")


def texts(model: Model) -> list[str]:
    return [line.text for line in lobby(model).lines]


def bells(model: Model, *events: Event) -> list[str]:
    return [effect.text for effect in model.receive(events, 0) if isinstance(effect, Bell)]


def resumed(model: Model, *events: Event, now: float = 0) -> list[Effect]:
    """Cut the link and bring *model* back into its session, with *events* on the way."""
    model.link_lost()
    hello = model.hello()
    members = Members(room="lobby", members=(), total=0, topic="t")
    done = Done(id=hello.id or "")
    return model.receive([welcome(hello.nick, resumed=True), members, *events, done], now)


def requests(effects: Sequence[Effect]) -> list[Request]:
    return [effect.request for effect in effects if isinstance(effect, Send)]


def answer(model: Model, log: Sequence[Said], effects: Sequence[Effect]) -> list[Effect]:
    """Do what a server does with every page that is asked for."""
    out: list[Effect] = []
    for page in requests(effects):
        assert isinstance(page, Page)
        if page.after is not None:
            rest = log[page.after :]
            events, more = rest[: page.limit], len(rest) > page.limit
        else:
            rest = log[: len(log) if page.before is None else max(0, page.before - 1)]
            events, more = rest[-page.limit :], len(rest) > page.limit
        backlog = Backlog(room=page.room, events=tuple(events), more=more)
        answers: list[Event] = [backlog, Done(id=page.id or "")]
        out += model.receive(answers, 0)
    return out
