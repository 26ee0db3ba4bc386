"""Counts what the server does for a message, without a clock: Python calls, sends, tasks woken.

The real sessions, a store in memory and the real broadcaster in one process. The links are
stand-ins that count; those behind TLS are real, over loopback (encrypted_peer.py). The same code
gives the same figures on every machine, fast or slow, so a regression shows that a measured time
would hide. Knows no limits: see guard.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import trio
import trio.testing

import encrypted_peer
from encrypted_peer import EncryptedPeer, make_terms
from report import table
from trio_chat.config import load_config
from trio_chat.server.net.links import Taker
from trio_chat.server.net.readiness import Readiness
from trio_chat.server.parts import Parts, put_together
from trio_chat.store.opening import open_store

TEXT = "what somebody says in a room, some sixty characters of it ..."
SETTINGS = ("store.memory=true", "limits.flood=false", "rooms.auto_join=", "log.level=error")
_OUR_OWN = (globals(), vars(encrypted_peer))
HEADS = ("talk", "messages", "calls/message", "sends/delivery", "tasks woken/message")


@dataclass(frozen=True, slots=True)
class Talk:
    """A scripted talk.

    In each of *rounds*, *talkers* of each room write *burst* messages, all of a talker in one
    chunk; the next round begins when the server has come to rest.
    """

    name: str
    rooms: int
    members: int
    talkers: int
    burst: int
    rounds: int
    tls: bool = False

    @property
    def messages(self) -> int:
        return self.rooms * self.talkers * self.burst * self.rounds

    @property
    def deliveries(self) -> int:
        return self.messages * self.members


@dataclass(frozen=True, slots=True)
class Counts:
    """What one talk took. A call is one of Python code or of a C function, a resumed coroutine
    included; a send goes to one link; a step is one turn of one task."""

    talk: Talk
    calls: int
    sends: int
    steps: int

    @property
    def calls_per_message(self) -> float:
        return self.calls / self.talk.messages

    @property
    def sends_per_delivery(self) -> float:
        return self.sends / self.talk.deliveries

    @property
    def steps_per_message(self) -> float:
        return self.steps / self.talk.messages


TALKS: dict[str, Talk] = {
    talk.name: talk
    for talk in (
        Talk("quiet", rooms=1, members=401, talkers=1, burst=1, rounds=50),
        Talk("busy", rooms=1, members=101, talkers=1, burst=64, rounds=10),
        Talk("all-talk", rooms=10, members=20, talkers=20, burst=1, rounds=5),
        Talk("quiet-tls", rooms=1, members=101, talkers=1, burst=1, rounds=20, tls=True),
        Talk("busy-tls", rooms=1, members=101, talkers=1, burst=64, rounds=5, tls=True),
    )
}


class CountedLink:
    """A peer and its link, whose socket takes everything at once. *sends* counts what was sent."""

    peer = "unix"  # local: no limit per address

    def __init__(self) -> None:
        self.link = self
        self._say, self._said = trio.open_memory_channel[bytes](4)
        self._taker: Taker | None = None
        self.sends = 0

    def say(self, chunk: bytes) -> None:
        """As `links.WatchedLink` does: the task is woken for what its session cannot take."""
        is_waiting = self._said.statistics().tasks_waiting_receive
        if not is_waiting or self._taker is None:
            self._say.send_nowait(chunk)
        elif not self._taker.take(chunk):
            self._say.send_nowait(b"")

    def encrypted(self, chunk: bytes) -> bytes:
        return chunk

    def discard(self) -> None:
        pass

    async def receive(self, taker: Taker) -> bool:
        self._taker = taker
        while chunk := await self._said.receive():
            if not taker.take(chunk):
                break
        return True

    def send(self, data: bytes | memoryview) -> int:
        self.sends += 1
        return len(data)

    async def send_some(self, data: bytes | memoryview) -> int:
        await trio.lowlevel.checkpoint()
        return self.send(data)

    async def end(self) -> None:
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        self._say.close()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class Steps(trio.abc.Instrument):
    """Counts turns of tasks."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += 1


class Calls:
    """Counts calls of Python code and of C functions, but for those of this script's own; and of
    them the *encrypted_sends*."""

    def __init__(self) -> None:
        self.count = 0
        self.encrypted_sends = 0

    def see(self, frame: FrameType, event: str, function: object) -> None:
        if event in ("call", "c_call") and frame.f_globals not in _OUR_OWN:
            self.count += 1
            if getattr(function, "__qualname__", "") == "_SSLSocket.write":
                self.encrypted_sends += 1


