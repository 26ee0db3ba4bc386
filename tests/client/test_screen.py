"""The full screen beyond talking: history, lists, questions, notifications, seen by a person."""

from __future__ import annotations

import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from prompt_toolkit.utils import get_cwidth

from support_client import FakeServer
from support_screen import ScreenClient
from trio_chat.client.settings.settings import Notifications
from trio_chat.events import Edited, Joined, Left, MemberInfo, Members, Settings, timestamp
from trio_chat.requests import Input

PASTE = "\x1b[200~{}\x1b[201~"


@pytest.fixture
async def client(terminal: Any, nursery: trio.Nursery) -> AsyncIterator[ScreenClient]:
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    nursery.start_soon(client.run)
    await client.sees("●", "#lobby")
    yield client
    nursery.cancel_scope.cancel()


def inputs(client: ScreenClient) -> list[str]:
    return [request.text for request in client.server.asked(Input)]


# --- the look


async def test_edited_line_changes_in_place(client: ScreenClient) -> None:
    await client.server.say("helo")
    await client.server.say("next", nick="eve")
    edited = Edited(room="lobby", seq=3, at=timestamp(0), by="bob", target=1, text="hello *there*")
    await client.server.tell(edited)
    await client.sees("bob │ hello there (edited)", "eve │ next")


async def test_members_show_their_role(terminal: Any, nursery: trio.Nursery) -> None:
    terminal.screen.resize(10, 100)
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    nursery.start_soon(client.run)
    await client.sees("2 here")
    infos = tuple(
        MemberInfo(nick=nick, account=None, role="", away=None, room_role=role)
        for nick, role in (("ada", ""), ("bob", "voiced"), ("zoe", "owner"), ("kim", "moderator"))
    )
    await client.server.tell(Members(room="lobby", members=infos, total=4, topic="t"))
    await client.sees("│ @kim", "│ @zoe", "│ +bob", "│  ada")
    text = client.screen.text
    assert text.index("@zoe") < text.index("@kim") < text.index("+bob") < text.index(" ada")
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120, 200])
async def test_screen_fits_any_width(terminal: Any, nursery: trio.Nursery, columns: int) -> None:
    terminal.screen.resize(12, columns)
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    nursery.start_soon(client.run)
    await client.sees("│")
    await client.server.say("日本語のメッセージ 👨‍👩‍👧 https://example.org/ " * 3, nick="n" * 32)
    client.type("typed " * 3)
    await client.sees("org/", "typed")
    rows = [row for row in client.screen.display if re.search("[日ッ👨]|org/", row)]
    assert rows
    assert len({row.index("│") for row in rows}) == 1
    assert all(get_cwidth(row.rstrip()) <= columns for row in client.screen.display)
    nursery.cancel_scope.cancel()


async def test_input_grows_to_a_third_of_the_screen(client: ScreenClient) -> None:
    client.type("one\x1b\rtwo\x1b\rthree\x1b\rfour\x1b\rfive")
    await client.sees("two", "three", "four", "five")
    await client.sees_no("❯ one")
    client.type("\r")
    await client.until(lambda: client.server.said() == ["one\ntwo\nthree\nfour\nfive"])


async def test_hundred_rooms_are_counted_and_the_ones_that_call_are_seen(
    client: ScreenClient,
) -> None:
    for number in range(100):
        await client.server.say("hi", room=f"@n{number}")
    await client.sees("2 @n0·1", "+9")
    await client.server.say("alice!", room="@n77")
    client.type("\x1ba")
    await client.sees(" @n0")
    client.type("\x1ba")
    await client.sees(" @n1 ")


async def test_rooms_are_listed_and_enter_goes_there(client: ScreenClient) -> None:
    for name in ("dev", "ops"):
        client.type(f"/join {name}\r")
        await client.sees(f" #{name} be kind")
    await client.server.say("alice!", room="dev")
    await client.sees("#dev·1")
    client.type("\x1bg")
    await client.sees("3 rooms", "2 #dev", "1     1  be kind")
    client.type("\x1b[A\r")
    await client.sees(" #dev be kind", "alice!")


# --- history and search


async def test_found_lines_are_listed_and_enter_goes_there(client: ScreenClient) -> None:
    for number in range(500):
        client.server.store("dev", "bob", "needle" if number in (100, 300) else f"m{number}")
    client.type("/join dev\r")
    await client.sees("m499")
    client.type("/search needle\r")
    await client.sees("2 found", "Esc closes", "#dev", "bob │ needle")
    client.type("\x1b[A\r")
    await client.sees("m99", "needle", "m101", "End: newest")
    for _ in range(60):
        client.type("\x1b[6~")
        await client.rest()
    await client.sees("m499")
    client.type("/search needle\r")
    await client.sees("2 found")
    client.type("\x1b")
    await client.sees_no("2 found")
    client.type("/search nothing\r")
    await client.sees("nothing found")


