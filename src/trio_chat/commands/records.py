"""The records behind rooms and accounts, as changes for the store. One record space each."""

from __future__ import annotations

import msgspec

from trio_chat.chat.accounts import Account, Profile, Token
from trio_chat.chat.rooms import Room
from trio_chat.chat.sanctions import Sanction
from trio_chat.store.api import Put

ROOM, FLOOR = "room", "floor"
ACCOUNT, PROFILE, TOKEN = "account", "profile", "token"
SANCTION, SERVER = "sanction", "server"

encode = msgspec.json.encode


def put_room(room: Room) -> Put:
    return Put(ROOM, room.key, encode(room.record))


def put_floor(room: Room, identity: str) -> tuple[Put, ...]:
    """Up to where the member may not read; nothing, where that is no rule."""
    key = f"{room.key} {identity}"
    if identity in room.floors:
        return (Put(FLOOR, key, encode(room.floors[identity])),)
    return (Put(FLOOR, key, None),) if room.record.backlog == "joined" else ()


def put_account(account: Account) -> Put:
    return Put(ACCOUNT, account.key, encode(account))


def put_profile(id: str, profile: Profile) -> Put:
    return Put(PROFILE, id, encode(profile))


def put_token(key: str, token: Token | None) -> Put:
    return Put(TOKEN, key, encode(token) if token else None)


def put_sanction(number: int, sanction: Sanction | None) -> Put:
    return Put(SANCTION, str(number), encode(sanction) if sanction else None)


def put_server(key: str, value: str) -> Put:
    """A fact about the whole server; empty: as it was at first."""
    return Put(SERVER, key, encode(value) if value else None)
