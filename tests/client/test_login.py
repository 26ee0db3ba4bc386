"""Logging in with the hello, and what is wrong with a password."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
import trio

from support_client import FakeServer
from support_real_server import real_server
from support_screen import ScreenClient
from trio_chat.client import open_chat
from trio_chat.client.app import run_client
from trio_chat.client.link.connection import Connection
from trio_chat.client.link.failures import LoginRefused
from trio_chat.client.link.terms import Login, Timeouts
from trio_chat.client.settings.options import ClientOptions
from trio_chat.client.state.model import Model
from trio_chat.errors import LoginFailed
from trio_chat.events import Error, Notice
from trio_chat.requests import Hello

LOGIN = Login("ada", "secret")


@pytest.fixture
def server(nursery: trio.Nursery) -> FakeServer:
    return FakeServer(nursery)


@pytest.mark.parametrize("resumes", [True, False])
async def test_every_hello_proves_who_one_is(
    server: FakeServer, autojump_clock: trio.testing.MockClock, resumes: bool
) -> None:
    """The password is needed again where the session is gone."""
    server.resumes = resumes
    model = Model("ada")
    connection = Connection(
        server.dial,
        model,
        address="fake",
        login=LOGIN,
        give_up_seconds=60,
        on_effects=lambda effects: None,
        timeouts=Timeouts(),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await server.wait_until(lambda: model.rooms.is_online or len(server.asked(Hello)) == 1)
        await server.cut()
        await server.wait_until(lambda: len(server.asked(Hello)) == 2)
        connection.leave()
    hellos = server.asked(Hello)
    assert [(h.account, h.password, h.token) for h in hellos] == [("ada", "secret", None)] * 2


async def test_wrong_password_is_told_apart_from_other_refusals(server: FakeServer) -> None:
    server.hello_errors = [Error(code="login_failed", message="account or password are wrong")]
    with pytest.raises(LoginRefused, match="account or password are wrong"):
        await run_client(ClientOptions("fake", 1, "ada", login=LOGIN, is_json=True), server.dial)


async def test_login_refused_later_ends_it_and_tells_what_was_not_said(
    server: FakeServer, terminal: Any, capfd: pytest.CaptureFixture[str], nursery: trio.Nursery
) -> None:
    client = ScreenClient(terminal, server, "full")
    nursery.start_soon(client.run)
    await client.sees("you joined")
    server.hello_errors = [Error(code="login_failed", message="the password was changed")]
    server.lost_inputs = 1
    client.type("hello\r")
    await client.ends(3)
    errors = capfd.readouterr().err
    assert "the password was changed" in errors
    assert "1 line was not acknowledged" in errors


async def test_no_login_is_said_without_one(
    server: FakeServer, autojump_clock: trio.testing.MockClock
) -> None:
    model = Model("ada")
    connection = Connection(
        server.dial, model, address="fake", give_up_seconds=1, on_effects=lambda effects: None
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await server.wait_until(lambda: len(server.asked(Hello)) == 1)
        connection.leave()
    [hello] = server.asked(Hello)
    assert (hello.account, hello.password, hello.token) == (None, None, None)


# --- against a real server


async def test_account_is_made_and_logged_in_to_by_password_and_by_token() -> None:
    with trio.fail_after(30):
        async with real_server() as address:
            async with open_chat(address, nick="ada") as chat:
                await chat.command("/register ada right-password")
            with pytest.raises(LoginFailed, match="are wrong"):
                await enter(address, nick="ada", account="ada", password="wrong-password")
            account = partial(open_chat, address, nick="somebody", account="ada")
            async with account(password="right-password") as chat:
                assert chat.nick == "ada"
                stored = await chat.say("lobby", "it is me")
                told = chat.events()
                await chat.command("/token new read,write laptop")
                notice = await anext(told)
                assert isinstance(notice, Notice)
            [token] = re.findall(r"tc_[\w-]+", notice.text)
            async with account(token=token) as chat:
                assert chat.nick == "ada"
                assert (await chat.history("lobby")).events[-1].seq == stored.seq
            with pytest.raises(LoginFailed):
                await enter(address, nick="ada", token="tc_" + "x" * 32)


async def enter(address: str, **who: str) -> None:
    async with open_chat(address, **who):  # type: ignore[arg-type]
        pytest.fail("let in")
