"""The model without any stream: what no server of ours would send, and rooms at the edges."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support_model import AT, bells, lobby, online, requests, said, texts
from trio_chat.client.state.effects import Send, Show
from trio_chat.client.state.model import Model
from trio_chat.events import (
    Backlog,
    CommandInfo,
    Done,
    Edited,
    Event,
    Joined,
    Kicked,
    Left,
    Members,
    Renamed,
    Said,
    Settings,
    Topic,
    Welcome,
)
from trio_chat.requests import Input
from trio_chat.wire.native import encode_request


def strategy(struct: type[Any]) -> st.SearchStrategy[Any]:
    """Any value that the wire would decode into *struct*, from a small alphabet."""
    names = st.sampled_from(["lobby", "dev", "@bob", "alice", "bob", "", "1", "\x1b[2J"])
    fields: dict[str, st.SearchStrategy[Any]] = {
        field.name: names
        if field.type is str
        else st.sampled_from(["message", "action"])
        if field.name == "kind"
        else st.integers(-5, 60)
        if field.type is int
        else st.builds(lambda: None)
        for field in msgspec.structs.fields(struct)
    }
    if struct is Backlog:
        stored = st.one_of(*map(strategy, (Said, Edited, Topic, Kicked)))
        fields["events"] = st.lists(stored, max_size=5).map(tuple)
        fields["more"] = st.booleans()
    if struct is Settings:
        levels = st.sampled_from(["all", "mentions", "none"])
        fields["notify"] = st.dictionaries(names, levels, max_size=3)
        fields["highlights"] = st.lists(names, max_size=3).map(tuple)
    if struct is Members:
        fields["members"] = st.just(())
    if struct is Welcome:
        fields |= {"commands": st.just(()), "limits": st.just({}), "resumed": st.booleans()}
    return st.builds(struct, **fields)


@settings(max_examples=200)
@given(st.lists(st.one_of(*map(strategy, get_args(Event))), max_size=30))
def test_no_server_can_break_the_model(events: list[Event]) -> None:
    model = online(Model("alice"))
    model.typed("hello", 0)
    for number, event in enumerate(events):
        for effect in model.receive([event], float(number)):
            if isinstance(effect, Send):
                encode_request(effect.request)
    model.link_lost()
    encode_request(model.hello())
    shown = [line.text + line.nick for room in model.rooms.by_name.values() for line in room.lines]
    assert not any("\x1b" in text for text in shown)


def test_mention_rings_and_a_part_of_a_word_does_not() -> None:
    model = online(Model("alice"))
    assert bells(model, said(1, "alice: look")) == ["alice: look"]
    assert bells(model, said(2, "malice is no name")) == []
    assert bells(model, said(3, "alice alone", sender="alice")) == []
    assert [line.is_mention for line in lobby(model).lines][-3:] == [True, False, False]


def test_private_message_opens_its_room_and_rings() -> None:
    model = online(Model("alice"))
    assert bells(model, said(1, room="@bob")) == ["hi"]
    assert model.rooms.room("@bob").unread == 1
    assert model.rooms.current is lobby(model)


def test_edited_text_replaces_the_line_on_the_screen() -> None:
    model = online(Model("alice"))
    edited = Edited(room="lobby", seq=2, at=AT, by="bob", target=1, text="better")
    effects = model.receive([said(1, "bad"), edited], 0)
    assert [(line.text, line.fate) for line in lobby(model).lines][-1] == ("better", "edited")
    assert Show(edited) in effects


def test_storm_of_joins_is_one_line() -> None:
    model = online(Model("alice"))
    model.receive([Joined(room="lobby", nick=f"n{number}") for number in range(20)], 0)
    names = ", ".join(f"n{number}" for number in range(8))
    assert texts(model)[-1] == f"{names} and 12 more joined"
    assert lobby(model).total == 22


def test_own_new_nick_is_what_mentions_are_looked_for() -> None:
    model = online(Model("alice"))
    model.receive([Renamed(old="alice", new="carol")], 0)
    assert model.rooms.nick == "carol"
    assert model.hello().nick == "carol"
    assert bells(model, said(1, "hi Carol")) == ["hi Carol"]


def test_conversation_goes_on_under_the_new_nick() -> None:
    model = online(Model("alice"))
    model.receive([said(1, room="@bob"), Renamed(old="bob", new="rob")], 0)
    model.receive([said(2, room="@rob", sender="rob")], 0)
    assert [line.text for line in model.rooms.room("@rob").lines] == ["hi", "hi"]


def test_kicked_out_of_the_current_room_one_is_in_another() -> None:
    model = online(Model("alice"))
    model.receive([Joined(room="dev", nick="alice")], 0)
    dev = model.rooms.room("dev")
    model.rooms.go_to(dev)
    kicked = Kicked(room="dev", seq=1, at=AT, by="bob", nick="alice", reason="")
    model.receive([kicked], 0)
    assert model.rooms.current is lobby(model)
    assert not dev.is_joined
    assert dev in model.rooms.open_rooms, "the reason is to be seen"
    model.rooms.go_to(dev)
    model.rooms.go_to(lobby(model))
    assert dev not in model.rooms.open_rooms


def test_room_joined_by_another_device_is_there_and_leaves_one_alone() -> None:
    model = online(Model("alice"))
    model.receive([Joined(room="dev", nick="alice")], 0)
    assert [room.name for room in model.rooms.open_rooms] == ["lobby", "dev"]
    assert model.rooms.current is lobby(model)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/join dev key", "dev"),
        ("/J #dev", "dev"),
        ("/create dev", "dev"),
        ("/query bob hi", "@bob"),
    ],
)
def test_one_goes_where_one_asked_to(text: str, name: str) -> None:
    model = online(Model("alice"))
    join = CommandInfo(name="join", aliases=("j",), usage="/join ROOM", help="", role="guest")
    model.commands.learn((join,))
    [request] = requests(model.typed(text, 0, lobby(model)))
    joined = Joined(room=name, nick="alice") if name == "dev" else said(1, room=name)
    model.receive([joined, Done(id=request.id or "")], 0)
    assert model.rooms.current is not None
    assert model.rooms.current.name == name


def test_old_topic_and_kick_in_the_history_change_nothing_now() -> None:
    model = online(Model("alice"))
    old = (
        Topic(room="lobby", seq=1, at=AT, by="bob", text="old"),
        Kicked(room="lobby", seq=2, at=AT, by="bob", nick="alice", reason=""),
    )
    model.receive([Backlog(room="lobby", events=old, more=False)], 0)
    assert lobby(model).topic == "t"
    assert lobby(model).is_joined


def test_who_spoke_last_is_offered_first_and_who_left_not_at_all() -> None:
    model = online(Model("alice"))
    model.receive([Joined(room="lobby", nick="zoe"), said(1, sender="zoe")], 0)
    assert list(lobby(model).nicks()) == ["zoe", "alice", "bob"]
    model.receive([Left(room="lobby", nick="zoe", reason="")], 0)
    assert list(lobby(model).nicks()) == ["alice", "bob"]


def test_message_of_the_day_is_seen() -> None:
    assert "be kind" in texts(online(Model("alice")))


def test_ids_of_two_clients_differ() -> None:
    def first_id() -> str | None:
        [effect] = online(Model("alice")).typed("hi", 0)
        assert isinstance(effect, Send)
        assert isinstance(effect.request, Input)
        return effect.request.id

    assert first_id() != first_id()


def test_lone_surrogate_of_a_terminal_can_be_sent() -> None:
    [effect] = online(Model("alice")).typed("a\udcffb", 0)
    assert isinstance(effect, Send)
    assert encode_request(effect.request)