async def test_lines_that_arrive_do_not_move_the_history(client: ScreenClient) -> None:
    for number in range(300):
        client.server.store("dev", "bob", f"m{number}")
    client.type("/join dev\r")
    await client.sees("m299")
    for _ in range(12):
        client.type("\x1b[5~")
        await client.rest()
    await client.sees_no("m250")
    pane = client.screen.display[1:12]
    for number in range(50):
        await client.server.say(f"new {number}", room="dev")
    await client.rest()
    assert client.screen.display[1:12] == pane
    await client.sees("dev·50")


async def test_top_row_says_who_speaks(client: ScreenClient) -> None:
    for number in range(40):
        await client.server.say(f"m{number}")
    await client.sees("m39")
    top = next(row for row in client.screen.display if "│ m" in row)
    assert "bob │" in top
    assert client.screen.text.count("bob │") == 1


async def test_rule_stands_where_reading_stopped(client: ScreenClient) -> None:
    client.type("/join dev\r")
    await client.sees(" #dev be kind")
    await client.server.say("one")
    await client.server.say("two")
    await client.sees("#lobby·2")
    client.type("\x1ba")
    await client.sees(" 2 new ", " #lobby be kind")
    for number in range(40):
        await client.server.say(f"m{number}")
    await client.sees_no(" 2 new ")
    client.type("\x1bu")
    await client.sees(" 2 new ", "one", "two")
    await client.server.say("later")
    await client.sees(" 3 new ", "one", "two", "#lobby·1")
    client.type("\x1b[F")
    await client.sees("later")
    await client.sees_no("·1")
    client.type("\x1b[5~" * 9)
    await client.sees(" 3 new ")
    client.type("\x1bn")
    await client.sees(" #dev be kind")
    client.type("\x1bp\x1b[5~" * 9)
    await client.sees_no(" new ")


async def test_nothing_said_draws_no_rule(client: ScreenClient) -> None:
    client.type("\x1bOP")
    await client.sees("keys")
    await client.server.tell(Joined(room="lobby", nick="eve"))
    client.type("\x1b")
    await client.sees("eve joined")
    assert " new " not in client.screen.text


# --- the input line


async def test_usage_is_shown_while_arguments_are_typed(client: ScreenClient) -> None:
    client.type("/msg b")
    await client.sees("/msg NICK TEXT — private message")
    client.type("\t")
    await client.sees("❯ /msg bob")


async def test_choices_of_an_argument_are_offered(client: ScreenClient) -> None:
    client.type("/notify me\t")
    await client.sees("❯ /notify mentions")


async def test_last_line_is_mended_in_place(client: ScreenClient) -> None:
    client.type("helo\r")
    await client.sees("alice │ helo")
    await client.server.say("well?")
    await client.sees("well?")
    client.type("\x1be")
    await client.sees("❯ /edit 1 helo")
    client.type(" world\r")
    await client.sees("alice │ helo world (edited)", "bob │ well?")


async def test_emoji_are_completed(client: ScreenClient) -> None:
    client.type("well done :thumbsu\t\r")
    await client.until(lambda: client.server.said() == ["well done 👍"])


async def test_earlier_lines_come_back_by_their_beginning(client: ScreenClient) -> None:
    await client.enter("alpha one", "beta two", "gamma")
    await client.until(lambda: len(client.server.said()) == 3)
    client.type("al\x1b[A")
    await client.sees("❯ alpha one")
    client.type("\x03")
    await client.rest()
    client.type("\x12bet")
    await client.sees("❯ beta two", "I-search backward: bet")
    client.type("\r")
    await client.sees_no("I-search")
    await client.sees("❯ beta two")


async def test_rest_of_an_earlier_line_is_suggested(client: ScreenClient) -> None:
    client.type("good morning everyone\r")
    await client.until(lambda: len(client.server.said()) == 1)
    client.type("good m")
    await client.sees("❯ good morning everyone")
    client.type("\x1b[C\r")
    await client.until(lambda: client.server.said() == ["good morning everyone"] * 2)


