"""What is offered, and what is not pushed on anybody."""

from __future__ import annotations

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from support_model import online, said
from trio_chat.client.state.model import Model
from trio_chat.client.ui.input.completion import ChatCompleter
from trio_chat.events import CommandInfo, Joined

COMMANDS = tuple(
    CommandInfo(name=name, aliases=aliases, usage=usage, help="help", role="guest")
    for name, aliases, usage in (
        ("ban", (), "/ban TARGET [DURATION] [REASON]"),
        ("delete", (), "/delete SEQ [REASON]"),
        ("edit", (), "/edit SEQ TEXT"),
        ("join", ("j",), "/join ROOM [KEY]"),
        ("msg", ("w", "query"), "/msg NICK TEXT"),
        ("notify", (), "/notify [all/mentions/none/default]"),
        ("who", (), "/who [ROOM]"),
    )
)


def offered(text: str, *, tab: bool = False) -> list[str]:
    spoken = (("bob", "hi"), ("alice", "helo"), ("barbara", "hi"), ("alice", "two\nlines"))
    log = [said(seq, text, nick) for seq, (nick, text) in enumerate(spoken, 1)]
    model = online(Model("alice"), *log)
    model.receive([Joined(room="dev", nick="alice")], 0)
    model.commands.learn(COMMANDS)
    event = CompleteEvent(completion_requested=tab, text_inserted=not tab)
    return [c.text for c in ChatCompleter(model).get_completions(Document(text), event)]


@pytest.mark.parametrize(
    ("text", "typing", "tab"),
    [
        ("/", [f"/{c.name} " for c in COMMANDS], [f"/{c.name} " for c in COMMANDS]),
        ("/j", ["/join "], ["/join "]),
        ("/q", ["/query "], ["/query "]),
        ("//j", [], []),
        ("say /j", [], []),
        ("/msg b", [], ["barbara ", "bob "]),
        ("/w b", [], ["barbara ", "bob "]),
        ("/msg bob b", [], ["barbara ", "bob "]),
        ("/join de", [], ["#dev"]),
        ("/join #de", ["#dev"], ["#dev"]),
        ("/notify m", ["mentions "], ["mentions "]),
        ("/notify n", ["none "], ["none "]),
        ("/who d", [], ["#dev"]),
        ("/ban b", [], ["barbara ", "bob "]),
        ("/edit ", [], ["4 two\nlines", "2 helo"]),
        ("/edit 2", [], ["2 helo"]),
        ("/delete ", [], ["4 ", "3 ", "2 ", "1 "]),
        ("/unknown b", [], ["barbara ", "bob "]),
        ("b", [], ["barbara: ", "bob: "]),
        ("hi b", [], ["barbara ", "bob "]),
        ("hi @b", ["@barbara", "@bob"], ["@barbara", "@bob"]),
        ("hi", [], []),
        ("a", [], []),
        (":)", [], []),
        ("x :tad", ["🎉"], ["🎉"]),
        ("x :tada:", ["🎉"], ["🎉"]),
        ("http://x", [], []),
    ],
)
def test_what_is_offered_while_typing_and_by_tab(
    text: str, typing: list[str], tab: list[str]
) -> None:
    assert offered(text) == typing
    assert offered(text, tab=True) == tab


def test_usage_is_shown_as_soon_as_the_command_is_known() -> None:
    model = online(Model("alice"))
    model.commands.learn(COMMANDS)
    completer = ChatCompleter(model)
    assert completer.hint("/msg") == ""
    assert completer.hint("/w bob") == " /msg NICK TEXT — help "
    assert completer.hint("//msg bob") == ""
    assert completer.hint("hello") == ""
