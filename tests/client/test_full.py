"""The full screen as a person sees it: keys in, a picture out."""

from __future__ import annotations

import errno
import re
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from support_client import FakeServer
from support_screen import ScreenClient
from trio_chat.events import Bye, Error, MemberInfo, Members, Pong, Said, timestamp
from trio_chat.requests import Input, Page, Ping, Read


@pytest.fixture
async def client(terminal: Any, nursery: trio.Nursery) -> AsyncIterator[ScreenClient]:
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    nursery.start_soon(client.run)
    await client.sees("●", "#lobby")
    yield client
    nursery.cancel_scope.cancel()


@pytest.fixture
def running_clock(mock_clock: MockClock) -> MockClock:
    """A clock that goes like the real one, until it is told to jump."""
    mock_clock.rate = 1
    return mock_clock


async def test_message_looks_like_the_picture(client: ScreenClient) -> None:
    await client.server.say("hello there", nick="grace")
    await client.sees("       grace │ hello there", "alice ❯", "#lobby be kind")


async def test_somebody_new_is_told_where_help_is(client: ScreenClient) -> None:
    """C16: until the first key."""
    await client.sees("alice ❯ F1 lists the keys, /help the commands")
    client.type("h")
    await client.sees_no("F1 lists")
    client.type("\x7f")
    await client.rest()
    assert client.screen.text.endswith("alice ❯")


async def test_refused_line_that_is_long_leaves_its_reason_in_sight(client: ScreenClient) -> None:
    """C16: 20,000 letters fill no 400 rows; they can be brought back."""
    text = "x" * 20_000
    client.type(f"\x1b[200~{text}\x1b[201~o")
    await client.rest()
    client.type("\r")
    await client.sees("✗ │", "bytes", "(20000 characters; Up brings")
    client.type("\x1b[A")
    await client.until(lambda: client.screen.display[-1].startswith("xxx"))


async def test_time_of_each_minute_is_told(client: ScreenClient) -> None:
    """C16: who goes on in another minute is told with its time, but not named again."""
    for n in (1, 2, 3):
        at, text = timestamp(n * 40_000), f"m{n}"
        said = Said(room="lobby", seq=n, at=at, sender="bob", text=text, kind="message")
        await client.server.tell(said)
    await client.sees("m3")
    rows = [row.rstrip() for row in client.screen.display if " │ m" in row]
    assert [bool(re.match(r" ?\d\d:\d\d", row)) for row in rows] == [True, True, True]
    assert [row.split()[1] for row in rows] == ["bob", "│", "│"]


async def test_marker_is_shown_wherever_it_is(client: ScreenClient) -> None:
    """C15: Alt-U with 5,000 new lines shows the rule, and what was said first."""
    client.type("/join dev\r")
    await client.sees(" #dev be kind")
    burst = [client.server.store("lobby", "bob", f"m{n}") for n in range(1, 5001)]
    for start in range(0, 5000, 500):
        await client.server.tell(*burst[start : start + 500])
    await client.sees("#lobby·5000")
    client.type("\x1b1")
    await client.sees("m5000")
    client.type("\x1bu")
    await client.sees(" 5000 new ", "│ m1\n", "End: newest")
    client.type("\x1b[F")
    await client.sees("m5000")


async def test_typed_line_is_said_and_the_input_is_empty(client: ScreenClient) -> None:
    client.type("good morning\r")
    await client.sees("       alice │ good morning")
    await client.until(lambda: client.server.said() == ["good morning"])
    assert "alice ❯\n" in client.screen.text + "\n"


async def test_pasted_lines_are_one_message(client: ScreenClient) -> None:
    client.type("\x1b[200~one\r\ntwo\nthree\x1b[201~")
    await client.sees("three")
    client.type("\r")
    await client.sees("alice │ one", "│ two", "│ three")
    assert client.server.said() == ["one\ntwo\nthree"]