@contextmanager
def counted_calls() -> Iterator[Calls]:
    calls = Calls()
    sys.setprofile(calls.see)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@contextmanager
def counted_steps() -> Iterator[Steps]:
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        yield steps
    finally:
        trio.lowlevel.remove_instrument(steps)


def _join(number: int, room: int) -> bytes:
    hello = b'{"type":"hello","protocol":1,"nick":"n%d"}\n' % number
    return hello + b'{"type":"input","id":"j","text":"/join r%d"}\n' % room


def _chunk(talk: Talk, room: int, round_number: int) -> bytes:
    line = b'{"type":"input","id":"%d-%d","room":"r%d","text":"%s"}\n'
    return b"".join(line % (round_number, n, room, TEXT.encode()) for n in range(talk.burst))


class Stage:
    """Everybody of a talk, joined, with the real server between them."""

    def __init__(self, talk: Talk, parts: Parts, readiness: Readiness) -> None:
        self._talk = talk
        self._parts = parts
        self._readiness = readiness
        self._peers: list[CountedLink | EncryptedPeer] = []
        self._rounds: list[list[tuple[CountedLink | EncryptedPeer, bytes]]] = []

    async def fill(self) -> None:
        terms = make_terms() if self._talk.tls else None
        for number in range(self._talk.rooms * self._talk.members):
            peer = CountedLink() if terms is None else EncryptedPeer(self._readiness, terms)
            self._parts.hub.start_soon(self._parts.admission.admit(peer.link).run)
            if isinstance(peer, EncryptedPeer):
                await peer.shake_hands()
            self._peers.append(peer)
            peer.say(peer.encrypted(_join(number, number // self._talk.members)))
            await trio.testing.wait_all_tasks_blocked()
        # Twice, and a round before that: what happens only once does not count.
        self._rounds = [self._script(number) for number in range(2 * self._talk.rounds + 1)]

    def _script(self, round_number: int) -> list[tuple[CountedLink | EncryptedPeer, bytes]]:
        """Who says what in one round."""
        script = []
        for number, peer in enumerate(self._peers):
            room, place = divmod(number, self._talk.members)
            if place < self._talk.talkers:
                script.append((peer, peer.encrypted(_chunk(self._talk, room, round_number))))
        return script

    async def _play(self, rounds: int) -> None:
        for _ in range(rounds):
            for peer, data in self._rounds.pop(0):
                peer.say(data)
            await trio.testing.wait_all_tasks_blocked()
            for peer in self._peers:
                peer.discard()

    def _sends(self) -> int:
        return sum(peer.sends for peer in self._peers if isinstance(peer, CountedLink))

    async def count(self) -> Counts:
        """Play the talk twice, since each of two counters would count the other."""
        await self._play(1)
        before = self._sends()
        with counted_calls() as calls:
            await self._play(self._talk.rounds)
        sends = self._sends() - before
        with counted_steps() as steps:
            await self._play(self._talk.rounds)
        # A send is one call, as that of a socket is.
        return Counts(self._talk, calls.count + sends, sends + calls.encrypted_sends, steps.count)

    def close(self) -> None:
        for peer in self._peers:
            if isinstance(peer, EncryptedPeer):
                peer.close()


async def _count(talk: Talk) -> Counts:
    config = load_config(None, environment={}, assignments=SETTINGS)
    readiness = Readiness()
    async with (
        trio.open_nursery() as services,
        open_store(config) as store,
        trio.open_nursery() as sessions,
    ):
        parts = put_together(config, store, sessions.start_soon)
        services.start_soon(parts.broadcaster.run)
        services.start_soon(parts.hub.deadlines.run)
        services.start_soon(readiness.run)
        stage = Stage(talk, parts, readiness)
        await stage.fill()
        counts = await stage.count()
        stage.close()
        sessions.cancel_scope.cancel()
        services.cancel_scope.cancel()
    return counts


def count(talk: Talk) -> Counts:
    """Play *talk* and return what it took. Time stands still: nothing is due in between."""
    return trio.run(_count, talk, clock=trio.testing.MockClock())


def row(counts: Counts) -> list[str]:
    return [
        counts.talk.name,
        str(counts.talk.messages),
        f"{counts.calls_per_message:.1f}",
        f"{counts.sends_per_delivery:.4f}",
        f"{counts.steps_per_message:.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--talk", action="append", choices=list(TALKS), help="repeatable")
    arguments = parser.parse_args()
    print(table(HEADS, [row(count(TALKS[name])) for name in arguments.talk or TALKS]))


if __name__ == "__main__":
    main()
