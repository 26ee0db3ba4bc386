"""A bot that says what is new in an RSS feed, each item once.

python docs/examples/feed_bot.py 127.0.0.1:7373 lobby https://example.org/feed.xml seen.txt

What was said stands in a file, written after each item. An item that was being said when the
program was killed is said again with the id it had, and so happens once.
"""

from __future__ import annotations

import hashlib
import sys
import urllib.request
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import trio

from trio_chat.client import open_chat

POLL_SECONDS = 300
FEED_BYTES = 1 << 20
FETCH_SECONDS = 20


def fetch(url: str) -> list[tuple[str, str]]:
    """Return the items of the feed, oldest first: an id, and what to say. There are none while it
    cannot be had."""
    try:
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:
            feed = ElementTree.fromstring(answer.read(FEED_BYTES))
    except (OSError, ElementTree.ParseError) as exc:
        print(f"{url}: {exc}", file=sys.stderr)
        return []
    items = []
    for item in reversed(feed.findall(".//item")):
        title, link = (item.findtext(tag, "").strip() for tag in ("title", "link"))
        key = item.findtext("guid") or link or title
        items.append((hashlib.sha256(key.encode()).hexdigest()[:32], f"{title} {link}".strip()))
    return [item for item in items if item[1]]


class Seen:
    """The ids of the items that were said, in a file with one a line."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ids = set(file.read_text().split()) if file.exists() else set()

    def __contains__(self, id: str) -> bool:
        return id in self._ids

    def add(self, id: str) -> None:
        self._ids.add(id)
        with self._file.open("a") as file:
            file.write(f"{id}\n")


async def run_feed(address: str, room: str, url: str, file: Path, **options: Any) -> None:
    """Look for news until cancelled."""
    seen, session = Seen(file), file.with_suffix(".session")
    bot = open_chat(address, nick="feed", session_file=session, wait_seconds=60, **options)
    async with bot as chat:
        await chat.join(room)
        while True:
            for id, text in await trio.to_thread.run_sync(fetch, url):
                if id not in seen:
                    await chat.say(room, text, id=id)
                    seen.add(id)
            await trio.sleep(POLL_SECONDS)


if __name__ == "__main__":
    trio.run(run_feed, sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
