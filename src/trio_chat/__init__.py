"""trio-chat: a log per room, and sessions that are cursors into it."""

from __future__ import annotations

__version__ = "0.1.0"
