"""Keys and characters: none is lost, none goes to another room, and none shows a secret."""

from __future__ import annotations

import string
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support_client import FakeServer
from support_screen import ScreenClient
from trio_chat.client.ui.input.keyboard import ESCAPE_SECONDS
from trio_chat.events import Left
from trio_chat.requests import Input

ALT = "\x1b"
# Alt-keys that have an action, in the settings or as in a shell.
WITH_ACTION = "unpagle123456789bfd"
# What would begin another sequence: the terminal says keys like Up with these.
BEGINS_SEQUENCE = "[O"


@pytest.fixture(params=["full", "inline"])
async def client(
    terminal: Any, nursery: trio.Nursery, request: pytest.FixtureRequest
) -> AsyncIterator[ScreenClient]:
    client = ScreenClient(terminal, FakeServer(nursery), request.param)
    nursery.start_soon(client.run)
    await client.sees("#lobby", "❯")
    await client.until(lambda: "#lobby" in client.screen.text.partition("❯")[0])
    yield client
    nursery.cancel_scope.cancel()


only_full = pytest.mark.parametrize("client", ["full"], indirect=True)


def inputs(client: ScreenClient) -> list[str]:
    return [request.text for request in client.server.asked(Input)]


async def escape(client: ScreenClient) -> None:
    """Press Escape, and let so much time pass that it is no Alt-key."""
    client.type(ALT)
    await wait_all_tasks_blocked(2 * ESCAPE_SECONDS)


# --- nothing is lost


async def test_what_follows_escape_is_typed(client: ScreenClient) -> None:
    """C1: Esc, then within 0.6 s `/ab` arrives as `/ab`; so do a digit and a letter with an
    Alt-action of its own."""
    for text in ("/ab", "1x", "bcd", "-5", "~"):
        await escape(client)
        client.type(text)
        await client.sees(f"❯ {text}")
        client.type("\x15")
        await client.sees_no(f"❯ {text}")


async def test_alt_key_without_an_action_is_typed(client: ScreenClient) -> None:
    """C1: no key sequence loses a printable character."""
    for character in string.printable[:95].strip():
        if character not in WITH_ACTION + BEGINS_SEQUENCE:
            client.type(f"{ALT}{character}x")
            await client.sees(f"❯ {character}x")
            client.type("\x15")
            await client.sees_no(f"❯ {character}x")


@pytest.mark.parametrize("keys", ["\x18(", "\x18)", "\x18ry", "\x1d/", "\x1b\x1d/", "\x18e"])
async def test_control_key_swallows_no_character(client: ScreenClient, keys: str) -> None:
    """C1: macros and jumps to a character, which nobody asked for, take none either."""
    client.type(f"{keys}x")
    typed = "".join(filter(str.isprintable, keys))
    await client.sees(f"❯ {typed}x")


async def test_alt_digit_counts_for_nothing(client: ScreenClient) -> None:
    """C1: Alt-1, Alt-2, `/quit` leaves, and says nothing in public."""
    client.type(f"{ALT}1{ALT}2/quit\r")
    await client.ends(0)
    assert inputs(client) == ["/quit"]


async def test_command_behind_escape_is_a_command(client: ScreenClient) -> None:
    """C1: `/register` behind Esc asks for the password, which is said to nobody."""
    await escape(client)
    client.type("/register\r")
    await client.sees("/register: password")
    client.type("geheim\r")
    await client.sees("password again")
    client.type("geheim\r")
    await client.until(lambda: inputs(client) == ["/register geheim"])
    assert client.server.said() == []


async def test_room_keys_go_to_rooms(client: ScreenClient) -> None:
    """C1: a key with an action does it on both screens."""
    client.type("/join dev\r")
    await client.until(lambda: "#dev" in client.screen.text.split("\n❯")[-1])
    client.type(f"{ALT}1hello\r")
    await client.until(lambda: client.server.said() == ["hello"])
    client.type(f"{ALT}n")
    await client.rest()
    client.type("hi\r")
    await client.until(lambda: client.server.said("dev") == ["hi"])


