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
        nick, room, command, account: whom or what it is about, where it is about one: so that a
            wire, or a program, need not read the message. A room is called as its name is, a
            conversation `@nick`, a command without its slash.
    """

    code: str = "internal"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        nick: str | None = None,
        room: str | None = None,
        command: str | None = None,
        account: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.nick = nick
        self.room = room
        self.command = command
        self.account = account


class BadRequest(ChatError):
    """The request makes no sense: a field does not fit its type, or the others."""

    code = "bad_request"


class UnknownProtocol(ChatError):
    """The peer speaks another version of the native wire."""

    code = "unknown_protocol"


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
    """A server's line holds no event that this client knows.

    Attributes:
        code: `bad_json`, `unknown_type` or `bad_request`.
        message: what is wrong with it, for a person.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Conflict(TrioChatError):
    """Compare-and-set lost: the record is not at the version that was expected."""


class ConfigError(TrioChatError):
    """Start-up refuses: the message names the source, the key and the value."""


class StoreError(TrioChatError):
    """The store cannot be opened: the message says which file and what to do."""


class DatabaseDamaged(Unavailable, StoreError):
    """The database's file does not hold a whole database any more.

    Start-up refuses with *advice*, which names the file and the way out; a peer is told no path.
    """

    def __init__(self, advice: str) -> None:
        super().__init__(advice)
        self.message = "the server's database is damaged"


def first_leaf(exc: BaseException) -> BaseException:
    """Return the first error inside *exc*: nurseries nest, and so do their exception groups."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
