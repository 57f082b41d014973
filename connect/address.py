"""Whose request is this, as far as an address tells: what the limits count by before anybody is known.

X-Forwarded-For is what whoever sends a request writes, so it counts only where the peer is a proxy that the
operator named, and only from the right, up to the first address that none of those proxies has.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NOWHERE = "local"
"""Who has no address: a peer on a Unix socket."""

_HOPS = 20
"""The most entries of the header that are read. A chain of proxies is shorter."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks of the reverse proxies in front of us (`VALET_TRUSTED_PROXIES`)."""

    networks: tuple[_Network, ...] = ()

    @classmethod
    def read(cls, entries: Iterable[str]) -> Proxies:
        """Addresses and networks (`10.0.0.0/8`). Raises ValueError with a sentence about the entry."""
        return cls(tuple(_network(entry) for entry in entries))

    def __contains__(self, address: object) -> bool:
        return any(address in network for network in self.networks)


def client_address(request: Request, trusted: Proxies) -> str:
    """The address that a request counts for: an IPv4 address, or the /64 of an IPv6 one.

    A line at home or a rented machine has a /64 of its own, so each single address of it would be a way
    around every limit. What can't be read ends the search at the last proxy that could be believed.
    """
    here = _address(request.client.host) if request.client else None
    if here is None:
        return NOWHERE
    for entry in _forwarded(request):
        if here not in trusted:
            break
        before = _address(entry)
        if before is None:
            break
        here = before
    return _counted(here)


def peer_is_trusted(request: Request, trusted: Proxies) -> bool:
    """Whether who is connected to us is a proxy that is believed."""
    here = _address(request.client.host) if request.client else None
    return here is not None and here in trusted


def _forwarded(request: Request) -> list[str]:
    """What stands in X-Forwarded-For, the latest proxy's word first. Several headers are one list."""
    entries = ",".join(request.headers.getlist("x-forwarded-for")).rsplit(",", _HOPS)[-_HOPS:]
    return [entry for entry in reversed(entries) if entry.strip()]


def _address(text: str) -> _Address | None:
    """An address as proxies spell it: with a port, in brackets or quotes, with a zone."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _counted(address: _Address) -> str:
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _network(entry: str) -> _Network:
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        raise ValueError("is not an address or a network such as 10.0.0.0/8") from None
    # As numbers: an address with a zone (fe80::1%eth0) equals none without.
    if int(ipaddress.ip_interface(entry).ip) != int(network.network_address):
        raise ValueError(f"names an address inside a network; write {network} if you mean all of it")
    if network.prefixlen == 0:
        raise ValueError("would let anybody pass for anybody; name your proxy's address")
    return network