# --- lists, questions, passwords


@only_full
async def test_room_key_works_in_a_list(client: ScreenClient) -> None:
    """C2: Alt-2 in an open list goes to the room, and types nothing."""
    await client.enter("/join dev")
    client.type(f"{ALT}1")
    await client.sees(" #lobby be kind")
    client.type("\x1bOP")
    await client.sees("keys — Esc closes")
    client.type(f"{ALT}2")
    await client.sees(" #dev be kind")
    client.type(f"{ALT}g")
    await client.sees("2 rooms")
    client.type(f"{ALT}1")
    await client.sees(" #lobby be kind")
    assert client.screen.text.endswith("alice ❯")


async def test_room_key_does_nothing_at_a_password(client: ScreenClient) -> None:
    """C2: Alt-2 types nothing into the password."""
    client.type("/login\r")
    await client.sees("/login: password")
    client.type(f"ge{ALT}2{ALT}nheim\r")
    await client.until(lambda: inputs(client) == ["/login geheim"])


@only_full
async def test_other_keys_do_nothing_at_a_question(client: ScreenClient) -> None:
    """C2: Alt-n is not the answer `n`."""
    client.type("\x1b[200~" + "a\n" * 20 + "\x1b[201~")
    await client.sees("[n] forget it")
    client.type(f"{ALT}n{ALT}2")
    await wait_all_tasks_blocked(2 * ESCAPE_SECONDS)
    assert "[n] forget it" in client.screen.text
    await escape(client)
    await client.sees("alice ❯")


@only_full
async def test_list_that_comes_up_takes_no_character_of_the_line(client: ScreenClient) -> None:
    """C1: an answer to `/search` in the middle of a line swallows nothing of it."""
    client.server.store("lobby", "bob", "needle")
    client.type("/search needle\rhalf a")
    await client.sees("1 found", "❯ half a")
    client.type(" line")
    await client.sees("❯ half a line")
    client.type("\r")
    await client.until(lambda: client.server.said()[-1] == "half a line")


@only_full
async def test_list_of_rooms_is_filtered_as_one_types(client: ScreenClient) -> None:
    """C16: Alt-G filters; the line that was begun stays."""
    await client.enter("/join dev", "/join ops")
    client.type("draft")
    await client.sees("❯ draft")
    client.type(f"{ALT}g")
    await client.sees("3 rooms", "   1 #lobby", "   2 #dev")
    client.type("DE")
    await client.sees_no("   1 #lobby")
    await client.sees("   2 #dev", "with: DE")
    client.type("\x7fx")
    await client.sees_no("   2 #dev")
    client.type("\x7fe\r")
    await client.sees(" #dev be kind")
    assert client.screen.text.endswith("alice ❯")
    client.type(f"{ALT}3")
    await client.sees("❯ draft")


# --- a draft per room


async def test_draft_stays_in_its_room(client: ScreenClient) -> None:
    """C3: what is typed for #dev does not stand in #lobby after Alt-1, and is back after Alt-2."""
    await client.enter("/join dev")
    client.type("secret for dev")
    await client.sees("#dev", "❯ secret for dev")
    client.type(f"{ALT}1")
    await client.sees_no("secret for dev")
    await client.enter("", "hello")
    await client.until(lambda: client.server.said() == ["hello"])
    client.type(f"{ALT}2")
    await client.sees("❯ secret for dev")
    await client.server.cut()
    await client.sees("back online", "❯ secret for dev")
    client.type("\r")
    await client.until(lambda: client.server.said("dev") == ["secret for dev"])


async def test_draft_does_not_go_where_the_server_puts_one(client: ScreenClient) -> None:
    """C3: somebody is put out of #dev while typing there; Enter says nothing in #lobby."""
    await client.enter("/join dev")
    client.type("secret for dev")
    await client.sees("❯ secret for dev")
    await client.server.tell(Left(room="dev", nick="alice", reason="out"))
    await client.sees_no("❯ secret for dev")
    client.type("\r")
    await client.rest()
    assert client.server.said() == []


