"""The tests of the server against docs/protocol.md: what they quote stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_quotes_stand_in_the_document(file: Path) -> None:
    document = " ".join((ROOT / "docs/protocol.md").read_text(encoding="utf-8").split())
    blocks = re.findall(r'"""\n((?: +> .*\n)+) +"""', file.read_text(encoding="utf-8"))
    quotes = [" ".join(block.replace("> ", " ").split()) for block in blocks]
    assert [quote for quote in quotes if quote not in document] == []
