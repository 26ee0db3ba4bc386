"""Corners of accounts and moderation, each of which once was a hole."""

from __future__ import annotations

from pathlib import Path

from support_accounts import code, login, registered, result
from support_server import chat_config, open_server


async def test_what_a_room_was_made_with_is_there_after_a_restart(tmp_path: Path) -> None:
    config = chat_config(data=tmp_path)
    async with open_server(config) as server:
        alice = await registered(server, "alice")
        assert await code(alice, "/create dev where we work") == "done"
        before = (await result(alice, "/describe", "dev"))["data"]
        await server.kill()
    async with open_server(config) as server:
        alice = await login(server, "alice")
        assert (await result(alice, "/describe", "dev"))["data"] == before
