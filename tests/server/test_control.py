"""What the person at the server's machine may do to accounts, and the socket that carries it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from support_server import ChatServer, Peer, chat_config, open_server, types
from trio_chat.errors import ConfigError, StoreError
from trio_chat.server.admin import control
from trio_chat.server.admin.console import (
    Add,
    Answer,
    GiveRole,
    Listing,
    Office,
    Password,
    Remove,
    Request,
    carry_out,
)
from trio_chat.server.ask import ask
from trio_chat.store.api import AUDIT_ROOM

PASSWORD = "correct horse"


def office(server: ChatServer) -> Office:
    return Office(server.parts.hub, server.parts.operations)


async def do(server: ChatServer, request: Request) -> str:
    """What the console is told; it was done."""
    answer = await carry_out(office(server), request)
    assert answer.done, answer
    return answer.text


async def refused(server: ChatServer, request: Request) -> str:
    answer = await carry_out(office(server), request)
    assert not answer.done, answer
    return answer.text


async def login(server: ChatServer, name: str, password: str = PASSWORD) -> Peer:
    peer = Peer(server.dial())
    events = await peer.hello(name, account=name, password=password)
    assert events[0]["type"] == "welcome", events
    return peer


async def audit(server: ChatServer) -> list[dict[str, Any]]:
    return [json.loads(entry.text) for entry in await server.hub.store.page(AUDIT_ROOM, limit=99)]


async def test_account_is_there_at_once(server: ChatServer) -> None:
    assert await do(server, Add("alice", PASSWORD, "moderator")) == (
        "the account alice is there, as moderator"
    )
    alice = await login(server, "alice")
    assert (await alice.input("/account"))[0]["data"]["role"] == "moderator"
    (line,) = await audit(server)
    assert (line["by"], line["act"], line["target"]) == ("console", "add account", "alice")
    assert PASSWORD not in json.dumps(await audit(server))


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (Add("alice", PASSWORD), "there is an account alice already"),
        (Add("a b", PASSWORD), "a nick cannot contain a blank"),
        (Add("bob", "short"), "a password has at least 8 characters"),
        (Add("bob", PASSWORD, "king"), "king is no role of an account"),
        (Add("bob", PASSWORD, "guest"), "guest is no role of an account"),
        (Password("alice", "short"), "a password has at least 8 characters"),
        (Password("bob", PASSWORD), "there is no account bob"),
        (GiveRole("bob", "admin"), "there is no account bob"),
        (Remove("bob"), "there is no account bob"),
    ],
)
async def test_what_cannot_be_done_is_refused_with_the_reason(
    server: ChatServer, request_: Request, why: str
) -> None:
    await do(server, Add("alice", PASSWORD))
    assert (await refused(server, request_)).startswith(why)
    assert len(await audit(server)) == 1


async def test_guest_who_goes_by_the_name_is_asked_to_log_in(server: ChatServer) -> None:
    guest = await server.native("alice")
    await do(server, Add("alice", PASSWORD))
    notice = await guest.expect("notice")
    assert notice["text"].startswith("alice belongs to an account: /login PASSWORD within 30 s")


async def test_role_is_told_to_whoever_is_logged_in(server: ChatServer) -> None:
    await do(server, Add("alice", PASSWORD))
    alice = await login(server, "alice")
    assert await do(server, GiveRole("alice", "admin")) == "alice is admin"
    assert (await alice.expect("welcome"))["role"] == "admin"


async def test_first_owner_ends_the_owner_code(server: ChatServer) -> None:
    assert server.state.owner_code
    await do(server, Add("alice", PASSWORD))
    await do(server, GiveRole("alice", "owner"))
    assert server.state.owner_code == ""
    assert "owned" in await server.hub.store.list("server")


async def test_new_password_leaves_the_sessions_alone(server: ChatServer) -> None:
    await do(server, Add("alice", PASSWORD))
    alice = await login(server, "alice")
    await do(server, Password("alice", "battery staple"))
    assert types(await alice.input("still here"))[-1] == "done"
    stranger = Peer(server.dial())
    events = await stranger.hello("alice", account="alice", password=PASSWORD)
    assert events[-1]["code"] == "login_failed"
    await login(server, "alice", "battery staple")


async def test_removed_account_leaves_nothing_behind(server: ChatServer) -> None:
    await do(server, Add("alice", PASSWORD))
    await do(server, Add("bob", PASSWORD))
    alice, bob = await login(server, "alice"), await login(server, "bob")
    await alice.input("/join den")
    secret = (await alice.input("/token new read,write bot"))[0]["text"].split(": ")[1].split()[0]
    await bob.sync()
    await do(server, Remove("alice"))
    assert (await alice.to_end())[-1]["reason"] == "this account was removed"
    assert (await bob.expect("left", nick="alice"))["reason"] == "this account was removed"

    again = Peer(server.dial())
    assert (await again.resume(alice.token))[0]["account"] is None
    await again.quit()
    for proof in ({"account": "alice", "password": PASSWORD}, {"token": secret}):
        events = await Peer(server.dial()).hello("alice", **proof)
        assert events[-1]["code"] == "login_failed"
    records = {
        space: await server.hub.store.list(space) for space in ("profile", "token", "session")
    }
    owners = {space: {key.partition(" ")[0] for key in found} for space, found in records.items()}
    assert {space: len(found) for space, found in owners.items()} == {
        "profile": 1,
        "token": 0,
        "session": 1,
    }
    den = server.state.directory.find_room("den")
    assert den.record.roles == {}
    await do(server, Add("alice", PASSWORD))
    alice = await login(server, "alice")
    refusal = await alice.input("/op bob", "den")
    assert refusal[-1]["type"] == "error"


async def test_what_a_removed_account_said_goes_with_it_when_asked(server: ChatServer) -> None:
    await do(server, Add("alice", PASSWORD))
    alice, guest = await login(server, "alice"), await server.native("guest")
    await alice.input("my secret")
    await guest.input("of a guest")
    assert await do(server, Remove("alice", messages=True)) == (
        "the account alice is removed, and 1 messages with it"
    )
    newcomer = Peer(server.dial())
    shown = json.dumps(await newcomer.hello("newcomer"))
    assert "of a guest" in shown
    assert "my secret" not in shown


async def test_listing_names_everybody(server: ChatServer) -> None:
    assert await do(server, Listing()) == "there are no accounts yet"
    await do(server, Add("bob", PASSWORD))
    await do(server, Add("alice", PASSWORD, "owner"))
    await login(server, "bob")
    answer = await carry_out(office(server), Listing())
    assert [(row["name"], row["role"], row["here"]) for row in answer.data] == [
        ("alice", "owner", False),
        ("bob", "member", True),
    ]
    assert [line.split()[0] for line in answer.text.splitlines()] == ["alice", "bob"]


# --- the socket


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[ChatServer]:
    async with open_server(
        chat_config("timeouts.linger_seconds=0.01", data=tmp_path / "data")
    ) as one:
        yield one


async def test_running_server_is_asked_by_its_socket(running: ChatServer) -> None:
    answer = await ask(running.config, Add("alice", PASSWORD))
    assert answer.done
    assert running.state.accounts.named("alice")
    file = running.config.data_folder / control.NAME
    assert file.stat().st_mode & 0o777 == 0o600


async def test_socket_is_gone_in_the_end_and_a_stale_one_does_no_harm(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path / "data")
    file = config.data_folder / control.NAME
    async with open_server(config) as server:
        await server.kill()
    async with open_server(config) as server:
        await server.end()
        assert not file.exists()
    stale = trio.socket.socket(trio.socket.AF_UNIX)
    await stale.bind(str(file))
    stale.close()
    assert (await ask(config, Listing())).text == "there are no accounts yet"
    async with open_server(config):
        assert (await ask(config, Add("alice", PASSWORD))).done


async def test_without_a_server_the_folder_itself_is_changed(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path / "data")
    assert (await ask(config, Add("alice", PASSWORD, "owner"))).done
    async with open_server(config) as server:
        assert server.state.owner_code == ""
        await login(server, "alice")


async def test_folder_with_a_path_too_long_for_a_socket_has_one(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path / ("long" * 30))
    async with open_server(config) as server:
        assert (await ask(config, Add("alice", PASSWORD))).done
        assert server.state.accounts.named("alice")


async def test_server_goes_on_where_there_can_be_no_socket(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path / "data")
    (config.data_folder / control.NAME / "in the way").mkdir(parents=True)
    async with open_server(config) as server:
        await server.native("alice")
        assert [log["log_level"] for log in server.logs if "no control socket" in log["event"]] == [
            "warning"
        ]
        with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match="another server")):
            await ask(config, Listing())


@pytest.mark.parametrize("line", [b"no json\n", b'{"do":"reboot"}\n', b"x" * 9000, b""])
async def test_what_is_no_request_is_refused(running: ChatServer, line: bytes) -> None:
    async with await dial(running) as stream:
        await stream.send_all(line)
        await stream.send_eof()
        answer = msgspec.json.decode(await stream.receive_some(), type=Answer)
    assert not answer.done
    assert "another version" in answer.text


async def test_peer_that_goes_away_harms_nobody(running: ChatServer) -> None:
    for _ in range(3):
        await (await dial(running)).aclose()
    assert (await ask(running.config, Listing())).done


async def dial(server: ChatServer) -> trio.SocketStream:
    return await trio.open_unix_socket(str(server.config.data_folder / control.NAME))


async def test_peer_that_says_nothing_is_let_go(server: ChatServer) -> None:
    near, far = trio.testing.memory_stream_pair()
    await control._serve_one(office(server), far)
    assert await near.receive_some() == b""


@pytest.mark.parametrize("setting", ["store.memory=true", "store.data=/nowhere/at/all"])
def test_there_must_be_a_folder_to_look_after(setting: str) -> None:
    with pytest.raises(ConfigError):
        control.check_folder(chat_config(setting), is_new=False)