async def test_half_typed_line_stays_while_messages_come(client: ScreenClient) -> None:
    client.type("half ty")
    await client.sees("❯ half ty")
    for number in range(30):
        await client.server.say(f"m{number}")
    await client.sees("m29", "❯ half ty")


async def test_scrolled_back_reader_is_not_disturbed(client: ScreenClient) -> None:
    for number in range(100):
        await client.server.say(f"m{number}", nick=f"n{number}")
    await client.sees("m99")
    client.type("\x1b[5~")
    await client.sees_no("m99")
    await client.sees("m89", "End: newest")
    pane = client.screen.display[1:12]
    await client.server.say("new one")
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert client.screen.display[1:12] == pane
    client.type("\x1b[6~")
    await client.sees("m99", "End: newest")
    client.type("\x1b[6~")
    await client.sees("new one")
    await client.sees_no("End: newest")
    client.type("\x1b[5~" * 30)
    await client.sees("you joined", " m0")
    client.type("\x1b[F")
    await client.sees("new one")


async def test_ctrl_c_clears_then_asks_then_leaves(client: ScreenClient) -> None:
    """C7: the second Ctrl-C says how to leave, the third one leaves."""
    client.type("abc")
    await client.sees("❯ abc")
    client.type("\x03")
    await client.sees_no("abc")
    assert client.exit_code is None
    client.type("\x03")
    await client.sees("Ctrl-C again within 2 s leaves")
    assert client.exit_code is None
    client.type("\x03")
    await client.ends(0)
    assert client.server.asked(Input)[-1].text == "/quit"


async def test_ctrl_c_of_long_ago_does_not_leave(
    running_clock: MockClock, client: ScreenClient
) -> None:
    """C7: after 2 s the question is asked again."""
    client.type("\x03")
    await client.sees("Ctrl-C again within 2 s leaves")
    running_clock.jump(2.5)
    await client.sees_no("Ctrl-C again")
    client.type("\x03")
    await client.sees("Ctrl-C again within 2 s leaves")
    assert client.exit_code is None
    client.type("\x04")
    await client.ends(0)


@pytest.mark.parametrize("keys", ["\x04", "/quit I am off\r", "/exit\r"])
async def test_ways_to_leave(client: ScreenClient, keys: str) -> None:
    client.type(keys)
    await client.ends(0)
    said = keys.strip() if keys.startswith("/") else "/quit"
    assert [request.text for request in client.server.asked(Input)] == [said]


async def test_commands_are_offered_and_enter_without_a_choice_sends(client: ScreenClient) -> None:
    client.type("/he")
    await client.sees("/help [COMMAND]", "list the commands")
    client.type("lp\r")
    await client.sees("/join ROOM: enter a room")


async def test_enter_on_a_chosen_item_picks_it(client: ScreenClient) -> None:
    client.type("/m")
    await client.sees("/me TEXT", "/msg NICK TEXT")
    client.type("\t\t\r")
    await client.sees("❯ /msg")
    await client.sees_no("/me TEXT")
    client.type("bob hi\r")
    await client.until(lambda: client.server.asked(Input) != [])
    assert [request.text for request in client.server.asked(Input)] == ["/msg bob hi"]


async def test_tab_with_one_answer_completes_at_once(client: ScreenClient) -> None:
    client.type("/jo\tdev\r")
    await client.sees(" #dev be kind", "2 #dev")


async def test_tab_completes_a_nick(client: ScreenClient) -> None:
    client.type("bo\t")
    await client.sees("❯ bob:")
    client.type("hi @bo")
    await client.sees(" @bob")
    client.type("\t")
    await client.sees("bob: hi @bob")


