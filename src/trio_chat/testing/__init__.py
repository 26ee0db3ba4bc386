"""A chat server in a test's own process, on streams in memory, for tests of bots.

    async def test_it_answers(nursery):
        server = await start_server(nursery)
        alice = await server.person("alice")
        nursery.start_soon(my_bot, server.dial)
        await alice.say("lobby", "bot: hello")
        assert await alice.hears(sender="bot") == "hello to you, too"

`docs/bots.md` shows it at length; `trio_chat.testing.fixtures` has the same as a fixture of pytest.
"""

from trio_chat.testing.clock import run_jumping
from trio_chat.testing.person import Person
from trio_chat.testing.server import TestServer, start_server

__all__ = ["Person", "TestServer", "run_jumping", "start_server"]
