"""Under which address a peer is counted, for the limits of one address."""

from __future__ import annotations

from ipaddress import ip_network

from trio_chat.chat.masks import parse_address
from trio_chat.config import LimitsSection


def source_of(peer: str) -> str:
    """Return the address, or of IPv6 the network of a household (64 bits), that *peer* has."""
    if ":" not in peer:
        return peer
    address = parse_address(peer)
    return str(ip_network(f"{peer}/64", strict=False)) if address and address.version == 6 else peer


def is_local(peer: str) -> bool:
    """Return whether a link from *peer* comes from this machine itself."""
    return peer in ("unix", "stream", "::1") or peer.startswith("127.")


def counted_address(peer: str, source: str, limits: LimitsSection) -> str:
    """Return the address under which *peer*, whose `source_of` is *source*, is counted; "" for this
    machine itself, if that is trusted: then it is counted nowhere."""
    return "" if limits.trust_loopback and is_local(peer) else source
