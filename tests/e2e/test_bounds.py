"""Numbers of the configuration in a real server: at their bounds it serves, beyond it refuses."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trio

from support_accounts import PASSWORD
from support_processes import RunningServer, run_to_end, running_server, serve_command
from support_server import Peer
from trio_chat.config import Config, LimitsSection, TimeoutsSection, described_keys
from trio_chat.server.net import listeners

NUMBERS = {name: key for name, key in described_keys().items() if key.least is not None}


async def owner_of(server: RunningServer) -> Peer:
    code = server.log.read_text().partition("owner code: ")[2].split()[0]
    ada = await server.native("ada")
    await ada.input(f"/register {PASSWORD}")
    assert (await ada.input(f"/claim {code}"))[-1]["type"] == "done"
    return ada


@pytest.mark.parametrize("bound", ["least", "most"])
async def test_server_serves_with_every_number_at_its_bound(tmp_path: Path, bound: str) -> None:
    """A3"""
    values: dict[str, object] = {name: getattr(key, bound) for name, key in NUMBERS.items()}
    # With these at their least nobody has the time to say anything.
    for name in ("timeouts.hello_seconds", "timeouts.stall_seconds", "timeouts.drain_seconds"):
        values[name] = NUMBERS[name].most if bound == "most" else 10
    values["rooms.auto_join"] = "x"  # the longest name of a room, when that is at its least
    options = [part for name, value in values.items() for part in ("--set", f"{name}={value}")]
    async with running_server(tmp_path / "data", *options) as server:
        peer = Peer(await server.dial())
        assert (await peer.hello("a"))[0]["type"] == "welcome"
        assert (await peer.input("x", "x"))[-1]["type"] == "done"
        await peer.stream.aclose()
        assert await server.end() == 0
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "limits.socket_send_bytes 99999999999",
        "limits.backlog_events 100000000000000000000",
        "limits.backlog_events 10**20",
        "timeouts.ping_seconds 1e20",
        "timeouts.ping_seconds inf",
        "timeouts.drop_seconds nan",
    ],
)
async def test_number_beyond_its_bounds_is_refused_and_the_server_lives(
    tmp_path: Path, line: str
) -> None:
    """A3: `/config` answered `done`, and the next connection ended the process."""
    async with running_server(tmp_path / "data") as server:
        ada = await owner_of(server)
        refused = (await ada.input(f"/config {line}"))[-1]
        assert refused["code"] == "bad_request"
        assert "number from" in refused["message"]
        bob = await server.native("bob")
        for peer in (ada, bob):
            await peer.stream.aclose()


@pytest.mark.parametrize(
    "assignment",
    [
        "store.remember_ids_seconds=1e300",
        "timeouts.ping_seconds=inf",
        "limits.backlog_events=100000000000000000000",
        f"server.listen=127.0.0.1:{'9' * 5000}",
    ],
)
async def test_number_beyond_its_bounds_is_refused_at_the_start(assignment: str) -> None:
    """A3"""
    refused = await run_to_end(serve_command("--memory", "--set", assignment))
    assert refused.returncode == 2
    assert len(refused.stderr.decode().splitlines()) == 1


async def test_socket_that_takes_no_option_is_accepted() -> None:
    """A3: an accept survives what the system says to its options."""
    near, far = socket.socketpair()
    limits = LimitsSection(socket_send_bytes=10**20)
    timeouts = TimeoutsSection(ping_seconds=1e18, drop_seconds=1e18)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(near))
    with far:
        link = listeners.accept(stream, Config(limits=limits, timeouts=timeouts), None)
        await link.aclose()
