"""Bans and mutes: which there are, and the one that holds for somebody. The time is an argument,
in milliseconds since 1970; who may sanction whom is decided by the commands."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntEnum
from ipaddress import ip_network
from math import inf
from operator import attrgetter
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from trio_chat.chat.durations import shown_duration, split_duration
from trio_chat.chat.masks import (
    Mask,
    MaskKey,
    Prefix,
    Subject,
    account_mask,
    compile_glob,
    network_mask,
    nick_mask,
    parse_address,
    prefix_of,
)

SanctionKind: TypeAlias = Literal["ban", "mute"]
SANCTION_KINDS: tuple[SanctionKind, ...] = ("ban", "mute")

# What is over is removed with the next sanction, so many in one write.
_EXPIRED_AT_ONCE = 100
SERVER_RANK = 100  # of the server itself, above everybody
_NEIGHBOURHOOD_BITS = {4: 24, 6: 64}  # what one provider, or one household, usually has


class Sanction(msgspec.Struct, frozen=True):
    """Somebody may not return (a ban) or not speak (a mute).

    Attributes:
        number: what people call it by; none is given twice.
        room: the key of the room's log; "" for the whole server.
        by: whose doing it was, as shown.
        until_ms: when it ends by itself; None: it holds for good.
        rank: how high stood who set it; it holds nobody who stands as high. See `chat.rules`.
    """

    number: int
    kind: SanctionKind
    room: str
    mask: Mask
    by: str
    reason: str
    at_ms: int
    until_ms: int | None
    rank: int = SERVER_RANK

    def left_ms(self, now_ms: int) -> int | None:
        """How long it still holds; None: for good. However the clock is set, that is no more than
        it was given for."""
        if self.until_ms is None:
            return None
        return max(0, min(self.until_ms - now_ms, self.until_ms - self.at_ms))

    def is_over(self, now_ms: int) -> bool:
        return self.until_ms is not None and self.until_ms <= now_ms

    def shown(self, now_ms: int) -> str:
        """One line: `#3 ban of account bob by alice, 1 d 3 h left: spam`."""
        reason = f": {self.reason}" if self.reason else ""
        left = self._shown_left(now_ms)
        return f"#{self.number} {self.kind} of {self.mask.label} by {self.by}, {left}{reason}"

    def _shown_left(self, now_ms: int) -> str:
        left_ms = self.left_ms(now_ms)
        if left_ms is None:
            return "for good"
        return f"{shown_duration(left_ms)} left" if left_ms else "over"


def _endurance(sanction: Sanction) -> tuple[float, int]:
    """The greatest is the sanction that lasts longest; of two such, the newer one."""
    return inf if sanction.until_ms is None else sanction.until_ms, sanction.number


class _Shelf:
    """The sanctions of one kind in one room. Globs are tried one by one, all else is looked up:
    a network by the bits that its addresses have in common, once for each length in use."""

    __slots__ = ("_by_key", "_globs", "_widths")

    def __init__(self) -> None:
        self._by_key: dict[MaskKey, Sanction] = {}
        self._globs: dict[str, tuple[re.Pattern[str], Sanction]] = {}
        self._widths: Counter[tuple[int, int]] = Counter()  # versions and bits

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Sanction]:
        return iter(self._by_key.values())

    def get(self, mask: Mask) -> Sanction | None:
        return self._by_key.get(mask.key)

    def put(self, sanction: Sanction) -> None:
        mask = sanction.mask
        self._by_key[mask.key] = sanction
        if mask.is_glob:
            self._globs[mask.value] = compile_glob(mask.value), sanction
        if mask.prefix is not None:
            self._widths[mask.prefix[:2]] += 1

    def drop(self, mask: Mask) -> None:
        del self._by_key[mask.key]
        if mask.is_glob:
            del self._globs[mask.value]
        if mask.prefix is not None:
            self._widths -= Counter([mask.prefix[:2]])  # what comes to nothing is left out

    def catching(self, subject: Subject) -> Iterator[Sanction]:
        by_name: tuple[MaskKey, ...] = ("account", subject.account), ("nick", subject.key)
        for key in (*by_name, *self._prefixes(subject)):
            sanction = self._by_key.get(key)
            if sanction is not None:
                yield sanction
        for glob, sanction in self._globs.values():
            if glob.fullmatch(subject.key):
                yield sanction

    def _prefixes(self, subject: Subject) -> Iterator[Prefix]:
        address = parse_address(subject.address) if self._widths else None
        if address is not None:
            for version, bits in self._widths:
                if version == address.version:
                    yield prefix_of(address, bits)


class Sanctions:
    """All sanctions of the server, those that are over included until they are removed.

    In a room there is one of a kind for a mask: the newer one takes the older one's place. To ask
    costs a few look-ups, and a third of a microsecond for each glob of that room.
    """

    def __init__(self) -> None:
        self._by_number: dict[int, Sanction] = {}
        self._shelves: dict[tuple[SanctionKind, str], _Shelf] = {}
        self._ends: list[tuple[int, int]] = []  # when, and the number; the soonest first
        self._last_number = 0

    @property
    def is_quiet(self) -> bool:
        """There is none at all. One look-up: it is asked for every line."""
        return not self._by_number

    @property
    def last_number(self) -> int:
        """The highest number that was ever given."""
        return self._last_number

    def start_after(self, number: int) -> None:
        """Give numbers above this one: it was given before."""
        self._last_number = max(self._last_number, number)

    def add(self, sanction: Sanction) -> Sanction | None:
        """Add it, and return the one whose place it took, if any.

        Raises:
            ValueError: its number is taken.
        """
        if sanction.number in self._by_number:
            raise ValueError(f"there is a sanction #{sanction.number} already")
        replaced = self.matching(sanction.kind, sanction.room, sanction.mask)
        if replaced is not None:
            self.remove(replaced.number)
        self._by_number[sanction.number] = sanction
        if sanction.until_ms is not None:
            insort(self._ends, (sanction.until_ms, sanction.number))
        self._shelves.setdefault((sanction.kind, sanction.room), _Shelf()).put(sanction)
        self._last_number = max(self._last_number, sanction.number)
        return replaced

    def remove(self, number: int) -> Sanction | None:
        """Remove it, and return it if it was there."""
        sanction = self._by_number.pop(number, None)
        if sanction is not None:
            if sanction.until_ms is not None:
                del self._ends[bisect_left(self._ends, (sanction.until_ms, number))]
            place = sanction.kind, sanction.room
            self._shelves[place].drop(sanction.mask)
            if not self._shelves[place]:
                del self._shelves[place]
        return sanction

    def count(self, room: str) -> int:
        """How many there are in that room alone, those that are over included."""
        return sum(len(self._shelves.get((kind, room), ())) for kind in SANCTION_KINDS)

    def get(self, number: int) -> Sanction | None:
        return self._by_number.get(number)

    def matching(self, kind: SanctionKind, room: str, mask: Mask) -> Sanction | None:
        """The one with just that mask, even if it is over."""
        shelf = self._shelves.get((kind, room))
        return shelf.get(mask) if shelf is not None else None

    def is_empty(self, kind: SanctionKind, room: str) -> bool:
        """Whether nobody can be caught in that room. One look-up: it is asked for every line."""
        return (kind, room) not in self._shelves

    def find(
        self, kind: SanctionKind, room: str, subject: Subject, now_ms: int, *, rank: int = 0
    ) -> Sanction | None:
        """The one that holds *subject* in that room alone, the longest if there are several.

        Those of a rank no higher than the subject's *rank* hold it not. What holds on the whole
        server is asked for by another call, with the room "".
        """
        shelf = self._shelves.get((kind, room))
        if shelf is None:
            return None
        caught = shelf.catching(subject)
        holding = (s for s in caught if s.rank > rank and not s.is_over(now_ms))
        return max(holding, key=_endurance, default=None)

    def listing(self, room: str, now_ms: int, kind: SanctionKind | None = None) -> list[Sanction]:
        """Those that hold in that room alone, the newest first."""
        kinds = SANCTION_KINDS if kind is None else (kind,)
        shelves = (self._shelves.get((kind, room), ()) for kind in kinds)
        holding = (s for shelf in shelves for s in shelf if not s.is_over(now_ms))
        return sorted(holding, key=attrgetter("number"), reverse=True)

    def expired(self, now_ms: int) -> list[Sanction]:
        """The first 100 of those that are over and still here, by their numbers. When these are
        removed the next call gives others."""
        end = min(bisect_left(self._ends, (now_ms + 1, 0)), _EXPIRED_AT_ONCE)
        return [self._by_number[number] for number in sorted(n for _, n in self._ends[:end])]


class Defcon(IntEnum):
    """How far the server is shut against an attack; each level includes the ones before."""

    NORMAL = 0
    NO_NEW_ACCOUNTS = 1
    ACCOUNTS_ONLY = 2
    VOICED_ONLY = 3
    NOBODY_NEW = 4
    READ_ONLY = 5

    @property
    def sentence(self) -> str:
        """What it means for most people; whom it excepts is in `chat.rules`."""
        return _SENTENCES[self]


_SENTENCES = {
    Defcon.NORMAL: "everybody may come in and speak",
    Defcon.NO_NEW_ACCOUNTS: "nobody can register a new account",
    Defcon.ACCOUNTS_ONLY: "guests cannot come in",
    Defcon.VOICED_ONLY: "only voiced members can speak",
    Defcon.NOBODY_NEW: "nobody new can come in",
    Defcon.READ_ONLY: "nobody can speak",
}


class SplitSanction(NamedTuple):
    """What stood after `/ban`. *duration_ms* None: for good."""

    target: str
    duration_ms: int | None
    reason: str


def split_sanction(rest: str) -> SplitSanction:
    """Part `bob 2d spam and more` into its target, how long, and why; the last two may be missing.

    Raises:
        BadRequest: it begins with a number and is no duration, or is one out of bounds.
    """
    target, *words = rest.strip().split(None, 1) or [""]
    return SplitSanction(target, *split_duration("".join(words)))


class Candidate(NamedTuple):
    """A mask that would catch somebody, and who else would be caught by it."""

    mask: Mask
    others: tuple[str, ...]


def how_to_catch(
    subject: Subject, others: Iterable[tuple[str, Subject]], *, account_name: str = ""
) -> list[Candidate]:
    """The masks that catch *subject*, the most fitting first: account, address, the network
    round it, nick. *others* are the rest of those who are here, with their names."""
    others = tuple(others)
    return [
        Candidate(mask, tuple(name for name, other in others if mask.matches(other)))
        for mask in _masks_for(subject, account_name)
    ]


def _masks_for(subject: Subject, account_name: str) -> Iterator[Mask]:
    if subject.account:
        yield account_mask(subject.account, account_name)
    address = parse_address(subject.address)
    if address is not None:
        for bits in (address.max_prefixlen, _NEIGHBOURHOOD_BITS[address.version]):
            yield network_mask(ip_network(f"{address}/{bits}", strict=False))
    yield nick_mask(subject.key)
