"""The records that a store keeps of the chat: their spaces, keys and types, and a change of one.
Knows no store and no state."""

from __future__ import annotations

from typing import Any

import msgspec

from trio_chat.chat.accounts import Account, Token
from trio_chat.chat.rooms import RoomRecord
from trio_chat.chat.sanctions import Sanction

ROOM, FLOOR = "room", "floor"
ACCOUNT, PROFILE, TOKEN = "account", "profile", "token"
SANCTION, SERVER = "sanction", "server"

# The keys of the space `server`.
MOTD, DEFCON, OWNER_CODE, OWNED, LAST_SANCTION = (
    "motd",
    "defcon",
    "owner_code",
    "owned",
    "last_sanction",
)

# Facts that somebody decides: two decisions that collide are told apart by the record's version.
# The other spaces hold what merely follows a member, entry by entry.
DECIDED: dict[str, Any] = {
    ROOM: RoomRecord,
    ACCOUNT: Account,
    TOKEN: Token,
    SANCTION: Sanction,
    SERVER: str,
}
_TYPES: dict[str, Any] = {**DECIDED, FLOOR: int, PROFILE: Any}


class Change(msgspec.Struct, frozen=True):
    """One record as it is to be.

    Attributes:
        space, key: which record.
        before: the record that was seen when the change was decided; None: there was none.
        after: the record as it is to be; None: it is to be removed.
        late: applied after the event of the same write was shown, not before.
    """

    space: str
    key: str
    before: Any
    after: Any
    late: bool = False


def encode(record: Any) -> bytes:
    """Return the bytes that a store keeps of *record*."""
    return msgspec.json.encode(record)


def decode(space: str, data: bytes) -> Any:
    """Return the record that *data* holds.

    Raises:
        msgspec.MsgspecError: it is no record of that space.
    """
    return msgspec.json.decode(data, type=_TYPES[space])


def room_changed(log_key: str, before: RoomRecord, /, **fields: Any) -> Change:
    """The change of *fields* in the record of the room whose log is called *log_key*."""
    return Change(ROOM, log_key, before, msgspec.structs.replace(before, **fields))


def account_changed(before: Account, **fields: Any) -> Change:
    """The change of *fields* of an account. Its name stays."""
    return Change(ACCOUNT, before.key, before, msgspec.structs.replace(before, **fields))


def floor_key(room: str, identity: str) -> str:
    """The key of the record that says from where on a member may read the room *room*."""
    return f"{room} {identity}"


def setting(identity: str, entry: str, value: Any) -> Change:
    """The change of one entry (see `profiles`) of what is kept of a member; None takes it away."""
    return Change(PROFILE, f"{identity} {entry}", None, value)
