"""What is set up round the server in its process."""

from __future__ import annotations

import resource

import pytest
from structlog.testing import capture_logs

from trio_chat.config import Config
from trio_chat.server import process


@pytest.mark.parametrize("error", [ValueError("current limit exceeds maximum limit"), OSError()])
def test_system_that_allows_fewer_files_than_it_says_is_told_of_and_served(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with capture_logs() as logs:
        process._raise_file_limit(Config().limits.connections)
    assert [entry["files"] for entry in logs] == [256]
