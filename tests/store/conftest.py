"""A new store of each back end, for what all of them promise."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from support_store import BACK_ENDS, Open
from trio_chat.config import StoreSection
from trio_chat.store.api import Store


@pytest.fixture(params=BACK_ENDS)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    def opener(**section: Any) -> AbstractAsyncContextManager[Store]:
        return BACK_ENDS[request.param](tmp_path / "data", StoreSection(**section))

    return opener
