"""The state of the link, as a screen shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

LinkState: TypeAlias = Literal["connecting", "online", "offline"]


@dataclass(slots=True)
class Status:
    """The state of the link.

    Attributes:
        retry_at: when the next link is tried, in monotonic seconds.
        reason: why there is none.
        asked_at: since when the server owes an answer to a ping, in monotonic seconds; None: it
            owes none.
    """

    state: LinkState = "connecting"
    latency_seconds: float | None = None
    asked_at: float | None = None
    retry_at: float = 0.0
    reason: str = ""
    is_encrypted: bool = False