@only_full
async def test_prompt_names_the_room(client: ScreenClient) -> None:
    """C3: the room's name stands beside the prompt, cut where it is long."""
    await client.sees("#lobby alice ❯")
    await client.enter(f"/join {'x' * 40}")
    await client.sees(f"#{'x' * 21}… alice ❯")


# --- pastes that the terminal does not mark


async def test_unmarked_paste_is_asked_about(client: ScreenClient) -> None:
    """C9: several line ends in one read are a paste; none of it is said or done unasked."""
    client.type("one\r/quit\rtwo\r")
    await client.sees("3 lines, 13 characters", "[s] several")
    assert inputs(client) == []
    client.type("s")
    await client.until(lambda: client.server.said() == ["one", "/quit", "two"])


async def test_all_parts_of_an_unmarked_paste_belong_to_it(client: ScreenClient) -> None:
    """C9: a long paste comes in several reads, and its letters answer no question."""
    client.type("".join(f"on the {number}\r" for number in range(300)))
    await client.sees("300 lines")
    assert inputs(client) == []
    client.type("n")
    await client.sees_no("300 lines")
    client.type("ok\r")
    await client.until(lambda: inputs(client) == ["ok"])


async def test_trailing_line_end_of_a_paste_is_no_row(client: ScreenClient) -> None:
    """C16: what was pasted with a line end behind it is one line for everybody."""
    client.type("\x1b[200~one\ntwo\n\x1b[201~")
    await client.sees("two")
    client.type("\r")
    await client.until(lambda: client.server.said() == ["one\ntwo"])


async def test_long_paste_asks_inline_too(client: ScreenClient) -> None:
    """C9: on both screens a long paste can be forgotten, taken as one message, or said by lines."""
    client.type("\x1b[200~" + "\n".join("abcdefgh") + "\x1b[201~")
    await client.sees("8 lines, 15 characters", "[o] one message")
    client.type("o")
    await client.sees_no("[o] one")
    client.type("\r")
    await client.until(lambda: client.server.said() == ["\n".join("abcdefgh")])


# --- emoji


async def test_emoji_are_drawn_as_wide_as_the_terminal_has_them(client: ScreenClient) -> None:
    """C8: what is typed before an emoji leaves nothing behind the line."""
    client.type("a❤️b🇩🇪c👍🏽d")
    await client.sees("❯ a❤bDEc👍d")
    client.type("\x01Z\x05Y")
    await client.sees("❯ Za❤bDEc👍dY")
    assert client.screen.text.rstrip().endswith("dY")
    client.type("\r")
    await client.until(lambda: client.server.said() == ["Za❤️b🇩🇪c👍🏽dY"])


# --- secrets


@pytest.mark.parametrize(
    "text", ["/register geheim", "/LOGIN geheim", "/login ada geheim", "/register ge heim"]
)
async def test_password_behind_its_command_is_never_seen(client: ScreenClient, text: str) -> None:
    """S3: `/register PASSWORD` and `/login PASSWORD` show no secret, and mean what they say."""
    seen: list[str] = []
    for character in text:
        client.type(character)
        await client.rest()
        seen.append(client.screen.text)
    await client.sees("*" * 6)
    client.type("\r")
    await client.until(lambda: inputs(client) == [text])
    await client.rest()
    assert not any("geh" in picture or "heim" in picture for picture in [*seen, client.screen.text])


async def test_password_with_blanks_needs_no_name_to_register(client: ScreenClient) -> None:
    """S3: a passphrase with blanks is one."""
    await client.enter("/register", "correct horse", "correct horse")
    await client.until(lambda: inputs(client) == ["/register correct horse"])


async def test_pasted_password_has_no_line_end(client: ScreenClient) -> None:
    """C1: a line end that was copied with a password is no part of it."""
    client.type("/login\r")
    await client.sees("/login: password")
    client.type("\x1b[200~geheim\n\x1b[201~\r")
    await client.until(lambda: inputs(client) == ["/login geheim"])
