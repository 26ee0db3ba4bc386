"""Tries, for every command and every text field on both wires, arguments of every awkward shape,
and tells which request takes more than 20 ms of the loop, or leaves memory behind.

The server runs in this process, over real sockets. What a request costs is the processor time of
the longest step of any task until it is answered, so that other programs of the machine do not
count; a request that takes too long is tried again, and the least of three counts.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import trio

from trio_chat.chat.roles import Role
from trio_chat.commands import default_table
from trio_chat.config import load_config
from trio_chat.server.serve import Started, serve_chat

STEP_MS = 20.0
TRIES = 3
LINE_BYTES = 16_000
ANSWER_SECONDS = 30.0
PASSWORD = "correct-horse"
# What ends the server, the session or the measuring, or copies to a disk.
LEFT_OUT = frozenset({"quit", "shutdown", "erase", "logout", "backup", "reload", "config"})
# Repetitions before memory is looked at, and between the two looks.
WARM, REPEATED = 60, 120
KEPT_BYTES = 1024.0  # for each repetition: less than one message in the log

SHAPES = {
    "marks": "a" + "\u0344" * 3900 + "\u0323" * 4200,
    "joiners": "a\u200d" * 4000,
    "letters": "a" * 15_000,
    "expanding": "\ufdfa" * 5000,
    "jamo": "\u1100\u1161\u11a8" * 1700,
    "wide": "\uff41" * 5000,
    "emoji": "\U0001f468\u200d\U0001f469\u200d" * 1100,
    "prefixes": "..t* .,t* " * 1400,
    "globs": "*a" * 7000 + "*",
    "question marks": "?*" * 7000,
    "masks": "nick:" + "*a?" * 5000,
    "networks": "10.0.0.0/8," * 1400,
    "brackets": "[" * 15_000,
    "backticks": "`a`*b*_c_~" * 1500,
    "quotes": '"a ' * 5000,
    "digits": "9" * 15_000,
    "number": "#" + "9" * 10_000,
    "durations": "1d " * 5000,
    "exponent": "1e" + "9" * 300,
    "commas": "," * 15_000,
    "words": "a " * 7000,
    "different words": " ".join(f"w{n}" for n in range(2200)),
    "conditions": "from:a before:1d after:2d room:lobby " * 400,
    "ats": "@bob " * 3000,
    "lines": "a\n" * 7000,
    "blanks": " " * 15_000,
    "slashes": "/" * 15_000,
    "escapes": "\x1b[31m" * 3000,
    "overrides": "\u202e\u2066" * 2500,
    "backslashes": "\\" * 7000,
}
FIELDS: dict[str, dict[str, Any]] = {
    "hello": {"nick": "", "client": "", "account": "", "password": "", "token": "", "id": ""},
    "input": {"room": "", "text": "", "id": ""},
    "page": {"room": "", "id": ""},
    "read": {"room": "", "id": ""},
    "ping": {"id": ""},
}


class Case(NamedTuple):
    """*native*: on the native wire, as the bytes of a line; else on the plain one."""

    name: str
    native: bool
    line: bytes


class Steps(trio.abc.Instrument):
    """Notes the longest step of any task, in processor time."""

    def __init__(self) -> None:
        self.longest_seconds = self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.longest_seconds = max(self.longest_seconds, time.thread_time() - self._began)


class Asker:
    """A peer that asks, and comes again when it was sent away."""

    def __init__(self, port: int, *, native: bool) -> None:
        self._port = port
        self._native = native
        self._stream: trio.SocketStream | None = None
        self._number = 0

    async def ask(self, line: bytes) -> None:
        """Send *line*; return when it, and a question after it, were answered."""
        for _ in range(TRIES):
            try:
                stream = self._stream or await self._come()
                await self._until_answered(stream, line)
                return
            except (EOFError, trio.BrokenResourceError):
                self._stream = None

    async def _come(self) -> trio.SocketStream:
        self._stream = stream = await trio.open_tcp_stream("127.0.0.1", self._port)
        if self._native:
            hello = {"type": "hello", "protocol": 1, "nick": "ada", "account": "ada"}
            await self._until_answered(stream, encoded(**hello, password=PASSWORD))
        else:
            await self._until_answered(stream, f"/login ada {PASSWORD}".encode())
        return stream

    async def _until_answered(self, stream: trio.SocketStream, line: bytes) -> None:
        self._number += 1
        mark = f"mark{self._number}"
        question = encoded(type="ping", id=mark) if self._native else f"/{mark}".encode()
        await stream.send_all(line + b"\n" + question + b"\n")
        seen = b""
        with trio.fail_after(ANSWER_SECONDS):
            while mark.encode() not in seen:
                chunk = await stream.receive_some(65_536)
                if not chunk:
                    raise EOFError
                seen = seen[-100:] + chunk


def encoded(**request: Any) -> bytes:
    return json.dumps(request, ensure_ascii=False).encode(errors="surrogatepass")


def cut(text: str, room_bytes: int = LINE_BYTES) -> str:
    """*text*, shortened until it fits in a line, its quotes escaped."""
    while len(json.dumps(text, ensure_ascii=False).encode()) > room_bytes:
        text = text[: len(text) * 9 // 10]
    return text


# --- what is tried


def cases() -> Iterator[Case]:
    for name, shape in SHAPES.items():
        text = cut(shape)
        for command in default_table().for_role(Role.OWNER):
            if command.name not in LEFT_OUT:
                yield from of_command(command.name, name, text)
        for type, fields in FIELDS.items():
            for field in fields:
                yield of_field(type, field, name, text)
        yield Case(f"plain line, {name}", native=False, line=one_line(text))
        yield Case(f"native line, {name}", native=True, line=one_line(text))


def of_command(command: str, shape: str, text: str) -> Iterator[Case]:
    for before in ("", "bob ", "bob 1d "):
        typed = cut(f"/{command} {before}{text}")
        label = f"/{command} {before}<{shape}>"
        request = encoded(type="input", room="lobby", text=typed)
        yield Case(f"{label}, native", native=True, line=request)
        yield Case(f"{label}, plain", native=False, line=one_line(typed))


def of_field(type: str, field: str, shape: str, text: str) -> Case:
    good = {"protocol": 1, "nick": "eve", "room": "lobby", "text": "hi", "seq": 1}
    wanted = {"hello": ("protocol", "nick"), "input": ("text",), "page": ("room",)}
    request = {key: good[key] for key in wanted.get(type, ("room", "seq"))}
    return Case(
        f"{type}.{field} <{shape}>",
        native=True,
        line=encoded(**{"type": type, **request, field: text}),
    )


def one_line(text: str) -> bytes:
    return text.replace("\n", " ").encode(errors="replace")[:LINE_BYTES]


# --- measuring


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    """A server on a free port, whose owner is called ada. Yields the port."""
    config = load_config(
        environment={},
        assignments=[
            "store.memory=true",
            "store.memory_events=200",
            "server.listen=['127.0.0.1:0']",
            "limits.flood=false",
            "limits.bad_lines=1000000",
            "accounts.login_attempts=1000",
            "timeouts.linger_seconds=0.01",
            "log.level=error",
        ],
    )
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        started: Started = await nursery.start(partial(serve_chat, config, stop=stop))
        port = int(started.addresses[0].rpartition(":")[2])
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        for line in (
            encoded(type="hello", protocol=1, nick="ada"),
            encoded(type="input", room="lobby", text=f"/register {PASSWORD}"),
            encoded(type="input", room="lobby", text=f"/claim {started.owner_code}"),
            encoded(type="ping", id="ready"),
        ):
            await stream.send_all(line + b"\n")
        seen = b""
        while b'"ready"' not in seen:
            seen += await stream.receive_some(65_536)
        await stream.aclose()
        assert b"owner" in seen.lower()
        yield port
        stop.set()


async def slow_ones(chosen: list[Case]) -> list[str]:
    """Return a line for each case that takes more than STEP_MS of the loop."""
    found, worst = [], (0.0, "")
    steps = Steps()
    async with serving() as port:
        askers = {native: Asker(port, native=native) for native in (True, False)}
        for asker in askers.values():
            await asker.ask(encoded(type="ping"))
        trio.lowlevel.add_instrument(steps)
        try:
            for case in chosen:
                took_ms = await least_ms(askers[case.native], case, steps)
                worst = max(worst, (took_ms, case.name))
                if took_ms > STEP_MS:
                    found.append(f"{took_ms:.0f} ms: {case.name}")
        finally:
            trio.lowlevel.remove_instrument(steps)
    print(f"{len(chosen)} requests; the longest step took {worst[0]:.1f} ms: {worst[1]}")
    return found


async def least_ms(asker: Asker, case: Case, steps: Steps) -> float:
    """Return the longest step while *case* was answered: the least of some tries."""
    least = float("inf")
    for _ in range(TRIES):
        steps.longest_seconds = 0.0
        await asker.ask(case.line)
        least = min(least, steps.longest_seconds * 1000)
        if least <= STEP_MS:
            break
    return least


async def growing_ones(chosen: list[Case]) -> list[str]:
    """Return a line for each case after which memory is not given back."""
    found = []
    async with serving() as port:
        for case in chosen:
            asker = Asker(port, native=case.native)
            for _ in range(WARM):
                await asker.ask(case.line)
            before = held_bytes()
            for _ in range(REPEATED):
                await asker.ask(case.line)
            kept = (held_bytes() - before) / REPEATED
            if kept > KEPT_BYTES:
                found.append(f"{kept:.0f} bytes stay: {case.name}")
    print(f"{len(chosen)} requests, each {WARM + REPEATED} times, for the memory that stays")
    return found


def held_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=0, help="so many by chance; 0: all")
    parser.add_argument("--memory", type=int, default=30, help="so many of them for memory")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    every = list(cases())
    chosen = chance.sample(every, arguments.requests) if arguments.requests else every
    found = trio.run(slow_ones, chosen)
    if arguments.memory:
        tracemalloc.start()
        found += trio.run(growing_ones, chance.sample(every, arguments.memory))
    print("\n".join(found) or "no request takes too long, or leaves memory behind")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
