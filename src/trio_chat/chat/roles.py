"""Roles, on the server and in one room, and how high they stand. Knows no members, no rooms."""

from __future__ import annotations

from enum import IntEnum


class Role(IntEnum):
    """What one may do on this server; each role may do what the ones before it may."""

    GUEST = 0
    MEMBER = 1
    MODERATOR = 2
    ADMIN = 3
    OWNER = 4

    @property
    def title(self) -> str:
        return self.name.lower()


class RoomRole(IntEnum):
    """What one may do in one room, whatever the server's role."""

    PLAIN = 0
    VOICED = 1
    MODERATOR = 2
    OWNER = 3

    @property
    def title(self) -> str:
        return self.name.lower() if self else ""


# Above every role in a room.
_SERVER_RANKS = {Role.MODERATOR: 4, Role.ADMIN: 5, Role.OWNER: 6}


def rank(role: Role, room_role: RoomRole = RoomRole.PLAIN) -> int:
    """How high somebody stands: in a room by either role, on the server by the first alone."""
    return _SERVER_RANKS.get(role, room_role.value)