class Broken:
    """A terminal that is gone: nothing can be drawn on it any more."""

    def __init__(self, screen: Any) -> None:
        screen.output.write_raw = screen.output.write = screen.output.flush = self

    def __call__(self, *_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")


async def test_closed_terminal_says_quit(client: ScreenClient) -> None:
    """C6: the nick is free at once, though nothing can be drawn any more."""
    Broken(client.screen)
    await client.server.say("one")
    await client.ends(129)
    assert [request.text for request in client.server.asked(Input)] == ["/quit"]


async def test_terminal_without_a_keyboard_any_more_says_quit(client: ScreenClient) -> None:
    """C6: the other end of the terminal is closed, and nothing signals it."""
    client.keyboard.close()
    await client.ends(129)
    assert [request.text for request in client.server.asked(Input)] == ["/quit"]


async def test_nick_that_is_kept_is_waited_for(
    running_clock: MockClock, terminal: Any, nursery: trio.Nursery
) -> None:
    """C6: the next start counts the seconds, and comes in."""
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    kept = Error(code="nick_taken", message="the nick alice is kept", retry_after=30.0)
    client.server.hello_errors = [kept]
    nursery.start_soon(client.run)
    await client.sees("the nick alice is kept", "retry in")
    assert client.exit_code is None
    running_clock.jump(40)
    await client.sees("●", "#lobby be kind")
    client.type("\x04")
    await client.ends(0)


async def test_server_that_hangs_is_seen(running_clock: MockClock, client: ScreenClient) -> None:
    """C14: some seconds after a ping without an answer its age is shown."""
    client.server.silent = True
    running_clock.jump(30)
    await client.rest()
    running_clock.jump(5)
    await client.sees("◌ no answer for")
    await client.server.tell(Pong(id=client.server.asked(Ping)[-1].id))
    await client.sees("● ")


async def test_rooms_are_switched_and_unread_lines_counted(client: ScreenClient) -> None:
    client.type("/join dev\r")
    await client.sees(" #dev be kind")
    await client.server.say("one")
    await client.server.say("two, alice")
    await client.sees("#lobby·2")
    await client.until(lambda: client.screen.bells == 1)
    client.type("\x1b1")
    await client.sees(" new ", "two, alice", " #lobby be kind")
    await client.sees_no("#lobby·2")
    client.type("\x1bn")
    await client.sees(" #dev be kind")
    client.type("\x1bp")
    await client.sees(" #lobby be kind")


async def test_conversation_is_opened_and_closed_without_a_word(client: ScreenClient) -> None:
    """C5: `/query NICK` goes there, `/close` takes it off the list until somebody writes."""
    await client.enter("/query dave")
    await client.sees(" @dave", "2 @dave", "@dave alice ❯")
    await client.enter("/close")
    await client.sees(" #lobby be kind")
    await client.sees_no("@dave")
    await client.server.say("hello?", nick="dave", room="@dave")
    await client.sees("2 @dave·1")
    assert client.server.asked(Input) == []


async def test_line_behind_a_join_is_said_in_the_new_room(client: ScreenClient) -> None:
    """C4: offline both wait, and are seen where they were typed."""
    client.server.is_down = True
    await client.server.cut()
    await client.sees("offline")
    await client.enter("/join dev", "secret for dev")
    await client.sees("│ secret for dev", "2 waiting")
    client.server.is_down = False
    await client.sees(" #dev be kind", "secret for dev")
    await client.until(lambda: client.server.said("dev") == ["secret for dev"])
    assert client.server.said() == []


async def test_wide_terminal_lists_the_members(terminal: Any, nursery: trio.Nursery) -> None:
    terminal.screen.resize(8, 100)
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    nursery.start_soon(client.run)
    await client.sees("│ 2 here", "│  alice", "│  bob")
    infos = tuple(
        MemberInfo(nick=f"n{number:02}", account=None, role="", away=None) for number in range(30)
    )
    await client.server.tell(Members(room="lobby", members=infos, total=500, topic="crowd"))
    await client.sees("│ 500 here", "│  n00", "… 497 more")
    client.type("\x04")
    await client.ends(0)


async def test_room_is_completed(client: ScreenClient) -> None:
    client.type("look at #lo\t")
    await client.sees("❯ look at #lobby")


async def test_line_typed_offline_is_shown_and_said_later(client: ScreenClient) -> None:
    client.server.is_down = True
    await client.server.cut()
    await client.sees("○ offline, retry in")
    client.type("are you there?\r")
    await client.sees("alice │ are you there?", "1 waiting")
    client.server.is_down = False
    await client.sees("●", "back online")
    await client.sees_no("1 waiting")
    assert client.server.said() == ["are you there?"]
    assert client.screen.text.count("are you there?") == 1


async def test_refused_line_shows_the_reason_and_the_text(client: ScreenClient) -> None:
    client.server.input_errors = [Error(code="muted", message="you are muted")]
    client.type("precious words\r")
    await client.sees("✗ │ you are muted", "precious words")


async def test_hostile_text_is_harmless(client: ScreenClient) -> None:
    await client.server.say("\x1b[2J\x1b]0;pwned\x07a\u202eb\rc")
    await client.sees("�[2J�]0;pwned�a�b�c")


async def test_joined_emoji_and_wide_text_stay_in_their_columns(client: ScreenClient) -> None:
    await client.server.say("日本語のメッセージも正しく折り返されますか？" * 3)
    await client.server.say("👨‍👩‍👧 ❤️ 👍🏽 |")
    await client.sees("👨👩👧 ❤ 👍 |")


async def test_server_that_tells_us_to_go_ends_the_client(
    client: ScreenClient, capfd: pytest.CaptureFixture[str]
) -> None:
    await client.server.tell(Bye(reason="you are banned"))
    await client.server.cut()
    await client.ends(3)
    assert "you are banned" in capfd.readouterr().err


async def test_no_server_at_the_start_is_one_line(
    terminal: Any, nursery: trio.Nursery, capfd: pytest.CaptureFixture[str]
) -> None:
    client = ScreenClient(terminal, FakeServer(nursery), "full")
    client.server.is_down = True
    await client.run()
    assert client.exit_code == 3
    assert capfd.readouterr().err == "trio-chat: fake:1: connection refused\n"


async def test_history_is_private_and_holds_no_password(
    client: ScreenClient, tmp_path: Path
) -> None:
    for number, line in enumerate(("hello", "/login bob geheim", "/lgoin x geheim", "/me waves")):
        client.type(f"{line}\r")
        await client.until(lambda count=number + 1: len(client.server.asked(Input)) == count)  # type: ignore[misc]
    file = tmp_path / "trio-chat" / "history"
    await client.until(lambda: "waves" in file.read_text())
    assert "geheim" not in file.read_text()
    assert "hello" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_burst_of_20_000_messages_costs_little(client: ScreenClient) -> None:
    burst = [client.server.store("lobby", f"n{n % 50}", f"message {n}") for n in range(20_000)]
    before = time.process_time()
    for start in range(0, 20_000, 500):
        await client.server.tell(*burst[start : start + 500])
    await client.sees("message 19999")
    # It takes 0.5 s here, half of it the terminal of this test.
    assert time.process_time() - before < 6


async def test_scrolling_back_fetches_the_history_to_its_beginning(client: ScreenClient) -> None:
    for number in range(1000):
        client.server.store("dev", f"n{number % 7}", f"m{number}")
    client.type("/join dev\r")
    await client.sees("m999", "#dev be kind")
    for _ in range(200):
        client.type("\x1b[5~")
        await client.rest()
    await client.sees("beginning of #dev", " m0", "m1")
    client.type("\x1b[F")
    await client.sees("m999")
    assert 5 <= len(client.server.asked(Page)) <= 12


async def test_what_was_seen_is_told_to_the_server_on_going_away(client: ScreenClient) -> None:
    await client.server.say("one")
    await client.sees("one")
    client.type("/join dev\r")
    await client.sees(" #dev be kind")
    await client.until(lambda: [r.seq for r in client.server.asked(Read)] == [1])
