"""Whatever breaks, in whatever order: lines of a program are said once, events seen once."""

from __future__ import annotations

from functools import partial

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from support_client import FakeServer
from support_server import run_jumping
from trio_chat.client import EventStream, open_chat
from trio_chat.events import Said

ACTIONS = st.sampled_from(
    ["own", "other", "cut", "missed", "answer lost", "input lost", "resumes", "forgets", "page"]
)


async def act(actions: list[str], *, since: bool) -> None:
    """*since*: with a cursor, and a buffer that cannot hold what happens."""
    async with trio.open_nursery() as nursery:
        server = FakeServer(nursery)
        async with open_chat(
            "fake", nick="bot", dial=server.dial, buffer_events=2 if since else 1000
        ) as chat:
            stream = chat.events(since={"lobby": 0} if since else None)
            for number, action in enumerate(actions):
                text = f"{number}"
                match action:
                    case "own":
                        stored = await chat.say("lobby", text)
                        assert server.logs["lobby"][stored.seq - 1] == last_said(server)
                    case "other":
                        await server.say(text)
                    case "missed":
                        await server.cut()
                        server.store("lobby", "bob", text)
                    case "cut":
                        await server.cut()
                    case "answer lost":
                        server.lost_answers += 1
                    case "input lost":
                        server.lost_inputs += 1
                    case "page":
                        page = await chat.history("lobby", limit=1000)
                        assert len(page.events) == len(server.logs["lobby"][:100])
                    case _:
                        server.resumes = action == "resumes"
            await chat.say("lobby", "the end")
            expected = server.said()
            assert await seen(stream) == expected
        nursery.cancel_scope.cancel()
    own = [str(number) for number, action in enumerate(actions) if action == "own"]
    assert [text for text in expected if text in own] == own


def last_said(server: FakeServer) -> object:
    return server.logs["lobby"][-1]


async def seen(stream: EventStream) -> list[str]:
    texts: list[str] = []
    with trio.fail_after(600):
        while "the end" not in texts:
            event = await anext(stream)
            if isinstance(event, Said):
                texts.append(event.text)
    return texts


@settings(max_examples=150)
@given(st.lists(ACTIONS, max_size=25), st.booleans())
def test_lines_are_said_once_and_events_seen_once(actions: list[str], since: bool) -> None:
    run_jumping(partial(act, actions, since=since))
