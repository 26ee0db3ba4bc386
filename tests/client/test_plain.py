"""The client in a pipe: lines in, lines out, and it leaves when all is answered."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import trio

from support_client import FakeServer
from trio_chat.client.link.connection import Connection
from trio_chat.client.state.model import Model
from trio_chat.client.ui.plain import UNANSWERED_LINES, PlainScreen
from trio_chat.events import Bye, Error, Said, Welcome
from trio_chat.requests import Input
from trio_chat.wire.native import decode_event


class Pipes:
    """Both ends of stdin, stdout and stderr."""

    def __init__(self) -> None:
        self.stdin, self.stdin_writer = os.pipe()
        self.stdout_reader, self.stdout = os.pipe()
        self.stderr_reader, self.stderr = os.pipe()

    def write(self, text: str) -> None:
        os.write(self.stdin_writer, text.encode())

    def end(self) -> None:
        os.close(self.stdin_writer)
        self.stdin_writer = -1

    def read(self, fd: int) -> str:
        os.set_blocking(fd, False)
        try:
            return os.read(fd, 1 << 20).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        for fd in vars(self).values():
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.close()


@pytest.fixture
def server(nursery: trio.Nursery) -> FakeServer:
    return FakeServer(nursery)


async def chat(
    server: FakeServer, pipes: Pipes, room: str | None = None, *, is_json: bool = False
) -> Model:
    """The life of a client in a pipe, from connecting to leaving."""
    model = Model("alice", room)
    screen = PlainScreen(
        model, is_json=is_json, stdin=pipes.stdin, stdout=pipes.stdout, stderr=pipes.stderr
    )
    connection = Connection(
        server.dial,
        model,
        address="fake",
        give_up_seconds=1,
        on_effects=screen.on_effects,
        keep_pace=screen.keep_pace,
    )

    async def run_screen() -> None:
        await screen.run(connection)
        connection.leave()

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(screen.serve)
            nursery.start_soon(run_screen)
            await connection.run()
            await screen.flush()
            nursery.cancel_scope.cancel()
    return model


async def test_every_line_is_said_and_events_are_printed(server: FakeServer, pipes: Pipes) -> None:
    pipes.write("hello\nsecond line\nlast without an end")
    pipes.end()
    await chat(server, pipes)
    said = ["hello", "second line", "last without an end"]
    assert server.said() == said
    out = pipes.read(pipes.stdout_reader)
    for text in said:
        assert f"] #lobby <alice> {text}\n" in out
    assert pipes.read(pipes.stderr_reader) == ""


async def test_more_lines_than_may_be_under_way_are_all_said(
    server: FakeServer, pipes: Pipes
) -> None:
    lines = [str(number) for number in range(10 * UNANSWERED_LINES)]
    pipes.write("".join(f"{line}\n" for line in lines))
    pipes.end()
    await chat(server, pipes)
    assert server.said() == lines


async def test_leaves_only_when_all_is_acknowledged(server: FakeServer, pipes: Pipes) -> None:
    server.lost_answers = 1
    pipes.write("hello\n")
    pipes.end()
    model = await chat(server, pipes)
    assert server.said() == ["hello"]
    assert len(model.outgoing) == 0
    assert server.asked(Input)[-1].text == "/quit"


async def test_refused_line_is_told_on_stderr_and_the_rest_is_said(
    server: FakeServer, pipes: Pipes
) -> None:
    server.input_errors = [Error(code="muted", message="you are muted")]
    pipes.write("one\ntwo\n")
    pipes.end()
    await chat(server, pipes)
    assert server.said() == ["two"]
    assert pipes.read(pipes.stderr_reader) == "* error: you are muted\n* not sent: 'one'\n"


async def test_line_longer_than_the_wire_takes_is_refused_and_the_next_said(
    server: FakeServer, pipes: Pipes
) -> None:
    pipes.write("x" * 20_000 + "\nok\n")
    pipes.end()
    await chat(server, pipes)
    assert server.said() == ["ok"]
    assert "* error: a line has more than" in pipes.read(pipes.stderr_reader)


async def test_bytes_that_are_no_text_do_no_harm(server: FakeServer, pipes: Pipes) -> None:
    os.write(pipes.stdin_writer, b"\xff\xfe caf\xc3\xa9\r\n\n   \n")
    pipes.end()
    await chat(server, pipes)
    assert server.said() == ["\ufffd\ufffd café"]


async def test_closed_stdout_ends_it_quietly(server: FakeServer, pipes: Pipes) -> None:
    os.close(pipes.stdout_reader)
    pipes.stdout_reader = -1
    await chat(server, pipes)
    assert pipes.read(pipes.stderr_reader) == ""
    assert server.asked(Input)[-1].text == "/quit"


async def test_slow_reader_of_stdout_loses_nothing(server: FakeServer, pipes: Pipes) -> None:
    server.logs["big"] = []
    for number in range(50):
        server.store("lobby", "bob", f"{number} " + "x" * 1000)
        server.store("big", "bob", f"{number} " + "x" * 1000)
    pipes.write("/join big\n")
    pipes.end()
    out = ""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(chat, server, pipes)
        with trio.fail_after(5):
            while "bye" not in out:
                await trio.testing.wait_all_tasks_blocked(0.01)
                out += pipes.read(pipes.stdout_reader)
    assert out.count(" <bob> ") == 100


async def test_room_that_cannot_be_had_ends_it(server: FakeServer, pipes: Pipes) -> None:
    server.input_errors = [Error(code="banned", message="you are banned")]
    pipes.write("a secret\n")
    model = await chat(server, pipes, room="dev")
    assert model.first_room_refused == "you are banned"
    assert server.said() == []
    assert "* error: you are banned" in pipes.read(pipes.stderr_reader)


async def test_json_is_the_wire_s_own_and_nothing_else(server: FakeServer, pipes: Pipes) -> None:
    server.store("lobby", "bob", "before\u2028you came")
    server.input_errors = [Error(code="muted", message="you are muted")]
    pipes.write("one\ntwo\n")
    pipes.end()
    await chat(server, pipes, is_json=True)
    lines = pipes.read(pipes.stdout_reader).removesuffix("\n").split("\n")
    events = [decode_event(line.encode()) for line in lines]
    assert [e.text for e in events if isinstance(e, Said)] == ["before\u2028you came", "two"]
    assert [e.code for e in events if isinstance(e, Error)] == ["muted"]
    assert isinstance(events[0], Welcome)
    assert isinstance(events[-1], Bye)
    assert pipes.read(pipes.stderr_reader) == "* error: you are muted\n* not sent: 'one'\n"


async def test_json_shows_what_is_said_once_over_a_broken_link(
    server: FakeServer, pipes: Pipes
) -> None:
    server.lost_answers = 1
    pipes.write("hello\n")
    pipes.end()
    await chat(server, pipes, is_json=True)
    assert pipes.read(pipes.stdout_reader).count('"hello"') == 1
