"""The ways in which a link, or all of them, come to an end, in words for a person."""

from __future__ import annotations

import os

from trio_chat.errors import TrioChatError, first_leaf
from trio_chat.events import Error


class Unreachable(TrioChatError):
    """The server cannot be reached, or not any more; the message names it and the reason."""


class Refused(TrioChatError):
    """The server does not let us in, or told us to go; the message is its reason.

    Attributes:
        error: what the server answered to the hello; None after a `bye`.
        code: the reason for programs, as docs/protocol.md lists it for `error` and `bye`; empty if
            the server does not say.
    """

    def __init__(self, message: str, error: Error | None = None, *, code: str = "") -> None:
        super().__init__(message)
        self.error = error
        self.code = error.code if error else code


class LoginRefused(Refused):
    """Account, password or token are wrong."""


class LinkLost(Exception):
    """This link has ended; another one may be tried.

    *retry_after*: in so many seconds, if the server named a time. *refusal*: what to raise when
    nothing else is tried, if the server refused the hello for now. *is_kept_nick*: it keeps the
    nick until then, perhaps for the client that was here before, and the client is to wait.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float | None = None,
        *,
        refusal: Refused | None = None,
        is_kept_nick: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.refusal = refusal
        self.is_kept_nick = is_kept_nick


def explain(exc: OSError) -> str:
    """Return the reason of *exc* in words for a person: trio wraps it, and names the address
    again."""
    inner = first_leaf(exc.__cause__) if exc.__cause__ is not None else exc
    if not isinstance(inner, OSError):
        inner = exc
    if inner.errno is not None and inner.errno > 0:
        return os.strerror(inner.errno).lower()
    text = inner.strerror or str(inner) or type(inner).__name__
    return text[:1].lower() + text[1:]
