"""What happens when somebody sets the clock of the server's machine."""

from __future__ import annotations

from structlog.testing import capture_logs

from support_accounts import code, registered, result
from support_server import ChatServer, pass_seconds
from trio_chat.chat.masks import parse_mask
from trio_chat.chat.roles import Role
from trio_chat.chat.sanctions import Sanction
from trio_chat.server.clock import WallClock
from trio_chat.store.entries import next_ms

HOUR_MS = 3_600_000


async def test_slow_mode_goes_by_no_clock_that_can_be_set(server: ChatServer) -> None:
    """S24: `/slow 2`, and the clock set back one hour: `retry_after` was 3602."""
    mod, bob = await registered(server, "mod", Role.MODERATOR), await server.native("bob")
    now_ms = server.now_ms()
    server.now_ms = lambda: now_ms
    await mod.input("/slow 2")
    assert await code(bob, "one") == "done"
    server.now_ms = lambda: now_ms - HOUR_MS
    refused = (await bob.input("two"))[-1]
    assert refused["code"] == "too_fast"
    assert 0 < refused["retry_after"] <= 2
    await pass_seconds(2)
    assert await code(bob, "two") == "done"


async def test_uptime_goes_by_no_clock_that_can_be_set(server: ChatServer) -> None:
    """S24: `/uptime` said `-1 day`."""
    alice = await server.native("alice")
    now_ms = server.now_ms()
    server.now_ms = lambda: now_ms - 24 * HOUR_MS
    await pass_seconds(90)
    assert (await result(alice, "/uptime"))["data"] == {"seconds": 90}


def test_a_sanction_is_never_shown_to_last_longer_than_it_was_given_for() -> None:
    """S24: with the clock set back an hour a mute of ten minutes had 70 left."""
    mask = parse_mask("nick:bob", account_of=lambda name: None)
    mute = Sanction(
        1, "mute", "", mask, by="mod", reason="", at_ms=HOUR_MS, until_ms=HOUR_MS + 600_000
    )
    assert [mute.left_ms(now_ms) for now_ms in (0, HOUR_MS + 60_000, 3 * HOUR_MS)] == [
        600_000,
        540_000,
        0,
    ]
    assert "10 min left" in mute.shown(0)


def test_a_step_of_the_clock_is_logged_once() -> None:
    """S24: of more than some minutes, forwards or backwards; what a time service mends is not."""
    wall, steady = [1_000_000.0], [0.0]
    clock = WallClock(lambda: wall[0], lambda: steady[0])
    with capture_logs() as logs:
        for step in (0, 60, -60, 3600, 0, -7200, 0):
            steady[0] += 10
            wall[0] += 10 + step
            assert clock() == int(wall[0] * 1000)
    assert [line["seconds"] for line in logs] == [3600, -7200]


def test_a_wrong_future_of_the_log_does_not_last() -> None:
    """S24: after one message stamped a day ahead every later line carried that time."""
    now_ms = 100 * HOUR_MS
    with capture_logs() as logs:
        assert next_ms(now_ms, now_ms - 5) == now_ms
        assert next_ms(now_ms, now_ms + 60_000) == now_ms + 60_000
        assert logs == []
        assert next_ms(now_ms, now_ms + 24 * HOUR_MS) == now_ms
    assert [line["seconds"] for line in logs] == [24 * 3600]
