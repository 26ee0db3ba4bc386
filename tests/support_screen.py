"""A client with a screen, driven by keys and looked at as a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from support_client import FakeServer
from trio_chat.client.app import run_client
from trio_chat.client.settings.options import ClientOptions
from trio_chat.client.settings.settings import Settings

# How long everything must be at rest before the screen is looked at again; and for how long
# redraws are put off at most, with what they cause.
GLANCE_SECONDS = 0.005
FRAME_SECONDS = 0.04


class ScreenClient:
    """*terminal*: the fixture of tests/client/conftest.py."""

    def __init__(self, terminal: Any, server: FakeServer, kind: Literal["full", "inline"]) -> None:
        self.keyboard, self.screen = terminal
        self.server = server
        self.exit_code: int | None = None
        self.settings = Settings(screen=kind)

    async def run(self) -> None:
        options = ClientOptions("fake", 1, "alice", settings=self.settings)
        self.exit_code = await run_client(options, self.server.dial)

    def type(self, text: str) -> None:
        self.keyboard.send_text(text)

    async def enter(self, *lines: str) -> None:
        """Type *lines* as a person does: what comes within one read is a paste."""
        for line in lines:
            self.type(f"{line}\r")
            await self.rest()

    async def rest(self) -> None:
        """Wait until everything is drawn."""
        await wait_all_tasks_blocked(FRAME_SECONDS)

    async def until(self, is_so: Callable[[], bool]) -> None:
        with trio.fail_after(5):
            while not is_so():
                await wait_all_tasks_blocked(GLANCE_SECONDS)

    async def sees(self, *texts: str) -> None:
        try:
            await self.until(lambda: all(text in self.screen.text for text in texts))
        except trio.TooSlowError:
            pytest.fail(f"{texts} not on the screen:\n{self.screen.text}")

    async def sees_no(self, text: str) -> None:
        await self.until(lambda: text not in self.screen.text)

    async def ends(self, exit_code: int) -> None:
        await self.until(lambda: self.exit_code is not None)
        assert self.exit_code == exit_code
