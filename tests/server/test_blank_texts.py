"""Texts that show nothing, and texts of other directions, on the wires and in every command that
puts words before others."""

from __future__ import annotations

import pytest

from support_accounts import registered
from support_server import ChatServer, PlainPeer, texts
from trio_chat.chat.roles import Role

NOTHING = ["\u200b", "\u2800\u3164", "\u115f \u1160", "\U000e0041\u200d", "\uffa0\ufe0f"]


@pytest.mark.parametrize("nothing", NOTHING)
async def test_nothing_is_said_by_no_command(server: ChatServer, nothing: str) -> None:
    """S21"""
    ada = await registered(server, "ada", Role.OWNER)
    bob = await registered(server, "bob")
    await ada.input("something")
    for text in ("", "/me ", "/msg bob ", "/edit last ", "/reply ", "/announce "):
        refused = (await ada.input(text + nothing))[-1]
        assert refused["type"] == "error", text
        if text != "/reply ":  # nobody wrote to ada
            assert refused["message"] == "there is nothing to say in that", text
    assert texts(await bob.sync()) == ["something"]


async def test_nothing_is_said_by_no_plain_peer(server: ChatServer) -> None:
    """S21"""
    ada = await server.native("ada")
    plain = await server.plain("bob")
    await plain.send("\u2800", "/me \u200b", "there")
    assert texts(await ada.until("said")) == ["there"]


@pytest.mark.parametrize(
    "text", ["שלום\u200e!", "سلام\u061c 1", "می\u200cخواهم", "क्\u200dष", "👩\u200d💻"]
)
async def test_what_a_language_needs_arrives_as_it_was_typed(server: ChatServer, text: str) -> None:
    """S22"""
    ada = await server.native("ada")
    bob, plain = await server.native("bob"), await server.plain("carol")
    await ada.input(text)
    assert texts(await bob.sync()) == [text]
    assert (await plain.until(text))[-1].endswith(f"#lobby <ada> {text}")


async def test_what_reorders_a_line_never_arrives(server: ChatServer) -> None:
    """S22"""
    ada = await server.native("ada")
    bob = await server.native("bob")
    await ada.input("שלום\u202eabc\u2066")
    assert texts(await bob.sync()) == ["שלום\ufffdabc\ufffd"]


async def test_nick_with_a_joiner_is_one_nick_with_and_without(server: ChatServer) -> None:
    """S22"""
    ali = await server.native("علی\u200cرضا")
    other = PlainPeer(server.dial())
    await other.send("علیرضا")
    assert "taken" in (await other.until("taken"))[-1]
    bob = await server.native("bob")
    await bob.input("/msg علیرضا hello")
    assert texts(await ali.sync()) == ["hello"]
