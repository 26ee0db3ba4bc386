"""Exactly once and without gaps, whatever happens to the link and to the server.

Each test talks to a small server over memory streams; time jumps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from support_client import FakeServer
from trio_chat.client.link.connection import Connection
from trio_chat.client.link.failures import Refused, Unreachable
from trio_chat.client.state.effects import Bell, Effect, Show
from trio_chat.client.state.model import Model
from trio_chat.events import Bye, Error, Gap, Notice, Said
from trio_chat.requests import Hello, Input, Page, Ping


class Client:
    """A client without a screen: it notes what would be shown."""

    def __init__(self, server: FakeServer, nick: str = "alice", **options: Any) -> None:
        self.model = Model(nick, options.pop("room", None))
        self.shown: list[Show] = []
        self.bells = 0
        self.waits: list[float] = []
        self.ended_with: BaseException | None = None
        self.has_ended = trio.Event()
        self.server = server
        self._changed = trio.Event()
        self.connection = Connection(
            server.dial,
            self.model,
            address="fake",
            give_up_seconds=options.pop("give_up_seconds", float("inf")),
            on_effects=self.on_effects,
            on_status=self._on_status,
            jitter=lambda: 0.5,
        )

    def on_effects(self, effects: Sequence[Effect]) -> None:
        self.shown += [effect for effect in effects if isinstance(effect, Show)]
        self.bells += sum(isinstance(effect, Bell) for effect in effects)
        self._wake()

    def _on_status(self) -> None:
        status = self.connection.status
        if status.state == "offline":
            self.waits.append(status.retry_at - trio.current_time())
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def run(self) -> None:
        try:
            await self.connection.run()
        except (Refused, Unreachable) as exc:
            self.ended_with = exc
        self.has_ended.set()

    async def wait_until(self, is_so: Any) -> None:
        with trio.fail_after(500):
            while not is_so():
                await self._changed.wait()

    async def wait_ended(self) -> None:
        with trio.fail_after(500):
            await self.has_ended.wait()

    async def wait_online(self) -> None:
        await self.wait_until(lambda: self.connection.status.state == "online")

    async def wait_acknowledged(self) -> None:
        await self.wait_until(lambda: not len(self.model.outgoing) and self.model.rooms.is_online)

    def heard(self, room: str = "lobby") -> list[str]:
        events = [show.event for show in self.shown]
        return [event.text for event in events if isinstance(event, Said) and event.room == room]

    def errors(self) -> list[Show]:
        return [show for show in self.shown if isinstance(show.event, Error)]


@pytest.fixture
def server(nursery: trio.Nursery) -> FakeServer:
    return FakeServer(nursery)


@pytest.fixture
async def client(server: FakeServer, nursery: trio.Nursery) -> AsyncIterator[Client]:
    client = Client(server)
    nursery.start_soon(client.run)
    await client.wait_online()
    yield client
    nursery.cancel_scope.cancel()


# --- the link is cut


async def test_line_whose_acknowledgement_got_lost_is_said_once(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.lost_answers = 1
    client.connection.typed("hello")
    await client.wait_acknowledged()
    assert server.said() == ["hello"]
    assert client.heard() == ["hello"]
    first, second = server.asked(Input)
    assert first.id == second.id


async def test_line_that_did_not_arrive_is_said_once(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.lost_inputs = 1
    client.connection.typed("hello")
    await client.wait_acknowledged()
    assert server.said() == ["hello"]


@pytest.mark.parametrize("lost", ["lost_inputs", "lost_answers"])
async def test_many_lines_over_breaking_links_are_said_once_in_order(
    client: Client, server: FakeServer, lost: str, autojump_clock: MockClock
) -> None:
    lines = [f"line {number}" for number in range(300)]
    for start in range(0, 300, 50):
        setattr(server, lost, 3)
        for line in lines[start : start + 50]:
            client.connection.typed(line)
        await client.wait_acknowledged()
    assert server.said() == lines
    assert client.heard() == lines


async def test_line_typed_while_offline_is_said_after_the_reconnect(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.is_down = True
    await server.cut()
    await client.wait_until(lambda: client.connection.status.state == "offline")
    client.connection.typed("one")
    client.connection.typed("two")
    await trio.sleep(40)
    server.is_down = False
    await client.wait_acknowledged()
    assert server.said() == ["one", "two"]


async def test_what_was_said_while_offline_is_shown_once_in_order(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("1")
    await server.cut()
    for number in range(2, 400):
        server.store("lobby", "bob", str(number))
    await client.wait_until(lambda: client.connection.status.state == "connecting")
    await client.wait_online()
    await server.say("400")
    await client.wait_until(lambda: "400" in client.heard())
    assert client.heard() == [str(number) for number in range(1, 401)]
    assert server.asked(Hello)[-1].resume.rooms == {"lobby": 1}


# --- the resume is refused: a fresh session


async def test_refused_resume_leaves_no_gap(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("1")
    server.resumes = False
    await server.cut()
    for number in range(2, 400):
        server.store("lobby", "bob", str(number))
    await client.wait_until(lambda: "399" in client.heard())
    assert client.heard() == [str(number) for number in range(1, 400)]
    assert {page.after for page in server.asked(Page)} == {1, 101, 201, 301}


async def test_stored_line_is_found_in_the_history_when_the_session_is_gone(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.lost_answers = 1
    server.resumes = False
    client.connection.typed("hello")
    await client.wait_acknowledged()
    assert server.said() == ["hello"]
    assert client.heard() == ["hello"]
    assert len(server.asked(Input)) == 1


async def test_stored_line_is_found_behind_more_than_one_page(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("before")
    server.lost_answers = 1
    server.resumes = False
    server.is_down = True
    client.connection.typed("hello")
    await client.wait_until(lambda: client.connection.status.state == "offline")
    for number in range(250):
        server.store("lobby", "bob", str(number))
    server.is_down = False
    await client.wait_until(lambda: client.heard() == server.said())
    await client.wait_acknowledged()
    assert server.said().count("hello") == 1


async def test_line_that_is_not_in_the_history_is_said_again(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("hello", nick="bob")
    server.lost_inputs = 1
    server.resumes = False
    client.connection.typed("hello")
    await client.wait_acknowledged()
    assert server.said() == ["hello", "hello"]


async def test_command_of_a_session_that_is_gone_is_not_repeated_but_reported(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.lost_answers = 1
    server.resumes = False
    client.connection.typed("/msg bob a secret")
    client.connection.typed("next")
    await client.wait_acknowledged()
    assert [show.refused for show in client.errors()] == ["/msg bob a secret"]
    assert server.said() == ["next"]


async def test_rooms_are_entered_again_when_the_session_is_gone(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    client.connection.typed("/join dev")
    await client.wait_acknowledged()
    client.connection.typed("one")
    await client.wait_acknowledged()
    server.resumes = False
    await server.cut()
    server.store("dev", "bob", "two")
    client.connection.typed("three")
    await client.wait_until(lambda: "three" in client.heard("dev"))
    assert client.heard("dev") == ["one", "two", "three"]
    assert client.model.rooms.current is client.model.rooms.room("dev")


async def test_server_that_lost_its_log_is_listened_to_from_its_beginning(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    for number in range(5):
        await server.say(f"old {number}")
    server.resumes = False
    server.sessions.clear()
    server.logs = {"lobby": []}
    server.store("other", "bob", "so that the time differs")
    await server.cut()
    await client.wait_until(lambda: client.connection.status.state == "connecting")
    await client.wait_online()
    for number in range(5):
        await server.say(f"new {number}")
    await client.wait_until(lambda: "new 4" in client.heard())
    assert client.heard()[5:] == [f"new {number}" for number in range(5)]


# --- holes in what is said live


async def test_missing_event_is_fetched_before_the_next_is_shown(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("1")
    server.store("lobby", "bob", "2")
    await server.say("3")
    await client.wait_until(lambda: "3" in client.heard())
    assert client.heard() == ["1", "2", "3"]


async def test_repeated_event_is_shown_once(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("1")
    await server.tell(server.logs["lobby"][0])
    await server.say("2")
    await client.wait_until(lambda: "2" in client.heard())
    assert client.heard() == ["1", "2"]


@pytest.mark.parametrize("code", ["too_fast", "unavailable"])
async def test_page_that_is_refused_for_now_is_asked_for_later(
    client: Client, server: FakeServer, code: str, autojump_clock: MockClock
) -> None:
    await server.say("1")
    server.store("lobby", "bob", "2")
    server.page_errors = [Error(code=code, message="later", retry_after=7)]
    before = trio.current_time()
    await server.say("3")
    await client.wait_until(lambda: "3" in client.heard())
    assert client.heard() == ["1", "2", "3"]
    assert trio.current_time() - before >= 7
    assert client.errors() == []


async def test_page_that_is_refused_for_good_hides_nothing_that_came(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("1")
    server.store("lobby", "bob", "2")
    server.page_errors = [Error(code="not_permitted", message="no")]
    await server.say("3")
    await client.wait_until(lambda: "3" in client.heard())
    await server.say("4")
    await client.wait_until(lambda: "4" in client.heard())
    assert client.heard() == ["1", "3", "4"]


async def test_gap_is_told_and_stepped_over(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("1")
    await server.cut()
    server.gone_up_to = 3
    for number in (2, 3, 4):
        server.store("lobby", "bob", str(number))
    await client.wait_until(lambda: "4" in client.heard())
    assert [show.event for show in client.shown if isinstance(show.event, Gap)] == [
        Gap(room="lobby", first=2, last=3)
    ]
    assert server.asked(Page) == []


async def test_gap_behind_what_was_read_tells_of_a_log_that_was_lost(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    for number in range(5):
        await server.say(f"old {number}")
    await client.wait_until(lambda: len(client.heard()) == 5)
    server.logs["lobby"] = []
    server.store("other", "bob", "so that the time differs")
    await server.tell(Gap(room="lobby", first=1, last=5))
    await server.say("new")
    await client.wait_until(lambda: "new" in client.heard())
    assert client.heard()[-2:] == ["old 4", "new"]
    told = [line.text for line in client.model.rooms.room("lobby").lines]
    assert told[-2:] == ["5 messages can no longer be had", "new"]


async def test_what_an_ignored_member_says_is_no_hole(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("1")
    server.store("lobby", "mallory", "2")
    await server.tell(Gap(room="lobby", first=2, last=2, reason="ignored"))
    await server.say("3")
    await client.wait_until(lambda: "3" in client.heard())
    assert client.heard() == ["1", "3"]
    assert server.asked(Page) == []
    assert [show for show in client.shown if isinstance(show.event, Gap)] == []


# --- refusals of one line


async def test_line_sent_too_fast_is_sent_again_in_time_and_order(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.flood = True
    before = trio.current_time()
    for number in range(200):
        client.connection.typed(str(number))
    await client.wait_acknowledged()
    assert server.said() == [str(number) for number in range(200)]
    assert trio.current_time() - before == pytest.approx(97.5, abs=5)
    assert len(server.asked(Input)) < 600
    assert client.errors() == []


async def test_refused_line_is_shown_with_its_text(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.input_errors = [Error(code="muted", message="you are muted")]
    client.connection.typed("important")
    await client.wait_acknowledged()
    [error] = client.errors()
    assert error.refused == "important"
    assert server.said() == []
    assert "important" in client.model.rooms.by_name["lobby"].lines[-1].text


async def test_line_too_long_for_the_wire_is_refused_here(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    client.connection.typed("x" * 17_000)
    [error] = client.errors()
    assert "16384" in error.event.message  # type: ignore[union-attr]
    await client.wait_acknowledged()
    assert server.asked(Input) == []


async def test_lines_after_a_join_go_to_the_new_room(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    for line in ("one", "/join dev", "two", "/part", "three"):
        client.connection.typed(line)
    await client.wait_acknowledged()
    assert (server.said("lobby"), server.said("dev")) == (["one", "three"], ["two"])


# --- signs of life


async def test_link_without_an_answer_for_a_minute_is_dead(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.silent = True
    before = trio.current_time()
    await client.wait_until(lambda: client.connection.status.state == "offline")
    assert 50 <= trio.current_time() - before <= 61


async def test_idle_link_is_kept_by_pings(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await trio.sleep(1000)
    assert client.connection.status.state == "online"
    assert len(server.asked(Hello)) == 1
    assert len(server.asked(Ping)) == pytest.approx(33, abs=2)
    assert client.connection.status.latency_seconds == 0


async def test_reconnects_back_off(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.is_down = True
    await server.cut()
    await client.wait_until(lambda: len(client.waits) == 12)
    assert client.waits[:3] == pytest.approx([0.375, 0.75, 1.5])
    assert max(client.waits) == pytest.approx(22.5)


async def test_bye_says_when_to_come_back(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.tell(Bye(reason="restart", retry_after=10))
    before = trio.current_time()
    await server.cut()
    await client.wait_until(lambda: client.connection.status.state == "connecting")
    assert 10 <= trio.current_time() - before <= 12.5
    await client.wait_online()
    assert Notice(text="back online") in [show.event for show in client.shown]


# --- the end


async def test_server_that_tells_us_to_go_ends_the_client(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.tell(Bye(reason="you are banned"))
    await server.cut()
    await client.wait_ended()
    assert isinstance(client.ended_with, Refused)
    assert "you are banned" in str(client.ended_with)


async def test_leaving_says_quit(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    client.connection.leave()
    await client.wait_ended()
    assert client.ended_with is None
    assert [request.text for request in server.asked(Input)] == ["/quit"]


async def test_leaving_does_not_wait_for_a_silent_server(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.silent = True
    before = trio.current_time()
    client.connection.leave()
    await client.wait_ended()
    assert trio.current_time() - before == pytest.approx(1)


async def test_leaving_while_offline_ends_at_once(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.is_down = True
    await server.cut()
    await client.wait_until(lambda: client.connection.status.state == "offline")
    before = trio.current_time()
    client.connection.leave()
    await client.wait_ended()
    assert trio.current_time() == before


async def test_typed_quit_ends_the_client(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    client.connection.typed("last words")
    client.connection.typed("/exit")
    await client.wait_ended()
    assert client.ended_with is None
    assert server.said() == ["last words"]


async def test_no_server_at_first_is_unreachable(
    server: FakeServer, autojump_clock: MockClock
) -> None:
    server.is_down = True
    client = Client(server)
    await client.run()
    assert str(client.ended_with) == "fake: connection refused"


async def test_nick_taken_at_first_is_refused(
    server: FakeServer, autojump_clock: MockClock
) -> None:
    server.hello_errors = [Error(code="nick_taken", message="alice is taken", retry_after=30)]
    client = Client(server)
    await client.run()
    assert isinstance(client.ended_with, Refused)
    assert str(client.ended_with) == "fake: alice is taken; try again in 30 s"


async def test_nick_taken_at_a_reconnect_is_waited_for(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.hello_errors = [Error(code="nick_taken", message="taken", retry_after=20)] * 2
    before = trio.current_time()
    await server.cut()
    await client.wait_until(lambda: client.connection.status.state == "connecting")
    await client.wait_online()
    assert trio.current_time() - before >= 40


async def test_nick_taken_for_good_at_a_reconnect_is_refused(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    server.hello_errors = [Error(code="nick_taken", message="taken")]
    await server.cut()
    await client.wait_ended()
    assert isinstance(client.ended_with, Refused)


async def test_room_that_a_resumed_session_lost_is_left(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    client.connection.typed("/join dev")
    await client.wait_acknowledged()
    [session] = server.sessions.values()
    session.rooms.remove("dev")
    await server.cut()
    await client.wait_until(lambda: client.connection.status.state == "connecting")
    await client.wait_online()
    assert not client.model.rooms.room("dev").is_joined
    assert client.model.rooms.current is client.model.rooms.room("lobby")


async def test_room_that_cannot_be_entered_again_is_told(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    client.connection.typed("/join dev")
    await client.wait_acknowledged()
    server.resumes = False
    server.input_errors = [Error(code="banned", message="you are banned")]
    await server.cut()
    await client.wait_until(lambda: client.errors() != [])
    assert client.model.rooms.current is client.model.rooms.room("lobby")


async def test_private_message_missed_in_a_session_that_is_gone_is_fetched(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("one", room="@bob")
    server.resumes = False
    server.store("@bob", "bob", "two")
    await server.cut()
    await client.wait_until(lambda: client.heard("@bob") == ["one", "two"])


async def test_script_gives_up_after_a_while(
    server: FakeServer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    client = Client(server, give_up_seconds=60)
    nursery.start_soon(client.run)
    await client.wait_online()
    await trio.sleep(1000)
    server.is_down = True
    before = trio.current_time()
    await server.cut()
    await client.wait_ended()
    assert isinstance(client.ended_with, Unreachable)
    assert 30 <= trio.current_time() - before <= 61


async def test_server_that_says_nothing_is_unreachable(
    server: FakeServer, autojump_clock: MockClock
) -> None:
    server.silent = True
    client = Client(server)
    await client.run()
    assert isinstance(client.ended_with, Unreachable)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"\x15\x03\x03\x00\x02\x02\x46", "speaks TLS; --tls encrypts the link"),
        (b"", "the server closed the connection; if it wants TLS, --tls encrypts the link"),
    ],
)
async def test_server_that_wants_tls_is_named(
    nursery: trio.Nursery, answer: bytes, reason: str
) -> None:
    """C16: a client without TLS at a TLS port hears of it."""

    class TlsServer(FakeServer):
        async def dial(self) -> trio.abc.Stream:
            ours, theirs = memory_stream_pair()
            await ours.send_all(answer)
            await ours.send_eof()
            return theirs

    client = Client(TlsServer(nursery))
    await client.run()
    assert str(client.ended_with) == f"fake: {reason}"


async def test_line_of_an_unknown_type_does_no_harm(
    client: Client, server: FakeServer, autojump_clock: MockClock
) -> None:
    await server.say("0")
    await client.wait_until(lambda: "0" in client.heard())
    await trio.testing.wait_all_tasks_blocked()
    for stream in server.links:
        await stream.send_all(b'{"type":"sparkle"}\n}\nnot json\n' + b"x" * 100_000 + b"\n")
    await server.say("1")
    await client.wait_until(lambda: "1" in client.heard())
    assert client.heard() == ["0", "1"]
    assert len(server.asked(Hello)) == 1, "the link is still the first one"


async def test_room_asked_for_is_entered_and_current(
    server: FakeServer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    client = Client(server, room="#dev")
    client.connection.typed("early")
    nursery.start_soon(client.run)
    await client.wait_acknowledged()
    assert server.said("dev") == ["early"]
    assert client.model.rooms.current is client.model.rooms.room("dev")


async def test_line_for_a_room_that_cannot_be_had_is_not_said_elsewhere(
    server: FakeServer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    server.input_errors = [Error(code="banned", message="you are banned from #dev")]
    client = Client(server, room="dev")
    client.connection.typed("a secret")
    nursery.start_soon(client.run)
    await client.wait_until(lambda: client.model.first_room_refused is not None)
    await trio.sleep(100)
    assert server.said("lobby") == []
