"""scripts/picture.py still makes the picture of the README."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

SCRIPT = Path(__file__).parents[2] / "scripts/picture.py"


def test_picture_shows_the_conversation(tmp_path: Path) -> None:
    file = tmp_path / "client.svg"
    subprocess.run([sys.executable, str(SCRIPT), str(file)], check=True, timeout=60)
    shown = "".join(ElementTree.parse(file).getroot().itertext()).replace("\n", "")
    for text in ("good afternoon everyone", "3 new", "will do 👍", "@grace·1", "● 1 ms"):
        assert text in shown
