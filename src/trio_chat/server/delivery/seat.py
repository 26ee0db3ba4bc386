"""A seat: what is kept of a session while its link is away, so that it can be resumed. Knows
neither the session nor the store."""

from __future__ import annotations

from typing import Any

from trio_chat.chat.accounts import Scope
from trio_chat.chat.rooms import Member
from trio_chat.server.net.deadlines import Deadline

# Most seats have neither conversations nor labels; a mapping each would be 64 bytes.
_NOTHING: dict[str, Any] = {}


class Seat:
    """One resumable session.

    Attributes:
        id: public; `scope` and a guest's identity are made of it.
        key: the hash of the session's token.
        member: who sits here; a guest is kept when it has left, for its rooms and nick to be
            taken up again.
        account: the account's id, or "". Then several seats may have one member.
        scopes: what the token (its id) allows that opened it; None: anything.
        present: it holds its member in the chat, linked or within the grace.
        rooms: the keys of a guest's rooms, to be entered again.
        directs: the nicks, by identity, of those a guest has conversations with. Replaced, never
            changed.
        labels: the log keys of its conversations by what the client called them when its link
            was lost; by then somebody else may be called so.
        dropped_ms: when the link was lost (milliseconds since 1970); None while it is there.
        timer: the end of the grace, or of the seat, once the link is gone; `timer_at` is when
            the grace ends.
        former: the scope of the ids from before a `/login` or `/logout`, at `switched_ms`.
        client: what the program calls itself.
    """

    __slots__ = (
        "account",
        "address",
        "client",
        "directs",
        "dropped_ms",
        "former",
        "id",
        "key",
        "labels",
        "member",
        "present",
        "rooms",
        "scopes",
        "since_ms",
        "switched_ms",
        "timer",
        "timer_at",
        "token",
    )

    def __init__(self, id: str, key: str, member: Member) -> None:
        self.id = id
        self.key = key
        self.member = member
        self.account = member.account_id
        self.scopes: tuple[Scope, ...] | None = None
        self.token = ""
        self.rooms: tuple[str, ...] = ()
        self.directs: dict[str, str] = _NOTHING
        self.labels: dict[str, str] = _NOTHING
        self.present = True
        self.dropped_ms: int | None = None
        self.timer: Deadline | None = None
        self.timer_at = 0.0
        self.since_ms = member.since_ms
        self.former = ""
        self.switched_ms = 0
        self.client = ""
        self.address = ""

    @property
    def scope(self) -> str:
        """Whose ids are compared when an input comes again."""
        return f"account:{self.account}" if self.account else f"session:{self.id}"

    def has(self, key: str) -> bool:
        """Return whether its member is in the room or conversation *key*, or may come back to
        it."""
        return self.member.is_in(key) or key in self.rooms

    def note(self) -> None:
        """Remember the rooms and conversations that a guest is in."""
        if not self.present or self.account:
            return
        member = self.member
        self.rooms = tuple(member.rooms)
        self.directs = {
            direct.partner_of(member.identity): direct.label_for(member.identity)[1:]
            for direct in member.directs.values()
        }
