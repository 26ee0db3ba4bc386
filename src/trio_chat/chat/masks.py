"""Masks: whom a sanction is about, by account, by nick or by address. Knows no sanction.

A nick's glob knows `*` (any characters) and `?` (one); everything else stands for itself, as
nicks hold brackets and backslashes. Of networks there are two kinds, IPv4 and IPv6; an IPv4
address written as IPv6 (`::ffff:192.0.2.7`) is IPv4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from trio_chat.chat.names import check_part
from trio_chat.errors import BadRequest, NameInvalid, NoSuchMember
from trio_chat.text import fold, without_joiners

MaskKind: TypeAlias = Literal["account", "nick", "address"]
Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Prefix: TypeAlias = tuple[int, int, int]  # version, bits, and their value
MaskKey: TypeAlias = tuple[str, str] | Prefix
AccountOf: TypeAlias = Callable[[str], tuple[str, str] | None]

GLOB_CHARACTERS = 64
NICK_CHARACTERS = 256  # a folded nick, or one typed with all its marks, is shorter
# The largest blocks that are given to one provider: nobody bans the internet by a slip.
_WIDEST_BITS = {4: 8, 6: 19}
_MAPPED_BITS = 96  # what stands before the IPv4 address in an IPv6 one
_WILDCARDS = re.compile(r"[*?]+")


class Subject(NamedTuple):
    """Who somebody is for a mask.

    Attributes:
        key: the folded nick.
        account: the account's id; "" for a guest.
        address: an IP address, or what there is instead: "unix", "stream", "".
    """

    key: str
    account: str
    address: str


class Mask(msgspec.Struct, frozen=True):
    """Whom it catches is in *kind* and *value*; *label* is for people.

    Attributes:
        value: an account's id; a folded glob; a network such as `192.0.2.7/32`.
        label: `account bob`, `nick *spam*`, `192.0.2.7`.
    """

    kind: MaskKind
    value: str
    label: str

    def __post_init__(self) -> None:
        # What the store holds is checked too: msgspec calls this for what it decodes.
        if not self.value:
            raise ValueError("a mask without a value would catch every guest")
        if self.kind == "address":
            ip_network(self.value)

    @property
    def key(self) -> MaskKey:
        """Two masks with one key catch the same, whatever their labels."""
        return self.prefix or (self.kind, self.value)

    @property
    def prefix(self) -> Prefix | None:
        """What the addresses that it catches have in common; None: it is not about addresses."""
        return _prefix(self.value) if self.kind == "address" else None

    @property
    def is_glob(self) -> bool:
        return self.kind == "nick" and _WILDCARDS.search(self.value) is not None

    def matches(self, subject: Subject) -> bool:
        """Whether it catches *subject*. For many masks at once see `Sanctions`."""
        if self.kind == "account":
            return subject.account == self.value
        if self.kind == "nick":
            return compile_glob(self.value).fullmatch(subject.key) is not None
        address = parse_address(subject.address)
        version, bits, _ = prefix = _prefix(self.value)
        if address is None or address.version != version:
            return False
        return prefix_of(address, bits) == prefix


@lru_cache(maxsize=1024)
def _prefix(value: str) -> Prefix:
    network = ip_network(value)
    return prefix_of(network.network_address, network.prefixlen)


def account_mask(id: str, name: str) -> Mask:
    return Mask("account", id, f"account {name}")


def nick_mask(glob: str) -> Mask:
    """The mask for nicks like *glob*, in its normal form: two that catch the same are the same.

    Raises:
        BadRequest: it is too long, catches everybody, or no nick at all.
    """
    value = _WILDCARDS.sub(_ordered, fold(glob))
    if not value.strip("*?"):
        raise BadRequest("a nick mask needs more than * and ?, or it catches everybody")
    mask = Mask("nick", value, f"nick {value}")
    longest = GLOB_CHARACTERS if mask.is_glob else NICK_CHARACTERS
    if len(value) > longest:
        raise BadRequest(f"a nick mask has at most {longest} characters; this one has {len(value)}")
    try:
        check_part(_WILDCARDS.sub("", value))
    except NameInvalid as exc:
        raise BadRequest(f"{exc.message}; a network is written addr:NETWORK") from None
    return mask


def _ordered(wildcards: re.Match[str]) -> str:
    run = wildcards.group()
    return "?" * run.count("?") + "*" * ("*" in run)


def network_mask(network: Network) -> Mask:
    """The mask for a network or, as one of a single address, for an address."""
    single = network.prefixlen == network.max_prefixlen
    return Mask("address", str(network), str(network.network_address if single else network))


def parse_mask(text: str, *, account_of: AccountOf) -> Mask:
    """Return the mask that a person wrote: `account:NAME`, `nick:GLOB`, `addr:NETWORK`, or bare.

    A bare word is an address or a network if it reads as one, else a glob if it holds a wildcard,
    else the name of an account, else a nick. A network may be given by any address in it.

    Args:
        account_of: the id and the name of the account that a name stands for, or None.

    Raises:
        BadRequest: that is no mask, or it catches too many.
        NoSuchMember: there is no account with that name.
    """
    text = without_joiners(text)
    if not text.isprintable() or " " in text or not text:
        raise BadRequest("a mask is one word, of characters that can be seen")
    if len(text) > NICK_CHARACTERS:  # folding takes time by the character
        raise BadRequest(
            f"a mask has at most {NICK_CHARACTERS} characters; this one has {len(text)}"
        )
    match text.partition(":"):
        case ("account", ":", name):
            return _known_account(name, account_of)
        case ("nick", ":", glob):
            return nick_mask(glob)
        case ("addr", ":", network):
            return network_mask(_parse_network(network))
    return _parse_bare(text, account_of)


def _parse_bare(text: str, account_of: AccountOf) -> Mask:
    # No nick holds a colon or a slash: who wrote one meant a network.
    if ":" in text or "/" in text or parse_address(text) is not None:
        return network_mask(_parse_network(text))
    name = text.removeprefix("@")
    account = None if _WILDCARDS.search(fold(name)) else account_of(name)
    return account_mask(*account) if account else nick_mask(name)


def _known_account(name: str, account_of: AccountOf) -> Mask:
    account = account_of(name)
    if account is None:
        raise NoSuchMember(f"there is no account {name}", account=name)
    return account_mask(*account)


def _parse_network(text: str) -> Network:
    """Raises BadRequest."""
    try:
        network = _unmapped(ip_network(text, strict=False))
    except ValueError:
        examples = "192.0.2.7, 192.0.2.0/24 or 2001:db8::/64"
        raise BadRequest(f"{text} is no address and no network such as {examples}") from None
    widest = _WIDEST_BITS[network.version]
    if network.prefixlen < widest:
        raise BadRequest(
            f"{network} catches too many: an IPv{network.version} network is at most a /{widest}"
        )
    return network


def _unmapped(network: Network) -> Network:
    address = network.network_address
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped and network.prefixlen >= _MAPPED_BITS:
            return IPv4Network((int(address.ipv4_mapped), network.prefixlen - _MAPPED_BITS))
        return IPv6Network((int(address), network.prefixlen))  # without the scope: `%eth0`
    return network


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address | None:
    """The IP address that *text* is, IPv4 where it stands for one, or None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))  # without the scope: `%eth0`
    return address


def prefix_of(address: Address, bits: int) -> Prefix:
    """What all addresses of the network have in common that has so many *bits* and *address*."""
    return address.version, bits, int(address) >> (address.max_prefixlen - bits)


@lru_cache(maxsize=1024)
def compile_glob(glob: str) -> re.Pattern[str]:
    """The expression whose `fullmatch` says whether *glob* describes all of a text.

    Each piece between two `*` is put at the first place where it fits (an atomic group): what
    comes after it fits then, if it fits at all. So nothing is tried twice, and the time is
    bounded by the product of both lengths, whatever the glob.
    """
    head, *pieces = (re.escape(piece).replace(r"\?", ".") for piece in glob.split("*"))
    if not pieces:
        return re.compile(head, re.DOTALL)
    tail = pieces.pop()
    between = "".join(f"(?>.*?{piece})" for piece in pieces)
    return re.compile(f"{head}{between}.*{tail}", re.DOTALL)