async def test_editor_edits_the_line(
    client: ScreenClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "%s, edited" "$(cat "$1")" > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    client.type("text\x18\x05")
    await client.sees("❯ text, edited")


# --- questions


async def test_long_paste_asks(client: ScreenClient) -> None:
    lines = "\r".join(f"line {number}" for number in range(8))
    client.type(PASTE.format(lines))
    await client.sees("8 lines", "[o] one message", "[s] several", "[n] forget it")
    client.type("xn")
    await client.sees("alice ❯")
    client.type(PASTE.format(lines) + "o")
    await client.sees("line 7")
    assert client.server.said() == []
    client.type("\r")
    await client.until(lambda: len(client.server.said()) == 1)
    assert client.server.said()[0].split("\n") == [f"line {n}" for n in range(8)]


async def test_pasted_lines_sent_one_by_one_are_no_commands(client: ScreenClient) -> None:
    client.type(PASTE.format("/quit\none\n\ntwo\nthree\nfour\nfive") + "s")
    await client.until(lambda: len(client.server.said()) == 6)
    assert client.server.said() == ["/quit", "one", "two", "three", "four", "five"]


async def test_escape_forgets_a_paste(client: ScreenClient) -> None:
    client.type(PASTE.format("a\n" * 20))
    await client.sees("[n] forget it")
    client.type("\x1b")
    await client.sees("alice ❯")
    client.type("ok\r")
    await client.until(lambda: client.server.said() == ["ok"])


async def test_password_is_asked_for_without_echo(client: ScreenClient, tmp_path: Path) -> None:
    client.type("/login\r")
    await client.sees("/login: password")
    client.type("geheim")
    await client.sees("******")
    client.type("\r")
    await client.until(lambda: inputs(client) == ["/login geheim"])
    await client.sees("alice ❯")
    await client.enter("/passwd", "old", "new", "nwe")
    await client.sees("they differ", "new password")
    await client.enter("new", "new")
    await client.until(lambda: inputs(client)[-1] == "/passwd old new")
    client.type("/register\r")
    await client.sees("/register: password")
    client.type("\x1b")
    await client.sees("alice ❯")
    client.type("\x1b[A" * 3)
    await client.rest()
    assert "geheim" not in client.screen.text
    file = tmp_path / "trio-chat" / "history"
    assert file.read_text() == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_password_typed_in_full_is_not_shown(client: ScreenClient) -> None:
    client.server.is_down = True
    await client.server.cut()
    await client.sees("offline")
    client.type("/login ada geheim\r")
    await client.sees("1 waiting", "/login …")
    assert "geheim" not in client.screen.text


# --- lists, bare view, notifications


async def test_keys_are_listed(client: ScreenClient) -> None:
    client.type("\x1bOP")
    await client.sees("keys — Esc closes", "Enter", "Alt-Enter")
    client.type("\x1b[6~" * 5)
    await client.sees("Ctrl-Z", "/help lists the commands")
    client.type("\x1b")
    await client.sees("alice ❯", "#lobby be kind")


async def test_bare_view_shows_lines_to_copy(client: ScreenClient) -> None:
    await client.server.say("word " * 30)
    await client.sees("word")
    client.type("\x1bl")
    await client.sees("<bob> word word", "[press a key to go back to the chat]")
    assert "│" not in client.screen.text
    client.type("x")
    await client.sees("bob │ word", "alice ❯")
    client.type("typed\r")
    await client.until(lambda: "typed" in client.server.said())


async def test_notification_holds_nothing_that_ends_it(
    terminal: Any, nursery: trio.Nursery
) -> None:
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    client.settings = msgspec.structs.replace(
        client.settings, notifications=Notifications(bell=False, desktop="on")
    )
    nursery.start_soon(client.run)
    await client.sees("●", "#lobby")
    await client.server.say("alice\x07\x1b]0;pwned\x07; look\x9c", nick="e;ve\x1b")
    await client.until(lambda: client.screen.notifications != [])
    [text] = client.screen.notifications
    assert text == "9;e,ve� in #lobby: alice��]0,pwned�, look�"
    assert client.screen.bells == 0
    nursery.cancel_scope.cancel()


async def test_room_that_is_silenced_does_not_ring(client: ScreenClient) -> None:
    await client.server.tell(Settings(notify={"lobby": "none"}, highlights=()))
    await client.server.say("alice?")
    await client.sees("alice?")
    assert client.screen.bells == 0
    await client.server.tell(Settings(notify={"lobby": "all"}, highlights=()))
    await client.server.say("anybody?")
    await client.until(lambda: client.screen.bells == 1)


async def test_room_one_was_put_out_of_leaves_the_screen_when_it_was_seen(
    client: ScreenClient,
) -> None:
    client.type("/join dev\r")
    await client.sees("2 #dev")
    await client.server.tell(Left(room="dev", nick="alice", reason=""))
    await client.sees(" #lobby be kind")
    await client.sees_no("2 #dev")


async def test_wheel_scrolls_and_a_click_goes_to_a_room(
    terminal: Any, nursery: trio.Nursery
) -> None:
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    client.settings = msgspec.structs.replace(client.settings, mouse=True)
    nursery.start_soon(client.run)
    await client.sees("●", "#lobby")
    for number in range(50):
        await client.server.say(f"m{number}")
    client.type("/join dev\r")
    await client.sees(" #dev be kind")
    row = next(i for i, line in enumerate(client.screen.display) if "1 #lobby" in line)
    column = client.screen.display[row].index("#lobby")
    for event in "Mm":
        client.type(f"\x1b[<0;{column + 1};{row + 1}{event}")
    await client.sees(" #lobby be kind", "m49")
    client.type("\x1b[<64;5;5M")
    await client.sees("End: newest")
    await client.sees_no("m49")
    client.type("\x1b[<65;5;5M")
    await client.sees("m49")
    nursery.cancel_scope.cancel()
