"""What looks like a command and is none is never said, whatever the wire and the way."""

from __future__ import annotations

import json

import pytest

from support_server import ChatServer, texts

SECRET = "hunter2hunter2"
LOOKALIKES = [
    f" /login carol {SECRET}",
    f"\u00a0/login carol {SECRET}",
    f"\u3000\u200b/login carol {SECRET}",
    f"\t/login carol {SECRET}",
    f"\x08/login carol {SECRET}",
    f"\u202e/login carol {SECRET}",
    f"\u3164/login carol {SECRET}",
    f"\uff0flogin carol {SECRET}",
    f" \u2044login carol {SECRET}",
    f"\u2215login carol {SECRET}",
    f"\u29f8login carol {SECRET}",
]


@pytest.mark.parametrize("text", LOOKALIKES)
async def test_lookalike_of_a_command_is_said_to_nobody(server: ChatServer, text: str) -> None:
    """S1"""
    listener = await server.native("listener")
    native, plain = await server.native("carol"), await server.plain("dave")
    room = await native.input(text)
    conversation = await native.input(text, room="@listener")
    await native.send_raw(json.dumps({"type": "input", "text": text}).encode() + b"\r\n")
    await plain.send(text, "end")
    refused = await native.expect("error", code="unknown_command")
    shown = [event for event in (*room, *conversation, refused) if event["type"] == "error"]
    assert [event["code"] for event in shown] == ["unknown_command"] * 3
    assert all("not said" in event["message"] for event in shown)
    lines = await plain.until("<dave> end")
    assert any(line.startswith("* not said: ") for line in lines)
    heard = await listener.until("said", text="end")
    history = await listener.input("/history")
    assert SECRET not in json.dumps([heard, history, shown]) + "\n".join(lines)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (f"//login carol {SECRET}", f"/login carol {SECRET}"),
        (f'"/login carol {SECRET}"', f'"/login carol {SECRET}"'),
        ("> /me", "> /me"),
        ("  // a comment", "  // a comment"),
        ("  indented", "  indented"),
    ],
)
async def test_two_slashes_or_a_quote_say_it(server: ChatServer, typed: str, said: str) -> None:
    """S1"""
    alice, bob = await server.native("alice"), await server.plain("bob")
    await alice.input(typed)
    await bob.send(typed, "end")
    await bob.until("<bob> end")
    assert texts(await alice.sync()) == [said, "end"]
    assert texts(await alice.ask("page", room="lobby")) == [said, said, "end"]
