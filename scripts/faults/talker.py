"""A talker for kill.py, written from docs/protocol.md alone: it shares no code with the project.

It keeps a window of inputs in flight, comes back when its link is cut, resumes, and sends again
what was not answered. What it sees goes to a `Journal` that all talkers share.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import trio

Message: TypeAlias = dict[str, Any]

ROOM = "crash"
WINDOW = 32
RECONNECT_SECONDS = 0.05
RECEIVE_BYTES = 65_536
# A server that says nothing for so long, while 20 talk, is as good as gone.
SILENCE_SECONDS = 20.0


class LinkLost(Exception):
    """The server is gone, for now."""


@dataclass(slots=True)
class Journal:
    """What the room's log holds, as far as anybody was shown: seq -> (nick, text).

    *problems* is what must never happen, in words; the other numbers are for the report.
    """

    events: dict[int, tuple[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    sent: int = 0
    resent: int = 0
    links: int = 0
    resumed: int = 0

    @property
    def head(self) -> int:
        return len(self.events)

    def see(self, seq: int, nick: str, text: str, seer: str) -> None:
        first = self.events.setdefault(seq, (nick, text))
        if first != (nick, text):
            self.problems.append(f"{seer} sees {nick}: {text} as seq {seq}, another saw {first}")


class Link:
    """JSON lines over one TCP connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._rest = b""

    async def receive(self) -> list[Message]:
        """Return the messages of the next chunk, perhaps none.

        Raises:
            LinkLost: the server closed, or said nothing for SILENCE_SECONDS.
        """
        chunk = b""
        try:
            with trio.move_on_after(SILENCE_SECONDS):
                chunk = await self._stream.receive_some(RECEIVE_BYTES)
        except trio.BrokenResourceError as exc:
            raise LinkLost from exc
        if not chunk:
            raise LinkLost
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    async def send(self, requests: Iterable[Message]) -> None:
        data = b"".join(json.dumps(request).encode() + b"\n" for request in requests)
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError as exc:
            raise LinkLost from exc


class Talker:
    """One nick that talks at full speed.

    Attributes:
        waiting: inputs without an answer, id -> text, in the order they were sent.
        acknowledged: answered inputs, text -> seq.
        last_seq: everything up to here has been seen, in order.
        joined: set once it is in the room for the first time.
        talking: no new inputs once it is False.
    """

    def __init__(self, nick: str, port: int, journal: Journal) -> None:
        self.nick = nick
        self.waiting: dict[str, str] = {}
        self.acknowledged: dict[str, int] = {}
        self.last_seq = 0
        self.joined = trio.Event()
        self.talking = True
        self._port = port
        self._journal = journal
        self._token = ""
        self._number = 0
        self._answered: dict[str, Message] = {}

    async def run(self, start: trio.Event) -> None:
        """Talk from *start* on, until cancelled, over as many links as it takes."""
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", self._port)
                async with stream:
                    await self._live(Link(stream), start)
            except (OSError, LinkLost):
                await trio.sleep(RECONNECT_SECONDS)

    async def _live(self, link: Link, start: trio.Event) -> None:
        self._journal.links += 1
        await self._hello(link)
        if not self.joined.is_set():
            await self._ask(link, {"type": "input", "id": "join", "text": f"/join {ROOM}"})
            self.joined.set()
        self._journal.resent += len(self.waiting)
        await link.send(_input(id, text) for id, text in self.waiting.items())
        await self._wait(link, start)
        while True:
            await link.send(_input(id, text) for id, text in self._more())
            self._take(await link.receive())

    async def _hello(self, link: Link) -> None:
        hello: Message = {"type": "hello", "protocol": 1, "nick": self.nick, "id": "hello"}
        if self._token:
            hello["resume"] = {"session": self._token, "rooms": {ROOM: self.last_seq}}
        await self._ask(link, hello)

    async def _ask(self, link: Link, request: Message) -> None:
        """Send *request* and take what comes up to its answer; a refusal ends the link."""
        self._answered.pop(request["id"], None)
        await link.send([request])
        while request["id"] not in self._answered:
            self._take(await link.receive())
        answer = self._answered[request["id"]]
        if answer["type"] == "error":
            await trio.sleep(answer.get("retry_after") or 0)
            raise LinkLost

    async def _wait(self, link: Link, start: trio.Event) -> None:
        """Before the start: see the others join."""
        if start.is_set():
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._take_until_cancelled, link)
            await start.wait()
            nursery.cancel_scope.cancel()

    async def _take_until_cancelled(self, link: Link) -> None:
        while True:
            self._take(await link.receive())

    def _more(self) -> list[tuple[str, str]]:
        """Fill the window again; return what is new in it."""
        fresh: list[tuple[str, str]] = []
        while self.talking and len(self.waiting) < WINDOW:
            self._number += 1
            fresh.append((f"i{self._number}", f"{self.nick} {self._number}"))
            self.waiting.update(fresh[-1:])
        self._journal.sent += len(fresh)
        return fresh

    # --- what the server says

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            match message["type"]:
                case "said":
                    self._see(message)
                case "backlog":
                    for event in message["events"]:
                        self._see(event)
                case "done":
                    self._done(message)
                case "error":
                    self._error(message)
                case "welcome":
                    self._welcome(message)
                case "gap":
                    self._wrong(f"a gap from {message['from']} to {message['to']}")

    def _see(self, event: Message) -> None:
        seq = event["seq"]
        if seq <= self.last_seq:
            self._wrong(f"seq {seq} again, after {self.last_seq}")
        elif seq != self.last_seq + 1:
            self._wrong(f"seq {seq} straight after {self.last_seq}")
        self.last_seq = max(seq, self.last_seq)
        self._journal.see(seq, event["from"], event["text"], self.nick)

    def _done(self, message: Message) -> None:
        text = self.waiting.pop(message["id"], None)
        if text is None:
            self._answered[message["id"]] = message
        else:
            self.acknowledged[text] = message["seq"]

    def _error(self, message: Message) -> None:
        if message.get("id") not in ("hello", "join"):
            self._wrong(f"the error {message}")
        else:
            self._answered[message["id"]] = message

    def _welcome(self, message: Message) -> None:
        if self._token and not message["resumed"]:
            self._wrong("its session was forgotten")
        self._journal.resumed += message["resumed"]
        self._token = message["session"]

    def _wrong(self, what: str) -> None:
        self._journal.problems.append(f"{self.nick}: {what}")


def _input(id: str, text: str) -> Message:
    return {"type": "input", "id": id, "room": ROOM, "text": text}
