"""The model without any stream: what no server of ours would send, and rooms at the edges."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support_model import AT, bells, lobby, online, requests, resumed, said, texts
from trio_chat.client.state.effects import Send, Show
from trio_chat.client.state.model import Model
from trio_chat.events import (
    Backlog,
    CommandInfo,
    Done,
    Edited,
    Error,
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


def answered(model: Model, request: Any, *events: Event) -> list[Any]:
    """Tell *model* that *request* has happened; return the lines that it sends then."""
    return requests(model.receive([*events, Done(id=request.id or "")], 0))


def test_line_behind_a_join_goes_to_the_new_room() -> None:
    """C4: what is typed while the answer to `/join` is on its way is said in the new room."""
    model = online(Model("alice"))
    [join] = requests(model.typed("/join dev", 0, lobby(model)))
    assert model.typed("secret for dev", 0, lobby(model)) == []
    [line] = model.outgoing.in_room("lobby")[1:]
    assert line.text == "secret for dev", "it is seen where it was typed until it is sent"
    [said_there] = answered(model, join, Joined(room="dev", nick="alice"))
    assert (said_there.room, said_there.text) == ("dev", "secret for dev")


def test_line_behind_a_join_typed_offline_goes_to_the_new_room() -> None:
    """C4: offline, too, and behind several joins."""
    model = online(Model("alice"))
    model.link_lost()
    for text in ("/join dev", "for dev", "/join ops", "for ops"):
        assert model.typed(text, 0, lobby(model)) == []
    [join] = requests(resumed(model))
    [line] = answered(model, join, Joined(room="dev", nick="alice"))
    assert (line.room, line.text) == ("dev", "for dev")
    [join_ops] = answered(model, line)
    assert (join_ops.room, join_ops.text) == ("dev", "/join ops")
    [last] = answered(model, join_ops, Joined(room="ops", nick="alice"))
    assert (last.room, last.text) == ("ops", "for ops")


def test_line_behind_a_refused_join_is_said_nowhere() -> None:
    """C4: a room that cannot be entered gets nothing, and no other room gets it instead."""
    model = online(Model("alice"))
    [join] = requests(model.typed("/join dev", 0, lobby(model)))
    model.typed("secret for dev", 0, lobby(model))
    refusal = Error(id=join.id, code="banned", message="you are banned")
    assert requests(model.receive([refusal], 0)) == []
    assert len(model.outgoing) == 0
    assert texts(model)[-2:] == [
        "you are banned — /join dev",
        "the room was not entered — secret for dev",
    ]
    [request] = requests(model.typed("hello", 0, lobby(model)))
    assert isinstance(request, Input)
    assert request.room == "lobby"


def test_line_typed_in_another_room_meanwhile_stays_there() -> None:
    """C4: the `/join` was typed elsewhere, so this line does not follow it."""
    model = online(Model("alice"))
    [join] = requests(model.typed("/join dev", 0, lobby(model)))
    model.typed("for bob", 0, model.rooms.room("@bob"))
    [line] = answered(model, join, Joined(room="dev", nick="alice"))
    assert (line.room, line.text) == ("@bob", "for bob")


def test_line_of_a_program_goes_where_it_says() -> None:
    """C4: a program names the room of each line."""
    model = online(Model("alice"))
    [join] = requests(model.typed("/join dev", 0, lobby(model), is_literal=True))
    model.typed("for the lobby", 0, lobby(model), is_literal=True)
    [line] = answered(model, join, Joined(room="dev", nick="alice"))
    assert (line.room, line.text) == ("lobby", "for the lobby")


@pytest.mark.parametrize("text", ["/query dave", "/QUERY @dave "])
def test_query_goes_to_a_conversation_without_a_word(text: str) -> None:
    """C5: a server that has no such command is not asked."""
    model = online(Model("alice"))
    assert requests(model.typed(text, 0, lobby(model))) == []
    assert model.rooms.current is model.rooms.room("@dave")
    [request] = requests(model.typed("hi", 0, model.rooms.current))
    assert isinstance(request, Input)
    assert (request.room, request.text) == ("@dave", "hi")


@pytest.mark.parametrize("text", ["/query", "/query #dev", "/query dave hi", "/close", "/close x"])
def test_what_only_the_server_can_answer_is_asked(text: str) -> None:
    """C5: in a room there is no conversation to close, and words for dave are his."""
    model = online(Model("alice"))
    [request] = requests(model.typed(text, 0, lobby(model)))
    assert isinstance(request, Input)
    assert request.text == text


def test_server_with_query_and_close_is_told() -> None:
    """C5: one goes there with the answer, also without an answer line."""
    model = online(Model("alice"))
    commands = [
        CommandInfo(name=name, aliases=(), usage=f"/{name}", help="", role="guest")
        for name in ("query", "close")
    ]
    model.commands.learn(commands)
    [query] = requests(model.typed("/query dave", 0, lobby(model)))
    assert model.rooms.current is lobby(model)
    answered(model, query)
    dave = model.rooms.room("@dave")
    assert model.rooms.current is dave
    [close] = requests(model.typed("/close", 0, dave))
    assert isinstance(close, Input)
    assert close.room == "@dave"
    assert dave not in model.rooms.open_rooms


def test_closed_conversation_comes_back_when_somebody_writes() -> None:
    """C5: `/close` takes it off the list until somebody writes."""
    model = online(Model("alice"))
    model.receive([said(1, "hi", "bob", "@bob")], 0)
    bob = model.rooms.room("@bob")
    model.rooms.go_to(bob)
    assert requests(model.typed("/close", 0, bob)) == []
    assert model.rooms.open_rooms == [lobby(model)]
    assert model.rooms.current is lobby(model)
    backlog = Backlog(room="@bob", events=(said(1, "hi", "bob", "@bob"),), more=False)
    resumed(model, backlog)
    assert bob not in model.rooms.open_rooms
    model.receive([said(2, "still there?", "bob", "@bob")], 0)
    assert bob in model.rooms.open_rooms
    assert bob.unread == 1


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
