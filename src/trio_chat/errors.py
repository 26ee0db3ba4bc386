"""What can go wrong, with texts fit to be shown to a person. Knows no wire and no terminal."""

from __future__ import annotations


class TrioChatError(Exception):
    """Root of the exceptions this project raises on purpose."""


class ChatError(TrioChatError):
    """A request was refused; the person is told and the session goes on.

    Attributes:
        code: one of the codes of docs/protocol.md; of a server that is newer also another one.
        message: one sentence for a person, without a trailing stop.
        retry_after: seconds after which the same request may succeed, if waiting helps.
    """

    code: str = "internal"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class BadRequest(ChatError):
    """The line is a JSON object, but its fields do not fit its type.

    Attributes:
        id: the request's id, when the line still showed a valid one.
    """

    code = "bad_request"

    def __init__(self, message: str, *, id: str | None = None) -> None:
        super().__init__(message)
        self.id = id


class HelloFirst(ChatError):
    code = "hello_first"


class NameTaken(ChatError):
    code = "nick_taken"


class NameInvalid(ChatError):
    code = "nick_invalid"


class LoginFailed(ChatError):
    code = "login_failed"


class UnknownCommand(ChatError):
    code = "unknown_command"


class UsageError(ChatError):
    """The command is known, its arguments are not right; the message holds the usage."""

    code = "usage"


class NotPermitted(ChatError):
    code = "not_permitted"


class NoSuchRoom(ChatError):
    code = "no_such_room"


class NoSuchMember(ChatError):
    code = "no_such_member"


class NotInRoom(ChatError):
    code = "not_in_room"


class TooLong(ChatError):
    code = "too_long"


class TooFast(ChatError):
    code = "too_fast"


class Muted(ChatError):
    code = "muted"


class Banned(ChatError):
    code = "banned"


class RoomFull(ChatError):
    code = "room_full"


class Unavailable(ChatError):
    """The store cannot take it now. It may or may not have happened: the same id may be tried
    again and takes effect once."""

    code = "unavailable"


class ProtocolError(TrioChatError):
    """The peer broke the rules of its wire with one line; after too many the session ends.

    Attributes:
        code: `bad_json`, `unknown_type` or `too_long`; for a server's line also `bad_request`.
        id: the request's id, when the line still showed one.
    """

    def __init__(self, code: str, message: str, *, id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id


class Conflict(TrioChatError):
    """Compare-and-set lost: the record is not at the version that was expected."""


class ConfigError(TrioChatError):
    """Start-up refuses: the message names the source, the key and the value."""


class StoreError(TrioChatError):
    """The store cannot be opened: the message says which file and what to do."""
