"""How the link is doing, as a screen shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

LinkState: TypeAlias = Literal["connecting", "online", "offline"]


@dataclass(slots=True)
class Status:
    """How the link is doing, for the status bar; *retry_at* in monotonic seconds, *reason*: why
    it is offline."""

    state: LinkState = "connecting"
    latency_seconds: float | None = None
    retry_at: float = 0.0
    reason: str = ""
    is_encrypted: bool = False
