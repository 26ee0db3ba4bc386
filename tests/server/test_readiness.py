"""Which sockets have something to read, and who is given it: the session at once, or its task."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_chat.server.net.links import RECEIVE_BYTES, WatchedLink

if not hasattr(select, "epoll"):
    pytest.skip("Linux only", allow_module_level=True)

from trio_chat.server.net.readiness import Readiness


@dataclass
class Session:
    """Takes lines of talk, leaves commands to its task, and has a bug."""

    link: WatchedLink
    taken: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    kept: bytes = b""
    error: Exception | None = None

    def take(self, chunk: bytes) -> bool:
        if b"bug" in chunk:
            raise RuntimeError("a bug")
        before, slash, rest = chunk.partition(b"/")
        self.taken.append(before)
        self.kept = slash + rest
        return not slash

    async def run(self) -> None:
        try:
            while await self.link.receive(self):
                self.received.append(self.kept)
        except (RuntimeError, OSError) as exc:
            self.error = exc
        self.received.append(b"end")


def connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        return listener.accept()[0], theirs


@contextmanager
def linked(readiness: Readiness) -> Iterator[tuple[Session, socket.socket]]:
    ours, theirs = connected()
    with theirs:
        yield Session(WatchedLink(ours, "unix", readiness)), theirs


async def begin(nursery: trio.Nursery, readiness: Readiness, session: Session) -> None:
    nursery.start_soon(readiness.run)
    nursery.start_soon(session.run)
    await wait_all_tasks_blocked()


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Session, socket.socket]]:
    """A session whose task waits for what its peer says."""
    readiness = Readiness()
    with linked(readiness) as (session, peer):
        async with trio.open_nursery() as nursery:
            await begin(nursery, readiness, session)
            yield session, peer
            nursery.cancel_scope.cancel()
        await session.link.aclose()


async def test_link_is_closed_although_the_watch_has_ended_before_it() -> None:
    readiness = Readiness()
    with linked(readiness) as (session, peer):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(readiness.run)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await session.link.aclose()
        assert peer.recv(1) == b""


async def test_a_session_takes_what_it_can_and_its_task_gets_the_rest() -> None:
    async with running() as (session, peer):
        for said in (b"one", b"two", b"three/four"):
            peer.send(said)
            await wait_all_tasks_blocked()
        assert session.taken == [b"one", b"two", b"three"]
        assert session.received == [b"/four"]
        peer.send(b"five")
        await wait_all_tasks_blocked()
        assert session.taken[-1] == b"five"


async def test_a_bug_in_taking_is_raised_where_the_session_receives() -> None:
    async with running() as (session, peer), running() as (other, its_peer):
        peer.send(b"bug")
        await wait_all_tasks_blocked()
        assert isinstance(session.error, RuntimeError)
        its_peer.send(b"still here")
        await wait_all_tasks_blocked()
        assert other.taken == [b"still here"]


async def test_the_last_words_of_a_peer_are_received_before_the_end() -> None:
    async with running() as (session, peer):
        peer.send(b"last words")
        peer.close()
        await wait_all_tasks_blocked()
        assert b"".join(session.taken + session.received) == b"last wordsend"
        assert session.error is None


async def test_a_peer_that_says_much_at_once_is_read_to_the_end() -> None:
    async with running() as (session, peer):
        said = b"x" * (3 * RECEIVE_BYTES + 1)
        assert peer.send(said) == len(said)
        await wait_all_tasks_blocked()
        assert b"".join(session.received + session.taken) == said
        peer.send(b"more")
        await wait_all_tasks_blocked()
        assert session.taken[-1] == b"more"


async def test_a_reset_is_raised_where_the_session_receives() -> None:
    async with running() as (session, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        await wait_all_tasks_blocked()
        assert isinstance(session.error, ConnectionResetError)


@asynccontextmanager
async def crowd(size: int) -> AsyncIterator[list[tuple[Session, socket.socket]]]:
    """So many sessions whose tasks wait for what their peers say."""
    readiness = Readiness()
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        nursery.start_soon(readiness.run)  # noqa: ASYNC113
        many = [stack.enter_context(linked(readiness)) for _ in range(size)]
        for session, _ in many:
            stack.push_async_callback(session.link.aclose)
            nursery.start_soon(session.run)  # noqa: ASYNC113
        await wait_all_tasks_blocked()
        yield many
        nursery.cancel_scope.cancel()


async def turns_until(is_so: Callable[[], bool]) -> None:
    """Wait turn by turn, and not until nothing more happens."""
    for _ in range(10_000):
        if is_so():
            return
        await trio.lowlevel.checkpoint()
    pytest.fail("it has not come to that")


async def test_when_many_are_to_be_woken_at_once_others_get_their_turns_in_between() -> None:
    async with crowd(200) as many:
        for _, peer in many:
            peer.send(b"/join")
        turns = set()
        while (received := sum(len(session.received) for session, _ in many)) < len(many):
            turns.add(received)
            await trio.lowlevel.checkpoint()
        assert len(turns) >= 3


async def test_talk_does_not_wait_for_the_many_who_are_to_be_woken() -> None:
    async with crowd(200) as many:
        *joining, (talker, its_peer) = many
        for _, peer in joining:
            peer.send(b"/join")
        its_peer.send(b"hello")
        await turns_until(lambda: bool(talker.taken))
        assert sum(len(session.received) for session, _ in joining) < len(joining) / 2
        await wait_all_tasks_blocked()
        assert all(session.received == [b"/join"] for session, _ in joining)


async def test_who_is_cancelled_while_it_is_to_be_woken_is_not_woken_again() -> None:
    async with crowd(100) as many:
        for _, peer in many:
            peer.send(b"/join")
        await turns_until(lambda: any(session.received for session, _ in many))
    assert not all(session.received for session, _ in many)
