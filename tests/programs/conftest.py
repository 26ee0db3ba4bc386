"""The test server of `trio_chat.testing`, for tests of programs."""

from trio_chat.testing.fixtures import chat_server

__all__ = ["chat_server"]
