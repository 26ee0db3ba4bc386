"""What the devices of an account share: nick, rooms, conversations, read marks, settings.

A profile is stored entry by entry (`reads lobby`, `away`), so that two devices that change
different entries at one time do not overwrite each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trio_chat.chat.accounts import Account
from trio_chat.chat.roles import Role
from trio_chat.chat.rooms import Member
from trio_chat.events import NotifyLevel

# Fields that are mappings; each of their entries is an entry of the profile.
_MAPPINGS = frozenset(
    ("rooms", "directs", "ignores", "blocks", "closed", "reads", "notify", "addresses")
)

# Addresses that an account logged in from: a home, a phone, a desk, and some to spare.
_ADDRESSES = 20

# What a member chose; the rest follows from what it does.
_SETTINGS = ("ignores", "blocks", "closed", "notify", "highlights", "away")


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an account's devices share.

    Attributes:
        rooms: by the keys of the rooms the account is in, in which order it came there.
        directs: by identity, the last nicks of those it has conversations with.
        ignores: by author (see `Member.author`), the nicks of those whose words it does not see.
        blocks: by identity, the nicks of those who cannot write to it directly.
        closed: by log key, the conversations that were closed, with their last seq then.
        reads, notify: by log key, the seq read up to, and what to be told of.
        addresses: those that it logged in from, each with the day of the last time (since 1970).
    """

    nick: str = ""
    rooms: dict[str, int] = {}
    directs: dict[str, str] = {}
    ignores: dict[str, str] = {}
    blocks: dict[str, str] = {}
    closed: dict[str, int] = {}
    reads: dict[str, int] = {}
    notify: dict[str, NotifyLevel] = {}
    highlights: tuple[str, ...] = ()
    away: str | None = None
    addresses: dict[str, int] = {}


EMPTY = Profile()


def entries_of(profile: Profile) -> dict[str, Any]:
    """The entries that differ from an empty profile: `FIELD` or `FIELD KEY` to its value."""
    entries: dict[str, Any] = {}
    for field in Profile.__struct_fields__:
        value = getattr(profile, field)
        if field in _MAPPINGS:
            entries.update({f"{field} {key}": item for key, item in value.items()})
        elif value != getattr(EMPTY, field):
            entries[field] = value
    return entries


def differing(old: Profile, new: Profile) -> dict[str, Any]:
    """The entries in which *new* differs from *old*; None for those that are gone."""
    found: dict[str, Any] = {}
    for field in Profile.__struct_fields__:
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        if field not in _MAPPINGS:
            found[field] = after if after != getattr(EMPTY, field) else None
            continue
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                found[f"{field} {key}"] = after.get(key)
    return found


def with_entry(profile: Profile, entry: str, value: Any) -> Profile:
    """*profile* with one entry set, or taken away where *value* is None.

    Raises:
        msgspec.ValidationError: there is no such entry, or the value does not fit.
    """
    fields = msgspec.structs.asdict(profile)
    _set(fields, entry, value)
    return msgspec.convert(fields, Profile)


def profile_from(entries: Iterable[tuple[str, Any]]) -> Profile:
    """The profile that *entries* make.

    Raises:
        msgspec.ValidationError: see `with_entry`.
    """
    fields: dict[str, Any] = {}
    for entry, value in entries:
        _set(fields, entry, value)
    return msgspec.convert(fields, Profile)


def _set(fields: dict[str, Any], entry: str, value: Any) -> None:
    field, _, key = entry.partition(" ")
    if field not in Profile.__struct_fields__:
        raise msgspec.ValidationError(f"a profile has no entry {field}")
    if field not in _MAPPINGS:
        fields[field] = getattr(EMPTY, field) if value is None else value
        return
    fields[field] = {**fields.get(field, {}), key: value}
    if value is None:
        del fields[field][key]


def profile_of(member: Member, former: Profile = EMPTY) -> Profile:
    """What is kept of the member, who has an account, and of whom *former* was kept before."""
    return Profile(
        nick=member.nick,
        rooms=_ordered(member.rooms, former.rooms),
        directs={
            direct.partner_of(member.identity): direct.label_for(member.identity)[1:]
            for direct in member.directs.values()
        },
        ignores=member.ignores,
        blocks=member.blocks,
        closed={key: seq for key, seq in member.closed.items() if member.is_in(key)},
        reads={key: seq for key, seq in member.reads.items() if member.is_in(key)},
        notify={key: level for key, level in member.notify.items() if member.is_in(key)},
        highlights=member.highlights,
        away=member.away,
        addresses=former.addresses,
    )


def _ordered(rooms: Iterable[str], former: Mapping[str, int]) -> dict[str, int]:
    last = max(former.values(), default=0)
    return {key: former.get(key, last + number) for number, key in enumerate(rooms, 1)}


def with_address(known: Mapping[str, int], address: str, day: int) -> dict[str, int]:
    """The addresses that an account logged in from, once it has done so from *address* too; when
    there are many, the one that was used longest ago is forgotten."""
    addresses = {**known, address: day}
    while len(addresses) > _ADDRESSES:
        del addresses[min(addresses, key=addresses.__getitem__)]
    return addresses


def rooms_in_order(profile: Profile) -> tuple[str, ...]:
    """The keys of the rooms that the account is in, in the order in which it came there."""
    return tuple(sorted(profile.rooms, key=profile.rooms.__getitem__))


def member_of(account: Account, profile: Profile, *, now_ms: int) -> Member:
    """The person whose account this is, in no room yet."""
    member = Member(account.identity, profile.nick or account.name, since_ms=now_ms)
    member.account, member.account_id = account.name, account.id
    member.role = Role(account.role)
    take_up(member, profile)
    return member


def take_up_entry(member: Member, entry: str, value: Any) -> None:
    """Have the member be set as one entry says. Where it is and what it read is its own to tell."""
    field = entry.partition(" ")[0]
    if field in _SETTINGS:
        profile = with_entry(settings_of(member), entry, value)
        setattr(member, field, getattr(profile, field))


def settings_of(member: Member) -> Profile:
    """What the member chose, without where it is: for a guest as for an account."""
    return Profile(**{field: getattr(member, field) for field in _SETTINGS})


def take_up(member: Member, profile: Profile) -> None:
    """Have the member be set as *profile* says. Its nick and its places stay."""
    member.ignores = profile.ignores
    member.blocks = profile.blocks
    member.closed = profile.closed
    member.reads = profile.reads
    member.notify = profile.notify
    member.highlights = profile.highlights
    member.away = profile.away
