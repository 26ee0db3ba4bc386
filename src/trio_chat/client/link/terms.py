"""What a link is made with: the proof of who logs in, and the deadlines."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of the link, all in seconds, each checked in one place."""

    dial_seconds: float = 10.0
    # A server that accepts and then says nothing is no server of ours.
    hello_seconds: float = 20.0
    ping_seconds: float = 30.0
    # A link without any answer for this long is dead.
    silence_seconds: float = 60.0
    # The socket takes nothing for this long: the same.
    send_seconds: float = 60.0
    # After `/quit` the server has this long to say `bye`.
    leave_seconds: float = 1.0
    backoff_first_seconds: float = 0.5
    backoff_max_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Login:
    """The proof of an identity: an account's password, or a token, which needs no account."""

    account: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
