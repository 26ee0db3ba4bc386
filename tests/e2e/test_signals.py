"""Signals to a real server: which end it, and what the others do."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import trio

from support_processes import RunningServer, running_server


async def logged(server: RunningServer, part: str, times: int = 1) -> str:
    """The log, as soon as it holds *part* so often."""
    with trio.fail_after(15):
        while (text := server.log.read_text()).count(part) < times:  # noqa: ASYNC110
            await trio.sleep(0.02)
    return text


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
async def test_signal_for_users_writes_the_tasks_to_the_log(
    tmp_path: Path, number: signal.Signals
) -> None:
    """D3"""
    async with running_server(tmp_path / "data") as server:
        alice = await server.native("alice")
        for times in (1, 2):
            server.process.send_signal(number)
            text = await logged(server, f"{number.name}: the tasks", times)
        assert "serve_chat" in text
        assert "Broadcaster.run" in text
        assert (await alice.input("still here"))[-1]["type"] == "done"
        await alice.stream.aclose()
        assert await server.end() == 0


async def test_hangup_reads_the_configuration_again(tmp_path: Path) -> None:
    """S27: it ended the server undrained."""
    file = tmp_path / "chat.toml"
    file.write_text("[limits]\ntext_bytes = 10\n", encoding="utf-8")
    async with running_server(tmp_path / "data", "--config", str(file)) as server:
        alice = await server.native("alice")
        assert (await alice.input("12345"))[-1]["type"] == "done"
        file.write_text("[limits]\ntext_bytes = 3\n[store]\nbatch_writes = 9\n", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        text = await logged(server, "read again")
        assert "limits.text_bytes" in text
        assert "store.batch_writes" in text
        assert (await alice.input("12345"))[-1]["code"] == "too_long"
        file.write_text("[limits]\ntext_bites = 3\n", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        assert "did you mean 'text_bytes'" in await logged(server, "stays as it is")
        assert (await alice.input("123"))[-1]["type"] == "done"
        await alice.stream.aclose()
        assert await server.end() == 0
